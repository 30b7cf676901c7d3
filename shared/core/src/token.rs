//! What travels in queues: continuation tokens and tasks, both with a version.

use crate::id::{AccountNo, Generation, LaneNo, MigrationId, PassNo};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a lane works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneKind {
    /// Counts and sizes what the source holds.
    Analyze,
    /// Makes the destination folders and cuts the slices of a pass.
    Plan,
    /// Copies slices.
    Copy,
    /// Compares the destination with the manifest and removes late copies.
    Verify,
    /// Takes back what was written.
    Undo,
    /// Writes an export into the bucket.
    Export,
}

impl LaneKind {
    /// Returns the word that keys are made of.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Plan => "plan",
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Undo => "undo",
            Self::Export => "export",
        }
    }
}

/// Why a lane goes on in another invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The lane begins.
    Begin,
    /// The chunk's time is over.
    Time,
    /// The source or the destination asked for a pause.
    Pause,
    /// Other lanes hold everything there is to do now.
    Idle,
    /// The sweeper found the lane without a holder.
    Swept,
    /// A person asked for another try.
    Retry,
}

/// What a chunk hands to the next invocation. A hint: the truth is in the lane's item, and a token of an
/// older generation is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuationToken {
    /// The version of this form, 1.
    pub v: u8,
    /// What the lane works on.
    pub kind: LaneKind,
    /// The migration.
    pub migration: MigrationId,
    /// The account.
    pub account: AccountNo,
    /// The pass.
    pub pass: PassNo,
    /// The lane.
    pub lane: LaneNo,
    /// The generation that the receiver must find.
    pub generation: Generation,
    /// How many continuations came before.
    pub hop: u32,
    /// Why.
    pub reason: Reason,
    /// Not earlier than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// The events that people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailEvent {
    /// The migration was submitted.
    Submitted,
    /// A pass has begun.
    Started,
    /// A pass has ended.
    Ended,
    /// A person must act.
    Attention,
    /// An address has to be confirmed before anything starts.
    Confirm,
}

impl MailEvent {
    /// Returns the word that keys are made of.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Started => "started",
            Self::Ended => "ended",
            Self::Attention => "attention",
            Self::Confirm => "confirm",
        }
    }
}

/// A task for a function. Every task may arrive twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Checks the credentials and permissions of an account.
    Check {
        /// The version of this form, 1.
        v: u8,
        /// The migration.
        migration: MigrationId,
        /// The account.
        account: AccountNo,
    },
    /// Sends a check for every account from this one on, some hundred at a time.
    CheckAll {
        /// The version of this form, 1.
        v: u8,
        /// The migration.
        migration: MigrationId,
        /// The first account.
        from: AccountNo,
    },
    /// Makes the permission for an account's destination again, for what comes after a pass.
    Permit {
        /// The version of this form, 1.
        v: u8,
        /// The migration.
        migration: MigrationId,
        /// The account.
        account: AccountNo,
    },
    /// Tells people of an event.
    Notify {
        /// The version of this form, 1.
        v: u8,
        /// The migration.
        migration: MigrationId,
        /// The event.
        event: MailEvent,
        /// The pass it belongs to; 0 for none.
        pass: PassNo,
        /// Says more of the event (the account and code of an attention).
        #[serde(default)]
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ContinuationToken {
        ContinuationToken {
            v: 1,
            kind: LaneKind::Copy,
            migration: MigrationId::new("0123456789abcdef").unwrap(),
            account: AccountNo(17),
            pass: PassNo(1),
            lane: LaneNo(2),
            generation: Generation(5),
            hop: 4,
            reason: Reason::Time,
            not_before: None,
        }
    }

    const SAMPLE: &str = r#"{"v":1,"kind":"copy","migration":"0123456789abcdef","account":17,"pass":1,"lane":2,"generation":5,"hop":4,"reason":"time"}"#;

    #[test]
    fn a_token_of_version_1_reads_as_it_was_written() {
        assert_eq!(serde_json::to_string(&token()).unwrap(), SAMPLE);
        assert_eq!(serde_json::from_str::<ContinuationToken>(SAMPLE).unwrap(), token());
    }

    #[test]
    fn a_task_of_version_1_reads_as_it_was_written() {
        let sample = r#"{"task":"notify","v":1,"migration":"0123456789abcdef","event":"ended","pass":2,"detail":""}"#;
        let task = serde_json::from_str::<Task>(sample).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), sample);
    }
}

//! A lane: one chain of chunks of an account.

use super::{Counters, Record};
use crate::id::{AccountNo, Generation, LaneNo, MigrationId, PassNo};
use crate::token::{ContinuationToken, LaneKind, Reason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// Its continuation is in a queue, or waits for its time.
    Queued,
    /// A chunk holds it.
    Running,
    /// It has nothing more to do in this pass.
    Ended,
}

/// A lane. Only the holder of its lease writes it, so its counters have one writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The version of this form, 1.
    pub v: u8,
    /// The migration.
    pub migration: MigrationId,
    /// The account.
    pub account: AccountNo,
    /// What it works on.
    pub kind: LaneKind,
    /// Its number.
    pub no: LaneNo,
    /// The pass.
    pub pass: PassNo,
    /// Where it stands.
    pub state: LaneState,
    /// How often it was taken.
    pub generation: Generation,
    /// Until when it is held, while it is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// When the sweeper must look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// Not to be taken earlier than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How many continuations came before.
    pub hop: u32,
    /// How many chunks in a row made no progress.
    pub idle_chunks: u32,
    /// No slice below this number is open.
    #[serde(default)]
    pub first_open: u32,
    /// Where a lane that walks (analyze, plan, verify, export) stands.
    #[serde(default)]
    pub cursor: String,
    /// What the lane counted in this pass.
    #[serde(default)]
    pub counters: Counters,
    /// What it waits for, as code and words; empty when it does not wait.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waits_code: String,
    /// What it waits for, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waits_for: String,
}

impl Record for Lane {
    fn due(&self) -> Option<Timestamp> {
        self.look_at.filter(|_| self.state != LaneState::Ended)
    }
}

impl Lane {
    /// Returns the token that continues the lane as it stands.
    #[must_use]
    pub fn token(&self, reason: Reason) -> ContinuationToken {
        ContinuationToken {
            v: 1,
            kind: self.kind,
            migration: self.migration.clone(),
            account: self.account,
            pass: self.pass,
            lane: self.no,
            generation: self.generation,
            hop: self.hop,
            reason,
            not_before: self.not_before,
        }
    }
}

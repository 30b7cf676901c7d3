//! The states of migrations, accounts and slices, and the one way each may change.

use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A change that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not possible while the {what} is {state}")]
pub struct Illegal {
    /// What has the state: migration or account.
    pub what: &'static str,
    /// The state as it is shown.
    pub state: String,
    /// The event as it is shown.
    pub event: String,
}

impl Illegal {
    /// Says that an event is not possible in that state.
    pub fn of(what: &'static str, state: &impl Serialize, event: &str) -> Self {
        Self { what, state: word(state), event: event.to_owned() }
    }
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

macro_rules! refuse {
    ($what:literal, $state:expr, $event:expr) => {
        Err(Illegal { what: $what, state: word(&$state), event: word(&$event) })
    };
}

/// The state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    /// Taken in; nothing has signed in anywhere yet.
    Submitted,
    /// Accounts are being checked and analyzed.
    Checking,
    /// Every account is checked and analyzed, or failed its check.
    Ready,
    /// Starts at a time.
    Scheduled,
    /// A pass is under way.
    Running,
    /// Finishes its windows, then pauses.
    Pausing,
    /// Waits for a person.
    Paused,
    /// A pass ended, every message accounted for without failures.
    Finished,
    /// A pass ended, with failures named in the protocol.
    FinishedWithErrors,
    /// No account could be copied at all.
    Failed,
    /// Finishes its windows, then is cancelled.
    Cancelling,
    /// Given up by a person.
    Cancelled,
    /// Its data is being deleted.
    Erasing,
    /// Only the fact that it existed is left.
    Erased,
}

/// What may happen to a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationEvent {
    /// The first check begins, or accounts were added or changed.
    Check,
    /// No check and no analysis is open any more.
    Checked,
    /// A person sets a time.
    Schedule,
    /// A person starts a pass, or its time has come.
    Start,
    /// A person asks for a pause.
    Pause,
    /// No window is open any more after a pause was asked for.
    Paused,
    /// A person lets it go on.
    Resume,
    /// Every account of the pass has ended well.
    Finish,
    /// Every account of the pass has ended, some with errors.
    FinishWithErrors,
    /// Every account of the pass has failed.
    Fail,
    /// A person gives it up.
    Cancel,
    /// No window is open any more after it was given up.
    Cancelled,
    /// A person, or the end of the retention, deletes its data.
    Erase,
    /// All its data is deleted.
    Erased,
}

impl MigrationState {
    /// Returns the state after the event.
    ///
    /// # Errors
    /// [`Illegal`], naming both, when the state does not allow the event.
    pub fn apply(self, event: MigrationEvent) -> Result<Self, Illegal> {
        use MigrationEvent as E;
        Ok(match (self, event) {
            (Self::Submitted | Self::Ready | Self::Checking, E::Check) => Self::Checking,
            (Self::Submitted | Self::Checking, E::Checked) => Self::Ready,
            (Self::Submitted | Self::Checking | Self::Ready | Self::Scheduled, E::Schedule) => Self::Scheduled,
            (Self::Submitted | Self::Checking | Self::Ready | Self::Scheduled, E::Start) => Self::Running,
            (Self::Finished | Self::FinishedWithErrors | Self::Failed, E::Start) => Self::Running,
            (Self::Finished | Self::FinishedWithErrors | Self::Failed, E::Schedule) => Self::Scheduled,
            (Self::Running, E::Pause) => Self::Pausing,
            (Self::Pausing, E::Paused) => Self::Paused,
            (Self::Pausing | Self::Paused, E::Resume) => Self::Running,
            (Self::Running, E::Finish) => Self::Finished,
            (Self::Running, E::FinishWithErrors) => Self::FinishedWithErrors,
            (Self::Running, E::Fail) => Self::Failed,
            (Self::Running | Self::Pausing | Self::Paused, E::Cancel) => Self::Cancelling,
            (Self::Submitted | Self::Checking | Self::Ready | Self::Scheduled, E::Cancel) => Self::Cancelling,
            (Self::Cancelling, E::Cancelled) => Self::Cancelled,
            (Self::Running | Self::Pausing | Self::Cancelling | Self::Erased, E::Erase) => {
                return refuse!("migration", self, event);
            }
            (_, E::Erase) => Self::Erasing,
            (Self::Erasing, E::Erased) => Self::Erased,
            _ => return refuse!("migration", self, event),
        })
    }

    /// Tells whether lanes of its accounts may begin another window.
    #[must_use]
    pub fn copies(self) -> bool {
        self == Self::Running
    }

    /// Tells whether the destination may be compared with the manifest: what is given up is verified, too.
    #[must_use]
    pub fn verifies(self) -> bool {
        self.copies() || self == Self::Cancelling
    }

    /// Tells whether a pass has begun that has not come to its end.
    #[must_use]
    pub fn under_way(self) -> bool {
        matches!(self, Self::Running | Self::Pausing | Self::Paused | Self::Cancelling)
    }

    /// Tells whether nothing is under way or planned.
    #[must_use]
    pub fn rests(self) -> bool {
        matches!(
            self,
            Self::Paused | Self::Finished | Self::FinishedWithErrors | Self::Failed | Self::Cancelled | Self::Erased
        )
    }
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Its check has not begun.
    Waiting,
    /// Signs in at both ends.
    Checking,
    /// An end refused; the check says why.
    CheckFailed,
    /// Counts and sizes the source.
    Analyzing,
    /// Can be started.
    Ready,
    /// Waits for its turn in a pass.
    Queued,
    /// Its lanes plan and copy.
    Copying,
    /// The destination is compared with the manifest.
    Verifying,
    /// The pass ended, every message accounted for without failures.
    Done,
    /// The pass ended, with failures named in the protocol.
    DoneWithErrors,
    /// Makes no progress, or an end refused; a person must act, then retry.
    Stalled,
    /// Given up by a person.
    Cancelled,
}

/// What may happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountEvent {
    /// Its check begins.
    Check,
    /// An end refused.
    Refused,
    /// Both ends are well; its analysis begins.
    Analyze,
    /// The analysis has ended.
    Analyzed,
    /// It waits for its turn in a pass.
    Queue,
    /// Its turn has come.
    Admit,
    /// Every slice is done.
    Verify,
    /// Verified without failures.
    Finish,
    /// Verified; some messages failed or are missing.
    FinishWithErrors,
    /// No progress, or an end refused in the middle.
    Stall,
    /// A person gives it up after some of it was copied: what is at the destination is verified first.
    Part,
    /// A person gives it up.
    Cancel,
    /// Its credentials or host were changed.
    Change,
}

impl AccountState {
    /// Returns the state after the event.
    ///
    /// # Errors
    /// [`Illegal`], naming both, when the state does not allow the event.
    pub fn apply(self, event: AccountEvent) -> Result<Self, Illegal> {
        use AccountEvent as E;
        let rests = !matches!(self, Self::Copying | Self::Verifying | Self::Cancelled);
        Ok(match (self, event) {
            (_, E::Check | E::Change) if rests && self != Self::Queued => {
                if event == E::Check {
                    Self::Checking
                } else {
                    Self::Waiting
                }
            }
            (Self::Checking, E::Refused) => Self::CheckFailed,
            (Self::Checking, E::Analyze) => Self::Analyzing,
            (Self::Analyzing, E::Refused) => Self::CheckFailed,
            (Self::Analyzing, E::Analyzed) => Self::Ready,
            (Self::Analyzing | Self::Ready | Self::Done | Self::DoneWithErrors | Self::Stalled, E::Queue) => {
                Self::Queued
            }
            (Self::Copying | Self::Verifying, E::Queue) => Self::Queued,
            (Self::Analyzing | Self::Ready | Self::Done | Self::DoneWithErrors | Self::Stalled, E::Admit) => {
                Self::Copying
            }
            (Self::Queued, E::Admit) => Self::Copying,
            (Self::Copying, E::Verify) => Self::Verifying,
            (Self::Waiting | Self::CheckFailed | Self::Ready | Self::Queued | Self::Stalled, E::Part) => {
                Self::Verifying
            }
            (Self::Verifying, E::Finish) => Self::Done,
            (Self::Verifying, E::FinishWithErrors) => Self::DoneWithErrors,
            (Self::Copying | Self::Verifying | Self::Analyzing | Self::Queued, E::Stall) => Self::Stalled,
            (state, E::Cancel) if state != Self::Cancelled => Self::Cancelled,
            _ => return refuse!("account", self, event),
        })
    }

    /// Tells whether the account takes part in the active ones.
    #[must_use]
    pub fn active(self) -> bool {
        matches!(self, Self::Copying | Self::Verifying)
    }

    /// Tells whether a pass over the account has ended, well or not.
    #[must_use]
    pub fn ended(self) -> bool {
        matches!(self, Self::Done | Self::DoneWithErrors | Self::Stalled | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_change_names_both_sides() {
        let refused = MigrationState::Erased.apply(MigrationEvent::Start).unwrap_err();
        assert_eq!(refused.to_string(), "start is not possible while the migration is erased");
    }

    #[test]
    fn a_migration_may_start_before_its_analysis_ends() {
        assert_eq!(MigrationState::Checking.apply(MigrationEvent::Start), Ok(MigrationState::Running));
    }

    #[test]
    fn a_running_migration_is_not_erased() {
        assert!(MigrationState::Running.apply(MigrationEvent::Erase).is_err());
    }

    #[test]
    fn credentials_of_a_copying_account_cannot_change() {
        assert!(AccountState::Copying.apply(AccountEvent::Change).is_err());
        assert_eq!(AccountState::Stalled.apply(AccountEvent::Change), Ok(AccountState::Waiting));
    }
}

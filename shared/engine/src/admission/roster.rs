//! The roster of active accounts and running migrations; its decisions are pure.

use super::Left;
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::state::{MigrationEvent, MigrationState};
use serde::{Deserialize, Serialize};

/// An account that is being copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// Its migration.
    pub migration: MigrationId,
    /// The account.
    pub account: AccountNo,
    /// The host of its source, in small letters.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
}

/// A migration whose pass is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The migration.
    pub migration: MigrationId,
    /// The next account in order.
    pub cursor: u32,
    /// Whether every account in order had its turn.
    #[serde(default)]
    pub exhausted: bool,
    /// Whether nobody is admitted now (pause, cancellation).
    #[serde(default)]
    pub held: bool,
    /// Accounts that had their turn, or were promised one, and have not ended.
    pub open: u32,
    /// Accounts that ended without failures.
    pub well: u32,
    /// Accounts that ended with failures.
    pub with_errors: u32,
    /// Accounts that could not be copied.
    pub failed: u32,
}

impl Running {
    /// Begins at the first account.
    #[must_use]
    pub fn new(migration: MigrationId, cursor: u32) -> Self {
        Self { migration, cursor, exhausted: false, held: false, open: 0, well: 0, with_errors: 0, failed: 0 }
    }
}

/// The roster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Roster {
    /// The accounts that are being copied.
    pub active: Vec<Active>,
    /// The migrations whose pass is under way.
    pub running: Vec<Running>,
}

impl Roster {
    /// Returns the entry of a migration.
    pub fn running_mut(&mut self, migration: &MigrationId) -> Option<&mut Running> {
        self.running.iter_mut().find(|r| r.migration == *migration)
    }

    /// Returns how many accounts are active on a host.
    #[must_use]
    pub fn active_on(&self, host: &str) -> usize {
        self.active.iter().filter(|a| a.host == host).count()
    }

    fn active_of(&self, migration: &MigrationId) -> usize {
        self.active.iter().filter(|a| a.migration == *migration).count()
    }

    /// Returns the migration whose turn it is: the one with the fewest active accounts; nothing when the house is full.
    #[must_use]
    pub fn next(&self, most: usize, passed_over: &[MigrationId]) -> Option<&Running> {
        if self.active.len() >= most {
            return None;
        }
        let waits = |r: &&Running| !r.held && !passed_over.contains(&r.migration);
        self.running.iter().filter(waits).min_by_key(|r| self.active_of(&r.migration))
    }

    /// Takes an account out; `false` when it was not in, so that leaving twice is leaving once.
    pub fn leave(&mut self, migration: &MigrationId, account: AccountNo, left: Left) -> bool {
        let before = self.active.len();
        self.active.retain(|a| !(a.migration == *migration && a.account == account));
        if self.active.len() == before {
            return false;
        }
        if let Some(running) = self.running_mut(migration) {
            match left {
                Left::Well => running.well += 1,
                Left::WithErrors => running.with_errors += 1,
                Left::Failed => running.failed += 1,
                Left::Interrupted => return true,
            }
            running.open = running.open.saturating_sub(1);
        }
        true
    }

    /// Returns the event that ends what the migration is in, when none of its accounts keeps it there.
    #[must_use]
    pub fn end_of(&self, migration: &MigrationId, state: MigrationState) -> Option<MigrationEvent> {
        let running = self.running.iter().find(|r| r.migration == *migration);
        let active = self.active_of(migration);
        match state {
            MigrationState::Pausing if active == 0 => Some(MigrationEvent::Paused),
            MigrationState::Cancelling if active == 0 => Some(MigrationEvent::Cancelled),
            MigrationState::Running => {
                let running = running.filter(|r| r.exhausted && r.open == 0 && active == 0)?;
                Some(match running {
                    Running { with_errors: 0, failed: 0, .. } => MigrationEvent::Finish,
                    Running { well: 0, with_errors: 0, .. } => MigrationEvent::Fail,
                    _ => MigrationEvent::FinishWithErrors,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MigrationId {
        MigrationId::new(format!("{name:0>12}")).unwrap()
    }

    fn active(name: &str, no: u32) -> Active {
        Active { migration: id(name), account: AccountNo(no), host: "imap".into(), since: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_small_migration_gets_its_turn_beside_a_huge_one() {
        let roster = Roster {
            active: vec![active("huge", 1), active("huge", 2)],
            running: vec![Running::new(id("huge"), 3), Running::new(id("small"), 0)],
        };
        assert_eq!(roster.next(4, &[]).map(|r| &r.migration), Some(&id("small")));
        assert_eq!(roster.next(2, &[]), None);
    }

    #[test]
    fn leaving_twice_is_leaving_once() {
        let mut roster =
            Roster { active: vec![active("a", 1)], running: vec![Running { open: 1, ..Running::new(id("a"), 2) }] };
        assert!(roster.leave(&id("a"), AccountNo(1), Left::Well));
        assert!(!roster.leave(&id("a"), AccountNo(1), Left::Well));
        assert_eq!((roster.running[0].open, roster.running[0].well), (0, 1));
    }

    #[test]
    fn a_pass_ends_when_nobody_is_open() {
        let running = Running { exhausted: true, well: 1, ..Running::new(id("a"), 2) };
        let end =
            |r: &Running| Roster { active: vec![], running: vec![r.clone()] }.end_of(&id("a"), MigrationState::Running);
        assert_eq!(end(&running), Some(MigrationEvent::Finish));
        assert_eq!(end(&Running { failed: 1, ..running.clone() }), Some(MigrationEvent::FinishWithErrors));
        assert_eq!(end(&Running { failed: 1, well: 0, ..running.clone() }), Some(MigrationEvent::Fail));
        assert_eq!(end(&Running { open: 1, ..running.clone() }), None);
        assert_eq!(end(&Running { exhausted: false, ..running }), None);
    }
}

//! The roster of active accounts and running migrations; its decisions are pure.

use super::Left;
use crate::world::later;
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::state::{MigrationEvent, MigrationState};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::time::Duration;

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
    /// Whether it was asked to give its place to others.
    #[serde(default)]
    pub yields: bool,
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

    /// Tells whether accounts of a migration wait for their turn, as far as the roster knows.
    #[must_use]
    pub fn waits(&self, migration: &MigrationId) -> bool {
        let active = self.active_of(migration);
        let waits = |r: &Running| !r.held && (!r.exhausted || r.open as usize > active);
        self.running.iter().find(|r| r.migration == *migration).is_some_and(waits)
    }

    /// Chooses who gives its place to a migration that waits (on a host, where that is what is full): of those that had
    /// it for a turn, one of the migration with the most places, the earliest of them. A migration with as many places
    /// as the other gets none from it; among its own accounts a turn is four times as long. One at a time.
    #[must_use]
    pub fn yielder(&self, now: Timestamp, turn: Duration, to: &MigrationId, host: Option<&str>) -> Option<usize> {
        let there = |a: &&Active| host.is_none_or(|host| a.host == host);
        if self.active.iter().filter(there).any(|a| a.yields) {
            return None;
        }
        let long = |a: &Active| {
            let turn = if a.migration == *to { turn * 4 } else { turn };
            later(a.since, turn) <= now
        };
        let places = self.active_of(to);
        let may = |a: &Active| a.migration == *to || self.active_of(&a.migration) > places;
        let all = self.active.iter().enumerate().filter(|(_, a)| there(a) && long(a) && may(a));
        all.min_by_key(|(_, a)| (Reverse(self.active_of(&a.migration)), a.since)).map(|(at, _)| at)
    }

    /// Returns the migration whose turn it is: the one with the fewest active accounts.
    #[must_use]
    pub fn next(&self, passed_over: &[MigrationId]) -> Option<&Running> {
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
        Active {
            migration: id(name),
            account: AccountNo(no),
            host: "imap".into(),
            since: Timestamp::UNIX_EPOCH,
            yields: false,
        }
    }

    #[test]
    fn a_small_migration_gets_its_turn_beside_a_huge_one() {
        let roster = Roster {
            active: vec![active("huge", 1), active("huge", 2)],
            running: vec![Running::new(id("huge"), 3), Running::new(id("small"), 0)],
        };
        assert_eq!(roster.next(&[]).map(|r| &r.migration), Some(&id("small")));
    }

    #[test]
    fn who_had_a_place_for_a_turn_gives_it_to_a_migration_that_has_fewer() {
        let roster = Roster { active: vec![active("huge", 1), active("huge", 2), active("mid", 1)], running: vec![] };
        let turn = Duration::from_secs(60);
        let to = |name: &str, seconds| roster.yielder(Timestamp::from_second(seconds).unwrap(), turn, &id(name), None);
        assert_eq!(to("small", 59), None);
        assert_eq!(to("small", 60), Some(0));
        assert_eq!(to("huge", 239), None);
        assert_eq!(to("huge", 240), Some(0));
        let even = Roster { active: vec![active("a", 1)], running: vec![] };
        assert_eq!(even.yielder(Timestamp::MAX, turn, &id("b"), Some("imap")), Some(0));
        assert_eq!(even.yielder(Timestamp::MAX, turn, &id("b"), Some("other")), None);
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

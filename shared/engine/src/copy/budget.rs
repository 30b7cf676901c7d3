//! What a provider lets be read of one mailbox in a day, over all lanes and migrations of that mailbox.

use crate::ledger::LedgerError;
use crate::world::{World, later};
use mailcrane_core::ports::table::Table as _;
use mailcrane_core::record::{Account, keys};
use mailcrane_core::{Fault, Timestamp};
use std::time::Duration;

const DAY: i64 = 24 * 3600;

/// The budget of an account, as one chunk sees it.
#[derive(Debug)]
pub(super) struct Budget {
    account: Account,
    /// Octets a day; nothing when the provider names no limit.
    allowed: Option<u64>,
    /// What was read of the mailbox today, as far as it is booked.
    used: u64,
    /// What this chunk has read and not booked.
    unbooked: u64,
}

impl Budget {
    /// Reads what was used today.
    ///
    /// # Errors
    /// [`LedgerError`] of the table.
    pub(super) async fn of<W: World>(world: &W, account: &Account) -> Result<Self, LedgerError> {
        let allowed = account.allowance.daily_octets;
        let mut budget = Self { account: account.clone(), allowed, used: 0, unbooked: 0 };
        if allowed.is_some() {
            budget.add(world).await?;
        }
        Ok(budget)
    }

    /// Counts what was read.
    pub(super) fn count(&mut self, octets: u64) {
        self.unbooked = self.unbooked.saturating_add(octets);
    }

    /// Makes known what was read. A failure is no reason to stop: it is made known with the next window.
    pub(super) async fn book<W: World>(&mut self, world: &W) {
        if self.allowed.is_none() || self.unbooked == 0 {
            return;
        }
        if let Err(error) = self.add(world).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "What was read today could not be booked");
        }
    }

    async fn add<W: World>(&mut self, world: &W) -> Result<(), LedgerError> {
        let now = world.now();
        let key = keys::day(&self.account.source_id, now.as_second().div_euclid(DAY));
        let forget = later(now, Duration::from_secs(2 * DAY.unsigned_abs()));
        let by = i64::try_from(self.unbooked).unwrap_or(i64::MAX);
        let used = world.table().add(&key, by, Some(forget)).await?;
        (self.used, self.unbooked) = (u64::try_from(used).unwrap_or(0), 0);
        Ok(())
    }

    /// Returns why and until when nothing more is read today; the last twentieth is left to what is under way.
    pub(super) fn spent(&self, now: Timestamp) -> Option<(Fault, Timestamp)> {
        let allowed =
            self.allowed.filter(|allowed| self.used.saturating_add(self.unbooked) >= allowed - allowed / 20)?;
        let tomorrow = (now.as_second().div_euclid(DAY) + 1) * DAY;
        let tomorrow = Timestamp::from_second(tomorrow).unwrap_or(Timestamp::MAX);
        let text = format!(
            "the provider lets {} MB of a mailbox be read in a day, and they are used up; it goes on by itself tomorrow",
            allowed / 1_000_000
        );
        Some((Fault::retry(crate::world::until(now, tomorrow), "source.day_budget", text), tomorrow))
    }
}

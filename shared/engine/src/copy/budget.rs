//! What a provider lets be read of one mailbox in a day, over all lanes and migrations of that mailbox. A day is any 24
//! hours, as providers count: it is kept by the hour.

use crate::ledger::LedgerError;
use crate::world::{World, later};
use futures_util::future::try_join_all;
use mailcrane_core::ports::table::Table as _;
use mailcrane_core::record::{Account, keys};
use mailcrane_core::{Fault, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: i64 = 3600;

/// So many hours, the one that has begun included, hold every octet of the last day.
const HOURS: i64 = 25;

/// The budget of an account, as one chunk sees it.
#[derive(Debug)]
pub(super) struct Budget {
    account: Account,
    /// Octets a day; nothing when the provider names no limit.
    allowed: Option<u64>,
    /// What was read of the mailbox in each of the last hours, as far as it is booked.
    hours: BTreeMap<i64, u64>,
    /// What this chunk has read and not booked.
    unbooked: u64,
}

impl Budget {
    /// Reads what was used in the last day.
    ///
    /// # Errors
    /// [`LedgerError`] of the table.
    pub(super) async fn of<W: World>(world: &W, account: &Account) -> Result<Self, LedgerError> {
        let allowed = account.allowance.daily_octets;
        let mut budget = Self { account: account.clone(), allowed, hours: BTreeMap::new(), unbooked: 0 };
        if allowed.is_some() {
            let hour = hour_of(world.now());
            let read = (hour + 1 - HOURS..hour).map(|hour| budget.add_to(world, hour, 0));
            budget.hours = try_join_all(read).await?.into_iter().collect();
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
        let hour = hour_of(world.now());
        if !self.hours.contains_key(&hour) {
            // Others may have booked more into the hour that has ended.
            let before = self.add_to(world, hour - 1, 0).await?;
            self.hours.extend([before]);
        }
        let now = self.add_to(world, hour, self.unbooked).await?;
        self.hours.extend([now]);
        self.hours.retain(|known, _| *known > hour - HOURS);
        self.unbooked = 0;
        Ok(())
    }

    /// Adds to what was read in an hour; gives what it has come to.
    async fn add_to<W: World>(&self, world: &W, hour: i64, octets: u64) -> Result<(i64, u64), LedgerError> {
        let key = keys::hour(&self.account.source_id, hour);
        let forget = later(world.now(), Duration::from_secs(2 * (HOURS * HOUR).unsigned_abs()));
        let by = i64::try_from(octets).unwrap_or(i64::MAX);
        let used = world.table().add(&key, by, Some(forget)).await?;
        Ok((hour, u64::try_from(used).unwrap_or(0)))
    }

    /// Returns why and until when nothing more is read; the last twentieth is left to what is under way.
    pub(super) fn spent(&self, now: Timestamp) -> Option<(Fault, Timestamp)> {
        let allowed = self.allowed?;
        let hour = free_again(&self.hours, self.unbooked, allowed - allowed / 20, hour_of(now))?;
        let again = Timestamp::from_second(hour * HOUR).unwrap_or(Timestamp::MAX);
        let text = format!(
            "the provider lets {} MB of a mailbox be read in a day, and they are used up; it goes on by itself a day after \
             they were read",
            allowed / 1_000_000
        );
        Some((Fault::retry(crate::world::until(now, again), "source.day_budget", text), again))
    }
}

fn hour_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(HOUR)
}

/// Returns the hour with which something may be read again; nothing when it may now.
fn free_again(hours: &BTreeMap<i64, u64>, unbooked: u64, most: u64, now: i64) -> Option<i64> {
    let mut used = hours.values().fold(unbooked, |sum, octets| sum.saturating_add(*octets));
    if used < most {
        return None;
    }
    let frees = |(hour, octets): (&i64, &u64)| {
        used = used.saturating_sub(*octets);
        (used < most).then_some(hour + HOURS)
    };
    Some(hours.iter().find_map(frees).unwrap_or(now + HOURS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_counts_for_a_day_by_the_hour() {
        let free = |hours: &[(i64, u64)], unbooked| free_again(&hours.iter().copied().collect(), unbooked, 100, 1_010);
        assert_eq!(free(&[(1_000, 60), (1_010, 30)], 9), None);
        assert_eq!(free(&[(1_000, 60), (1_010, 30)], 10), Some(1_025), "a day after the end of the hour of the 60");
        assert_eq!(free(&[(1_000, 10), (1_005, 10), (1_010, 90)], 0), Some(1_030), "the first ten are too few");
        assert_eq!(free(&[(1_010, 100)], 0), Some(1_035));
        assert_eq!(free(&[], 100), Some(1_035));
    }
}

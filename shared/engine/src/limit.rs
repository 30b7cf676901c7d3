//! How often something may be done within a while, counted in the table over all invocations.

use mailcrane_core::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::ports::table::{Key, Table, TableError};
use std::time::Duration;

/// A number of times within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is counted; a part of the key.
    pub name: &'static str,
    /// How often it may be done in a period.
    pub most: u32,
    /// The length of the period.
    pub period: Duration,
}

/// What a count came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Within,
    /// It was done too often; so long until the next period begins.
    Beyond(Duration),
}

impl Limit {
    /// Describes a limit.
    #[must_use]
    pub const fn new(name: &'static str, most: u32, period: Duration) -> Self {
        Self { name, most, period }
    }

    /// Counts that many times for somebody, of whom only a hash is kept, and tells whether it was too often. Nothing is
    /// counted with 0; then it tells whether one more time would be too often.
    ///
    /// # Errors
    /// Failures of the table.
    pub async fn count(
        &self,
        table: &impl Table,
        who: &str,
        times: u32,
        now: Timestamp,
    ) -> Result<Verdict, TableError> {
        let seconds = i64::try_from(self.period.as_secs()).unwrap_or(i64::MAX).max(1);
        let period = now.as_second().div_euclid(seconds);
        let over = period.saturating_add(1).saturating_mul(seconds);
        let who = Digest::of(who.as_bytes()).to_string();
        let key = Key::new(format!("RATE#{}#{who}", self.name), period.to_string());
        let forget = Timestamp::from_second(over.saturating_add(seconds)).ok();
        let count = table.add(&key, times.into(), forget).await?;
        let within = if times == 0 { count < self.most.into() } else { count <= self.most.into() };
        let left = u64::try_from(over.saturating_sub(now.as_second())).unwrap_or_default().max(1);
        Ok(if within { Verdict::Within } else { Verdict::Beyond(Duration::from_secs(left)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::ports::clock::Clock as _;
    use mailcrane_testkit::Memory;

    #[test]
    fn the_count_of_a_period_ends_with_it() {
        let memory = Memory::default();
        let limit = Limit::new("guess", 2, Duration::from_secs(60));
        let ask = |who: &str, times| {
            let now = memory.clock.now();
            memory.clock.block_on(limit.count(&memory.table, who, times, now)).unwrap()
        };
        assert_eq!(ask("a", 0), Verdict::Within);
        assert_eq!([ask("a", 1), ask("a", 1)], [Verdict::Within; 2]);
        assert!(matches!(ask("a", 0), Verdict::Beyond(_)), "another time would be too often");
        let Verdict::Beyond(left) = ask("a", 1) else { panic!("it was too often") };
        assert_eq!(ask("b", 1), Verdict::Within);
        memory.clock.advance(left);
        assert_eq!(ask("a", 1), Verdict::Within);
    }

    #[test]
    fn nothing_readable_of_who_is_counted_is_kept() {
        let memory = Memory::default();
        let limit = Limit::new("guess", 2, Duration::from_secs(60));
        let now = memory.clock.now();
        memory.clock.block_on(limit.count(&memory.table, "192.0.2.7", 1, now)).unwrap();
        let stored = format!("{:?}", memory.table.snapshot());
        assert!(stored.contains("RATE#guess") && !stored.contains("192.0.2.7"), "{stored}");
    }
}

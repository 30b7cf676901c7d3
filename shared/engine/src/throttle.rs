//! How many requests may be in flight: one more after each success until the first refusal,
//! then one more after a run of successes, half after a refusal or an answer that comes very late.

use mailcrane_core::Timestamp;
use std::time::Duration;

/// What an answer may take while more requests are put behind it.
const SOON: Duration = Duration::from_secs(4);
/// What it takes when too many are in flight.
const LATE: Duration = Duration::from_secs(8);

/// The limit of requests in flight, and when the next may start.
#[derive(Debug, Clone)]
pub struct Throttle {
    limit: usize,
    most: usize,
    successes: usize,
    /// Nothing was refused yet: the limit doubles with every round.
    steep: bool,
    resume_at: Option<Timestamp>,
}

impl Throttle {
    /// Begins with some requests and never allows more than `most`.
    #[must_use]
    pub fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        Self { limit: first.clamp(1, most), most, successes: 0, steep: true, resume_at: None }
    }

    /// Returns how many requests may be in flight at that time.
    #[must_use]
    pub fn limit(&self, now: Timestamp) -> usize {
        if self.resume_at.is_some_and(|t| t > now) { 0 } else { self.limit }
    }

    /// Returns when requests may start again, when they may not now.
    #[must_use]
    pub fn resume_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.resume_at.filter(|t| *t > now)
    }

    /// Counts an answered request.
    pub fn succeeded(&mut self) {
        self.successes += 1;
        if (self.steep || self.successes >= self.limit) && self.limit < self.most {
            self.limit += 1;
            self.successes = 0;
        }
    }

    /// Counts an answered request where each waits for those before it: one that took long says that no more should be
    /// in flight, and one that took very long that fewer should.
    pub fn answered_in(&mut self, took: Duration) {
        if took <= SOON {
            self.succeeded();
        } else if took > LATE {
            self.limit = (self.limit / 2).max(1);
            (self.steep, self.successes) = (false, 0);
        }
    }

    /// Halves the limit and waits.
    pub fn refused(&mut self, now: Timestamp, wait: Duration) {
        self.limit = (self.limit / 2).max(1);
        self.steep = false;
        self.successes = 0;
        let until = crate::world::later(now, wait);
        self.resume_at = Some(self.resume_at.map_or(until, |t| t.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_answers_end_the_growth_and_very_slow_ones_leave_one_request() {
        let mut throttle = Throttle::new(1, 16);
        let now = Timestamp::UNIX_EPOCH;
        let mut after = |seconds: u64, answers: usize| {
            (0..answers).for_each(|_| throttle.answered_in(Duration::from_secs(seconds)));
            throttle.limit(now)
        };
        assert_eq!([after(1, 7), after(5, 50), after(9, 1), after(30, 3)], [8, 8, 4, 1]);
    }

    #[test]
    fn the_limit_grows_and_is_halved() {
        let mut throttle = Throttle::new(2, 8);
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..100 {
            throttle.succeeded();
        }
        assert_eq!(throttle.limit(now), 8);
        throttle.refused(now, Duration::from_secs(5));
        assert_eq!(throttle.limit(now), 0);
        assert_eq!(throttle.limit(crate::world::later(now, Duration::from_secs(5))), 4);
        throttle.refused(now, Duration::from_secs(1));
        for _ in 0..3 {
            throttle.succeeded();
        }
        assert_eq!(throttle.limit(crate::world::later(now, Duration::from_secs(5))), 3, "a round has two answers now");
        assert_eq!(throttle.resume_at(now), Some(crate::world::later(now, Duration::from_secs(5))));
    }
}

//! How many requests may be in flight: one more after each good answer until the first trouble, then one more after
//! enough of them; half after trouble or rising latency.

use std::time::Duration;

/// Latency this many times the usual one counts as trouble.
const RISE: f64 = 3.0;
/// Weight of a new answer in the usual latency.
const WEIGHT: f64 = 0.1;
/// Answers before latency is judged.
const LEARN: u32 = 8;

/// An adaptive limit (slow start, then additive increase and multiplicative decrease).
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    now: usize,
    max: usize,
    good: usize,
    /// There was no trouble yet: the limit doubles with every round.
    steep: bool,
    usual: Option<f64>,
    answers: u32,
    calm: usize,
}

impl Limit {
    /// Starts with `first` requests in flight, never more than `max`, never fewer than one.
    #[must_use]
    pub fn new(first: usize, max: usize) -> Self {
        let max = max.max(1);
        Self { now: first.clamp(1, max), max, good: 0, steep: true, usual: None, answers: 0, calm: 0 }
    }

    /// Gives how many requests may be in flight now.
    #[must_use]
    pub fn allowed(&self) -> usize {
        self.now
    }

    /// Takes a good answer: how long it took and how many bytes were sent.
    ///
    /// One request more is allowed when as many good answers came as are allowed at once, before any trouble after
    /// each answer.
    pub fn answered(&mut self, took: Duration, bytes: u64) {
        self.calm = self.calm.saturating_sub(1);
        if self.rises(took, bytes) && self.calm == 0 {
            self.halve();
            return;
        }
        self.good = self.good.saturating_add(1);
        if self.steep || self.good >= self.now {
            self.good = 0;
            self.now = self.now.saturating_add(1).min(self.max);
        }
    }

    /// Takes a sign of trouble (`ErrorServerBusy`, too many connections, no answer).
    ///
    /// What was in flight together counts once: the answers to as many requests as were allowed are not judged again.
    pub fn trouble(&mut self) {
        if self.calm == 0 {
            self.halve();
        } else {
            self.calm = self.calm.saturating_sub(1);
        }
    }

    /// Takes what another one has come to: when this one knows no trouble of its own, it goes on from there.
    pub fn learn(&mut self, allowed: usize) {
        if self.steep && allowed < self.now {
            self.now = allowed.max(1);
            (self.good, self.steep) = (0, false);
        }
    }

    fn halve(&mut self) {
        self.calm = self.now;
        self.now = (self.now / 2).max(1);
        (self.good, self.steep) = (0, false);
    }

    /// Learns the latency, counted as if a MiB took as long as an empty request, and says whether it rises.
    fn rises(&mut self, took: Duration, bytes: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a latency needs no exact number of bytes")]
        let cost = took.as_secs_f64() / (1.0 + bytes as f64 / f64::from(1 << 20));
        let usual = self.usual.unwrap_or(cost);
        let rises = self.answers >= LEARN && cost > usual * RISE && cost > 0.05;
        self.answers = self.answers.saturating_add(1);
        self.usual = Some(usual + (cost - usual) * WEIGHT);
        rises
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUICK: Duration = Duration::from_millis(100);

    #[test]
    fn after_trouble_it_grows_by_one_per_round_and_stops_at_the_most() {
        let mut limit = Limit::new(4, 4);
        limit.trouble();
        let seen: Vec<_> = (0..12)
            .map(|_| {
                limit.answered(QUICK, 0);
                limit.allowed()
            })
            .collect();
        assert_eq!(seen, [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]);
    }

    #[test]
    fn before_any_trouble_it_doubles_per_round() {
        let mut limit = Limit::new(2, 16);
        let seen: Vec<_> = (0..6)
            .map(|_| {
                limit.answered(QUICK, 0);
                limit.allowed()
            })
            .collect();
        assert_eq!(seen, [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn one_burst_of_trouble_halves_once() {
        let mut limit = Limit::new(8, 8);
        for _ in 0..8 {
            limit.trouble();
        }
        assert_eq!(limit.allowed(), 4);
        limit.trouble();
        assert_eq!(limit.allowed(), 4, "the ninth answer of the burst's round");
        limit.trouble();
        assert_eq!(limit.allowed(), 2);
    }

    #[test]
    fn rising_latency_halves() {
        let mut limit = Limit::new(4, 4);
        for _ in 0..LEARN {
            limit.answered(QUICK, 0);
        }
        limit.answered(QUICK * 10, 0);
        assert_eq!(limit.allowed(), 2);
    }

    #[test]
    fn a_large_request_may_take_longer() {
        let mut limit = Limit::new(4, 4);
        for _ in 0..LEARN {
            limit.answered(QUICK, 0);
        }
        limit.answered(QUICK * 10, 9 << 20);
        assert_eq!(limit.allowed(), 4);
    }

    proptest! {
        #[test]
        fn it_stays_between_one_and_the_most(first in 0usize..20, max in 0usize..20, events in proptest::collection::vec(0u8..3, 0..200)) {
            let mut limit = Limit::new(first, max);
            for event in events {
                match event {
                    0 => limit.trouble(),
                    1 => limit.answered(QUICK, 1000),
                    _ => limit.answered(QUICK * 50, 0),
                }
                prop_assert!((1..=max.max(1)).contains(&limit.allowed()));
            }
        }
    }
}

//! The clock of one machine, which is a little wrong.

use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock;
use std::time::Duration;

/// The time of this machine and an offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SkewedClock {
    /// Milliseconds that it is ahead.
    pub(crate) ahead: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(jiff::SignedDuration::from_millis(self.ahead)).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

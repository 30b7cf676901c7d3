//! The pauses between tries of a call.

use super::doubt::Cause;
use mailcrane_core::ports::table::TableError;
use std::time::{Duration, Instant};

/// So long a call is tried; then the caller decides.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first pause, on average; doubles each time up to the longest.
const FIRST: Duration = Duration::from_millis(40);

const LONGEST: Duration = Duration::from_secs(1);

/// Counts the tries of one call.
#[derive(Debug)]
pub(super) struct BackOff {
    until: Instant,
    pause: Duration,
}

impl BackOff {
    /// Begins with the first try.
    pub(super) fn begin() -> Self {
        Self { until: Instant::now() + PATIENCE, pause: FIRST }
    }

    /// Waits before the next try, half of the pause and a random share of the rest of it.
    ///
    /// # Errors
    /// [`TableError::Unknown`] when the call was tried long enough.
    pub(super) async fn pause(&mut self, cause: Cause) -> Result<(), TableError> {
        let pause = self.pause.mul_f64(0.5 + fastrand::f64());
        if Instant::now() + pause > self.until {
            return Err(TableError::Unknown(cause));
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }
}

//! Time, from outside.

use jiff::Timestamp;
use std::future::Future;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Returns the time; may jump, never backwards by more than the clock skew of the machines.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

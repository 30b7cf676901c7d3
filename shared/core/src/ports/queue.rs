//! Queues: deliver at least once, in any order, after a delay of at most 15 minutes.

use crate::fault::Fault;
use crate::token::{ContinuationToken, Task};
use std::future::Future;
use std::time::Duration;

/// The longest delay that a queue takes; longer waits are a `not_before` in the table.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Sends work to the functions.
pub trait Queues: Send + Sync {
    /// Sends the continuation of a lane to the function of its kind. A fault means: perhaps sent.
    fn continue_lane(
        &self,
        token: &ContinuationToken,
        delay: Duration,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sends tasks to their functions. A fault means: some were perhaps sent.
    fn send(&self, tasks: &[Task], delay: Duration) -> impl Future<Output = Result<(), Fault>> + Send;
}

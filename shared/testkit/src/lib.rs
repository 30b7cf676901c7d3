//! Memory adapters, a manual clock, fault injection and conformance suites; a dev-dependency only.
//!
//! A [`Memory`] holds every adapter. [`ManualClock::block_on`] runs a test in virtual time, without an async runtime;
//! [`FaultPlan`] sees every port call and lets one of them go wrong; [`FaultPlan::process`] is a process that can be
//! gone; [`Functions`] are invoked by the queues until a test is content; [`faults::sweep`] repeats a scenario with
//! every call of it failed in turn. The same engine on the same world makes the same calls in the same order, as long as it takes no order from
//! a `HashMap` and no branch of a `select!` that is not biased.

pub mod blobs;
pub mod clock;
pub mod conformance;
pub mod destination;
pub mod directory;
pub mod drive;
pub mod ends;
pub mod faults;
pub mod mailer;
mod memory;
mod message_id;
pub mod queues;
pub mod records;
pub mod source;
pub mod table;
pub mod vault;
pub mod webhook;

pub use clock::ManualClock;
pub use drive::Functions;
pub use faults::FaultPlan;
pub use memory::Memory;

use message_id::message_id;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a test has failed while it held the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

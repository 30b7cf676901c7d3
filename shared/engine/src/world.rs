//! What every use case is handed: table, queues, clock and settings.

use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::queue::Queues;
use mailcrane_core::ports::table::Table;
use mailcrane_core::settings::{Settings, Sizes, Times};
use std::time::Duration;

/// The outside of the engine, but for the two ends of an account.
pub trait World: Send + Sync {
    /// The table.
    type Table: Table;
    /// The queues.
    type Queues: Queues;
    /// The clock.
    type Clock: Clock;

    /// Returns the table.
    fn table(&self) -> &Self::Table;
    /// Returns the queues.
    fn queues(&self) -> &Self::Queues;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;
    /// Returns the settings.
    fn settings(&self) -> &Settings;

    /// Returns the time.
    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Returns the durations.
    fn times(&self) -> &Times {
        &self.settings().times
    }

    /// Returns the sizes.
    fn sizes(&self) -> &Sizes {
        &self.settings().sizes
    }
}

/// A world made of its parts.
#[derive(Debug)]
pub struct Parts<T, Q, C> {
    /// The table.
    pub table: T,
    /// The queues.
    pub queues: Q,
    /// The clock.
    pub clock: C,
    /// The settings.
    pub settings: Settings,
}

impl<T: Table, Q: Queues, C: Clock> World for Parts<T, Q, C> {
    type Table = T;
    type Queues = Q;
    type Clock = C;

    fn table(&self) -> &T {
        &self.table
    }
    fn queues(&self) -> &Q {
        &self.queues
    }
    fn clock(&self) -> &C {
        &self.clock
    }
    fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Returns the time that much later; never fails.
#[must_use]
pub fn later(now: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| now.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// Returns how long it is from one time to a later one; nothing when it is past.
#[must_use]
pub fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

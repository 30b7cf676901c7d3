//! Every duration and size that the engine works with; durations scale together, so that tests can run faster.

use jiff::Timestamp;
use std::time::Duration;

/// The durations of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// How long a lane or slice is leased; every commit renews it.
    pub lease: Duration,
    /// How long after the end of a lease somebody else may take over.
    pub takeover: Duration,
    /// How long an unanswered request may still take effect (Q).
    pub quarantine: Duration,
    /// What a chunk keeps back of its time to finish its windows.
    pub reserve: Duration,
    /// The longest time that a chunk copies, however long the function may run.
    pub chunk: Duration,
    /// How long a queued continuation may take to arrive before the sweeper sends it again.
    pub arrival: Duration,
    /// The pause before a lane without work looks again.
    pub idle: Duration,
    /// The first pause after a passing fault; doubles with each further one.
    pub back_off: Duration,
    /// How long a permission may take to become known (WorkMail: within 5 minutes).
    pub propagation: Duration,
    /// How long an account is copied before it gives its place to one of another migration that waits; four times as
    /// long to one of its own.
    pub turn: Duration,
    /// The first pause before a webhook that did not take an event is told again; doubles, up to 128 times as long.
    pub webhook: Duration,
    /// How long after the end the credentials and the record are kept.
    pub retention: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            lease: s(90),
            takeover: s(5),
            quarantine: s(180),
            reserve: s(30),
            chunk: s(240),
            arrival: s(60),
            idle: s(2),
            back_off: s(1),
            propagation: s(360),
            turn: s(1200),
            webhook: s(30),
            retention: s(14 * 24 * 3600),
        }
    }
}

impl Times {
    /// Returns the same durations, all but the retention and the chunk multiplied by the factor.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let by = |d: Duration| d.mul_f64(factor.clamp(0.000_1, 1.0));
        Self {
            lease: by(self.lease),
            takeover: by(self.takeover),
            quarantine: by(self.quarantine),
            reserve: by(self.reserve),
            chunk: self.chunk,
            arrival: by(self.arrival),
            idle: by(self.idle),
            back_off: by(self.back_off),
            propagation: by(self.propagation),
            turn: by(self.turn),
            webhook: by(self.webhook),
            retention: self.retention,
        }
    }
}

/// The sizes of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// The most messages of a slice.
    pub slice_messages: u64,
    /// The most octets of a slice, as the source announces them.
    pub slice_octets: u64,
    /// The most ranges that the UIDs of a slice may fall into.
    pub slice_ranges: usize,
    /// The most messages of a window.
    pub window_messages: usize,
    /// The most octets of a window, as the source announces them; a larger message is a window of its own.
    pub window_octets: u64,
    /// How many windows are intended ahead of what is recorded.
    pub windows_ahead: usize,
    /// How many octets of messages a chunk holds in memory; one larger message is always let in.
    pub memory_octets: u64,
    /// How many requests to the destination are in flight at first, and at most.
    pub requests: (usize, usize),
    /// The lanes of an account when the provider says nothing.
    pub lanes: u16,
    /// UIDs listed at once when a folder is planned.
    pub scan_step: u32,
    /// The most continuations of a lane in one pass.
    pub hops: u32,
    /// Chunks without progress after which an account is stalled.
    pub idle_chunks: u32,
    /// After how many rows a file of an export ends, with the slice that is being written.
    pub export_rows: u64,
    /// The accounts that are copied at the same time, over all migrations.
    pub active_accounts: usize,
    /// The accounts that are copied at the same time from one host.
    pub active_per_host: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            slice_messages: 1_000,
            slice_octets: 16 << 20,
            slice_ranges: 200,
            window_messages: 200,
            window_octets: 8 << 20,
            windows_ahead: 3,
            memory_octets: 40 << 20,
            requests: (2, 16),
            lanes: 4,
            scan_step: 20_000,
            hops: 10_000,
            idle_chunks: 8,
            export_rows: 50_000,
            active_accounts: 4,
            active_per_host: 4,
        }
    }
}

impl Sizes {
    /// Returns the sizes of a pass with so many lanes. Small slices let lanes share; one alone has larger ones, since each
    /// costs it a few reads and writes in a row.
    #[must_use]
    pub fn with_lanes(&self, lanes: u16) -> Self {
        let times = if lanes > 1 { 1 } else { 4 };
        Self { slice_messages: self.slice_messages * times, slice_octets: self.slice_octets * times, ..self.clone() }
    }
}

/// Times and sizes together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The durations.
    pub times: Times,
    /// The sizes.
    pub sizes: Sizes,
    /// From when on no pass into WorkMail begins any more, because AWS ends it; nothing means never.
    pub workmail_ends: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_leaves_retention_and_chunk_alone() {
        let scaled = Times::default().scaled(0.01);
        assert_eq!(scaled.lease, Duration::from_millis(900));
        assert_eq!(scaled.retention, Times::default().retention);
        assert_eq!(scaled.chunk, Times::default().chunk);
    }
}

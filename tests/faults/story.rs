//! The story of a schedule: what went wrong on purpose, in the order in which it happened.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Lines with the time since the schedule began. Clones are the same story.
#[derive(Clone)]
pub(crate) struct Story {
    begun: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), lines: Arc::default() }
    }

    pub(crate) fn tell(&self, what: impl Display) {
        let at = self.begun.elapsed().as_secs_f64();
        self.lines.lock().unwrap().push(format!("{at:7.3} s  {what}"));
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n    ")
    }
}

//! The byte-progress timeout: a server that sends nothing for too long is given up.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// How long to wait for the next octet. It runs only while somebody waits, so a slow consumer costs nothing.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, timer: None, running: false }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Something moved.
    pub(super) fn progress(&mut self) {
        self.running = false;
    }

    /// Nothing moved; ready when it is over.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.running {
            self.running = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        timer.as_mut().poll(cx)
    }
}

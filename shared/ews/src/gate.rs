//! Lets as many requests through as the adaptive limit allows, and none before a busy server's time is over. What it
//! learns can be told to the gates of other processes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limit::Limit;

/// One gate per destination principal; shared by all its mailboxes and lanes.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    inside: usize,
    closed_until: Option<Instant>,
    /// Whether there was trouble that was not told to others yet.
    news: bool,
}

/// How fast a destination may be written to, as one gate tells another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests in flight.
    pub allowed: usize,
    /// For how long nothing may be asked for.
    pub closed: Duration,
}

/// Why a request was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The server asked for this much more time.
    Busy(Duration),
    /// Too many others were in flight all the time.
    Crowded,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Pass<'a>(&'a Gate);

impl Gate {
    /// Opens a gate that lets `first` requests through at once, later up to `max`.
    #[must_use]
    pub fn new(first: usize, max: usize) -> Self {
        let state = State { limit: Limit::new(first, max), inside: 0, closed_until: None, news: false };
        Self { state: Mutex::new(state), freed: Notify::new() }
    }

    /// Gives how many requests may be in flight now.
    #[must_use]
    pub fn allowed(&self) -> usize {
        self.with(|s| s.limit.allowed())
    }

    /// Gives what others should know: nothing when there was no trouble since this was asked last.
    #[must_use]
    pub fn news(&self) -> Option<Pace> {
        self.with(|s| {
            let closed =
                s.closed_until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default();
            std::mem::take(&mut s.news).then(|| Pace { allowed: s.limit.allowed(), closed })
        })
    }

    /// Goes by what another gate has learned: not faster than that for the beginning, and not before its time is over.
    pub fn learn(&self, pace: Pace) {
        self.with(|s| {
            s.limit.learn(pace.allowed);
            s.close(pace.closed);
        });
        self.freed.notify_waiters();
    }

    /// Waits for a place until `deadline`; a busy server's time is never waited for here.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<Pass<'_>, Turned> {
        loop {
            let freed = self.freed.notified();
            if let Some(outcome) = self.with(State::try_enter) {
                return outcome.map(|()| Pass(self)).map_err(Turned::Busy);
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                return Err(Turned::Crowded);
            }
        }
    }

    /// Reports a good answer.
    pub(crate) fn answered(&self, took: Duration, bytes: u64) {
        self.with(|s| s.limit.answered(took, bytes));
        self.freed.notify_waiters();
    }

    /// Reports trouble; with a time, nothing is let through before it is over.
    pub(crate) fn trouble(&self, wait: Option<Duration>) {
        self.with(|s| {
            s.limit.trouble();
            s.news = true;
            s.close(wait.unwrap_or_default());
        });
        self.freed.notify_waiters();
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn close(&mut self, wait: Duration) {
        if !wait.is_zero() {
            self.closed_until = self.closed_until.max(Instant::now().checked_add(wait));
        }
    }

    /// Enters, is turned away for that long, or has to wait (`None`).
    fn try_enter(&mut self) -> Option<Result<(), Duration>> {
        let wait = self.closed_until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(wait) = wait.filter(|w| !w.is_zero()) {
            return Some(Err(wait));
        }
        self.closed_until = None;
        if self.inside >= self.limit.allowed() {
            return None;
        }
        self.inside = self.inside.saturating_add(1);
        Some(Ok(()))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.with(|s| s.inside = s.inside.saturating_sub(1));
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_beyond_the_limit_waits_for_a_place() {
        let gate = Gate::new(1, 1);
        let first = gate.enter(in_seconds(1)).await.expect("a place");
        assert_eq!(gate.enter(in_seconds(1)).await.err(), Some(Turned::Crowded));
        drop(first);
        assert!(gate.enter(in_seconds(1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_server_is_left_alone_for_exactly_its_time() {
        let gate = Gate::new(4, 8);
        gate.trouble(Some(Duration::from_secs(30)));
        gate.trouble(Some(Duration::from_secs(5)));
        assert_eq!(gate.allowed(), 2);
        assert_eq!(gate.enter(in_seconds(60)).await.err(), Some(Turned::Busy(Duration::from_secs(30))));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(gate.enter(in_seconds(1)).await.is_ok());
    }

    #[tokio::test]
    async fn waiting_requests_pass_one_after_the_other() {
        let gate = Gate::new(1, 1);
        let pass = |n: u32| {
            let gate = &gate;
            async move {
                let _pass = gate.enter(in_seconds(5)).await.expect("a place");
                tokio::task::yield_now().await;
                n
            }
        };
        assert_eq!(tokio::join!(pass(1), pass(2), pass(3)), (1, 2, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_gate_learned_another_goes_by() {
        let (first, second) = (Gate::new(8, 16), Gate::new(8, 16));
        assert_eq!(first.news(), None);
        first.trouble(Some(Duration::from_secs(90)));
        let news = first.news().unwrap();
        assert_eq!(news, Pace { allowed: 4, closed: Duration::from_secs(90) });
        assert_eq!(first.news(), None, "it is told once");
        second.learn(news);
        assert_eq!(second.allowed(), 4);
        assert_eq!(second.news(), None, "what was heard is not told on");
        let deadline = Instant::now() + Duration::from_secs(5);
        assert_eq!(second.enter(deadline).await.err(), Some(Turned::Busy(Duration::from_secs(90))));
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert!(second.enter(Instant::now() + Duration::from_secs(5)).await.is_ok());
    }
}

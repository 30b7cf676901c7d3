//! A process that can be gone or frozen: a future that is dropped, or not polled for a while.

use super::plan::FaultPlan;
use crate::clock::{ManualClock, Sleep};
use crate::locked;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock as _;
use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// The process is gone: nothing of it goes on, and nobody hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// The state of a process, seen by the calls it makes.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    gone: bool,
    frozen_until: Option<Timestamp>,
}

thread_local! {
    /// The process whose future is being polled on this thread.
    static CURRENT: RefCell<Option<Arc<Process>>> = const { RefCell::new(None) };
}

impl Process {
    /// Returns the process that makes a call now.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Ends the process: this call and every other of it never returns.
    pub(super) async fn vanish(&self) {
        locked(&self.state).gone = true;
        pending().await
    }

    /// Stops the whole process until then.
    pub(super) async fn freeze(&self, clock: &ManualClock, until: Timestamp) {
        locked(&self.state).frozen_until = Some(until);
        clock.sleep_until(until).await;
    }

    /// Holds a call back while its process is frozen, and for ever when it is gone.
    pub(super) async fn held(&self, clock: &ManualClock) {
        let state = *locked(&self.state);
        if state.gone {
            pending::<()>().await;
        }
        if let Some(until) = state.frozen_until {
            clock.sleep_until(until).await;
        }
    }

    fn frozen(&self, clock: &ManualClock) -> Option<Timestamp> {
        locked(&self.state).frozen_until.filter(|until| *until > clock.now())
    }
}

/// A future run as a process.
pub(super) struct Running<F> {
    /// Nothing once the process is gone.
    future: Option<Pin<Box<F>>>,
    process: Arc<Process>,
    clock: ManualClock,
    thaw: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Running<F> {
    pub(super) fn new(plan: &FaultPlan, number: u64, future: F) -> Self {
        let process = Arc::new(Process { number, state: Mutex::default() });
        Self { future: Some(Box::pin(future)), process, clock: plan.clock().clone(), thaw: None }
    }
}

impl<F: Future> Future for Running<F> {
    type Output = Result<F::Output, Gone>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(thaw) = self.thaw.as_mut() {
                std::task::ready!(thaw.as_mut().poll(cx));
                self.thaw = None;
            }
            let before = CURRENT.replace(Some(Arc::clone(&self.process)));
            let polled = self.future.as_mut().map_or(Poll::Pending, |future| future.as_mut().poll(cx));
            CURRENT.set(before);
            if locked(&self.process.state).gone {
                self.future = None;
                return Poll::Ready(Err(Gone));
            }
            let Some(until) = self.process.frozen(&self.clock) else { return polled.map(Ok) };
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Ok(output));
            }
            self.thaw = Some(Box::pin(self.clock.sleep_until(until)));
        }
    }
}

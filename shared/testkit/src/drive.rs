//! Functions as a cloud runs them: invoked by queues, several at a time, killed at their time limit, tried again.

use crate::clock::later;
use crate::memory::Memory;
use crate::queues::Delivery;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock as _;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// How functions are run.
#[derive(Debug, Clone)]
pub struct Functions {
    /// How many deliveries are worked on at the same time.
    pub concurrency: usize,
    /// A process is gone after this time.
    pub time_limit: Duration,
    /// A delivery whose process failed or was gone comes again after this time.
    pub visibility: Duration,
    /// How often the scheduled function runs.
    pub schedule: Duration,
    /// The test has failed after this time.
    pub patience: Duration,
}

impl Default for Functions {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self { concurrency: 10, time_limit: s(900), visibility: s(960), schedule: s(60), patience: s(7 * 86_400) }
    }
}

/// The test was not content within its patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished;

/// One process that is running; gives back its delivery when it must come again.
type Running<'a> = Pin<Box<dyn Future<Output = Option<(Delivery, u32)>> + 'a>>;

impl Functions {
    /// Invokes functions until `done` and none is running: `invoke` for each delivery, with the time limit as its
    /// deadline, `scheduled` each time the schedule says so. Each invocation is a process of the plan. An invocation
    /// that ends in an error is delivered again.
    ///
    /// # Errors
    /// [`Unfinished`] when it takes longer than the patience.
    pub async fn run<'a, I, S>(
        &'a self,
        memory: &'a Memory,
        invoke: impl Fn(Delivery, Timestamp) -> I + 'a,
        scheduled: impl Fn() -> S + 'a,
        done: impl Fn() -> bool,
    ) -> Result<(), Unfinished>
    where
        I: Future<Output = Result<(), String>> + 'a,
        S: Future<Output = Result<(), String>> + 'a,
    {
        let clock = &memory.clock;
        let end = later(clock.now(), self.patience);
        let mut next_schedule = later(clock.now(), self.schedule);
        let mut running: Vec<Running<'a>> = Vec::new();
        loop {
            if done() && running.is_empty() {
                return Ok(());
            }
            if clock.now() >= end {
                return Err(Unfinished);
            }
            if clock.now() >= next_schedule {
                next_schedule = later(clock.now(), self.schedule);
                let process = memory.plan.process(self.limited(memory, scheduled()));
                running.push(Box::pin(async move {
                    drop(process.await);
                    None
                }));
            }
            while running.len() < self.concurrency
                && let Some((delivery, tries)) = memory.queues.receive()
            {
                let work = invoke(delivery.clone(), later(clock.now(), self.time_limit));
                let process = memory.plan.process(self.limited(memory, work));
                running.push(Box::pin(async move {
                    let well = matches!(process.await, Ok(Some(Ok(()))));
                    (!well).then_some((delivery, tries + 1))
                }));
            }
            for (delivery, tries) in self.turn(memory, &mut running, next_schedule.min(end)).await {
                memory.queues.put_back(delivery, tries, self.visibility);
            }
        }
    }

    /// Lets a future run until its time limit.
    async fn limited<F: Future>(&self, memory: &Memory, future: F) -> Option<F::Output> {
        let mut limit = Box::pin(memory.clock.sleep(self.time_limit));
        let mut future = Box::pin(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Goes on until a process has ended, a delivery can be taken, or that time has come; returns what comes again.
    async fn turn(&self, memory: &Memory, running: &mut Vec<Running<'_>>, until: Timestamp) -> Vec<(Delivery, u32)> {
        let mut sleep = None;
        poll_fn(|cx| {
            let (mut again, before) = (Vec::new(), running.len());
            running.retain_mut(|process| match process.as_mut().poll(cx) {
                Poll::Ready(delivery) => {
                    again.extend(delivery);
                    false
                }
                Poll::Pending => true,
            });
            let due = memory.queues.next_due().filter(|_| running.len() < self.concurrency);
            let wake = due.map_or(until, |due| due.min(until));
            if running.len() < before || wake <= memory.clock.now() {
                return Poll::Ready(again);
            }
            // Made anew with each poll: what was sent meanwhile may be due earlier.
            let mut next = Box::pin(memory.clock.sleep_until(wake));
            let woken = next.as_mut().poll(cx);
            sleep = Some(next);
            woken.map(|()| again)
        })
        .await
    }
}

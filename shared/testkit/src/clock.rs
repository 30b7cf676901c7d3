//! A clock that stands still until everything sleeps, then goes on to the earliest sleeper.

use crate::locked;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How often other tasks of the runtime get their turn before the clock goes on.
const QUIET_ROUNDS: u32 = 16;

/// A clock that tests move. Clones show the same time.
///
/// A sleep parks until somebody calls [`ManualClock::advance`], or until [`ManualClock::block_on`] or
/// [`ManualClock::run`] finds that nothing else can go on.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    born: u64,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// Returns a clock that shows 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::starting(Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Returns a clock that shows this time.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Inner { now, sleepers: BTreeMap::new(), born: 0 })))
    }

    /// Moves the clock and wakes who has slept long enough.
    pub fn advance(&self, by: Duration) {
        let now = locked(&self.0).now;
        self.advance_to(later(now, by));
    }

    /// Moves the clock to the earliest sleeper; tells whether there was one.
    pub fn advance_to_next(&self) -> bool {
        let next = locked(&self.0).sleepers.first_key_value().map(|((until, _), _)| *until);
        next.map(|until| self.advance_to(until)).is_some()
    }

    fn advance_to(&self, time: Timestamp) {
        let mut inner = locked(&self.0);
        inner.now = inner.now.max(time);
        let behind = (later(inner.now, Duration::from_nanos(1)), 0);
        let still = inner.sleepers.split_off(&behind);
        let due = std::mem::replace(&mut inner.sleepers, still);
        drop(inner);
        due.into_values().for_each(Waker::wake);
    }

    /// Returns a future that ends at this time.
    #[must_use]
    pub fn sleep_until(&self, until: Timestamp) -> Sleep {
        let mut inner = locked(&self.0);
        inner.born += 1;
        Sleep { clock: self.clone(), place: (until, inner.born) }
    }

    /// Runs a future to its end without an async runtime, moving the clock whenever everything sleeps.
    ///
    /// # Panics
    /// When nothing can go on and nobody sleeps: the test has found a deadlock.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let mut run = pin!(self.run(future));
        loop {
            if let Poll::Ready(output) = run.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            assert!(flag.woken.swap(false, Ordering::Relaxed), "a deadlock: everything waits and nobody sleeps");
        }
    }

    /// The same inside of a runtime with one thread: other tasks get their turn before the clock is moved.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        let clock = self.clone();
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), outer: Mutex::default() });
        let waker = Waker::from(Arc::clone(&flag));
        let mut future = Box::pin(future);
        let mut quiet = 0;
        poll_fn(move |cx| {
            *locked(&flag.outer) = Some(cx.waker().clone());
            if flag.woken.swap(false, Ordering::Relaxed) {
                quiet = 0;
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(output);
                }
                // A poll of its own each time, so that the runtime sees every one.
                cx.waker().wake_by_ref();
            } else if quiet < QUIET_ROUNDS {
                quiet += 1;
                cx.waker().wake_by_ref();
            } else {
                quiet = 0;
                // Whoever slept may be asleep in something that nobody polls, as in a frozen process: then the next is woken.
                if clock.advance_to_next() {
                    cx.waker().wake_by_ref();
                }
            }
            Poll::Pending
        })
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        locked(&self.0).now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self.sleep_until(later(self.now(), duration))
    }
}

/// Returns the time after that duration; the end of time when there is none.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A sleep; forgotten when dropped.
#[derive(Debug)]
pub struct Sleep {
    clock: ManualClock,
    place: (Timestamp, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = locked(&self.clock.0);
        if self.place.0 <= inner.now {
            return Poll::Ready(());
        }
        inner.sleepers.insert(self.place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        locked(&self.clock.0).sleepers.remove(&self.place);
    }
}

/// Remembers that somebody was woken, and wakes on.
#[derive(Default)]
struct Flag {
    woken: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        if let Some(outer) = locked(&self.outer).as_ref() {
            outer.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sleeps so often and tells when it has.
    async fn sleeper(clock: &ManualClock, seconds: u64, times: u32, log: &Mutex<Vec<(u64, i64)>>) {
        let begin = clock.now();
        for _ in 0..times {
            clock.sleep(SECOND * u32::try_from(seconds).unwrap()).await;
            log.lock().unwrap().push((seconds, clock.now().duration_since(begin).as_secs()));
        }
    }

    #[test]
    fn the_clock_goes_on_to_the_earliest_sleeper_when_all_sleep() {
        let (clock, log) = (ManualClock::new(), Mutex::default());
        clock.block_on(async {
            let (mut a, mut b) = (pin!(sleeper(&clock, 2, 3, &log)), pin!(sleeper(&clock, 3, 2, &log)));
            let mut done = (false, false);
            poll_fn(|cx| {
                done.0 = done.0 || a.as_mut().poll(cx).is_ready();
                done.1 = done.1 || b.as_mut().poll(cx).is_ready();
                if done == (true, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        assert_eq!(*log.lock().unwrap(), [(2, 2), (3, 3), (2, 4), (2, 6), (3, 6)]);
    }

    #[test]
    fn a_dropped_sleep_does_not_move_the_clock() {
        let clock = ManualClock::new();
        let begin = clock.now();
        clock.block_on(async {
            let mut long = Box::pin(clock.sleep(SECOND * 100));
            poll_fn(|cx| Poll::Ready(long.as_mut().poll(cx))).await.is_pending().then_some(()).unwrap();
            drop(long);
            clock.sleep(SECOND).await;
        });
        assert_eq!(clock.now().duration_since(begin).as_secs(), 1);
        assert!(!clock.advance_to_next());
    }

    #[test]
    #[should_panic(expected = "a deadlock")]
    fn a_deadlock_fails_the_test() {
        ManualClock::new().block_on(std::future::pending::<()>());
    }
}

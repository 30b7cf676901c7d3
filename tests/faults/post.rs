//! Queues in this process: at least once, in any order, late; a delivery that failed comes again, five times at most.

use crate::luck::Luck;
use mailcrane_core::Fault;
use mailcrane_core::ports::queue::Queues;
use mailcrane_core::token::{ContinuationToken, Task};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// After so many deliveries without success a message is dead.
const MOST_TRIES: u32 = 5;

/// What a process is invoked with.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    /// A lane goes on.
    Chunk(ContinuationToken),
    /// The scheduled function.
    Sweep,
    /// A continuation that failed too often.
    Dead(ContinuationToken),
}

/// The queues. Clones are the same queues.
#[derive(Clone)]
pub(crate) struct Post {
    state: Arc<(Mutex<State>, Condvar)>,
    trouble: Trouble,
}

/// What goes wrong with deliveries.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) send_fails: Luck,
    pub(crate) send_answer_lost: Luck,
    pub(crate) lost: Luck,
    pub(crate) twice: Luck,
    pub(crate) late: Luck,
}

#[derive(Default)]
struct State {
    waiting: Vec<(Instant, u32, Job)>,
    closed: bool,
}

impl Post {
    pub(crate) fn new(trouble: Trouble) -> Self {
        Self { state: Arc::default(), trouble }
    }

    /// Waits, without any runtime, for the next delivery and tells how often it was delivered before; nothing once the
    /// queues are closed.
    pub(crate) fn take(&self) -> Option<(Job, u32)> {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            let next = state.waiting.iter().enumerate().min_by_key(|(_, (due, ..))| *due).map(|(at, w)| (at, w.0));
            let patience = match next {
                Some((at, due)) if due <= now => {
                    let (_, tries, job) = state.waiting.swap_remove(at);
                    return Some((job, tries));
                }
                Some((_, due)) => due - now,
                None => Duration::from_secs(1),
            };
            state = changed.wait_timeout(state, patience).unwrap().0;
        }
    }

    /// Puts a job in, or back after it failed.
    pub(crate) fn put(&self, job: Job, tries: u32, delay: Duration) {
        let job = match job {
            Job::Chunk(token) if tries >= MOST_TRIES => Job::Dead(token),
            job => job,
        };
        let (state, changed) = &*self.state;
        state.lock().unwrap().waiting.push((Instant::now() + delay, tries, job));
        changed.notify_one();
    }

    /// Ends every waiting process.
    pub(crate) fn close(&self) {
        let (state, changed) = &*self.state;
        state.lock().unwrap().closed = true;
        changed.notify_all();
    }
}

fn unavailable() -> Fault {
    Fault::retry(Duration::from_millis(10), "queue.unavailable", "the queue did not answer, as the schedule wants it")
}

impl Queues for Post {
    async fn continue_lane(&self, token: &ContinuationToken, delay: Duration) -> Result<(), Fault> {
        let (trouble, lane) = (&self.trouble, format!("{} {}", token.kind.as_str(), token.lane));
        if trouble.send_fails.hits(&format!("queue: the continuation of {lane} could not be sent")) {
            return Err(unavailable());
        }
        let job = Job::Chunk(token.clone());
        if trouble.lost.hits(&format!("queue: the continuation of {lane} got lost")) {
            return Ok(());
        }
        let late = trouble.late.strikes().map_or(Duration::ZERO, |mut random| {
            let late = Duration::from_millis(random.u64(1..900));
            trouble.late.tell(format!("queue: the continuation of {lane} comes {late:?} late"));
            late
        });
        if let Some(mut random) = trouble.twice.strikes() {
            let after = Duration::from_millis(if random.bool() { 0 } else { random.u64(0..1_500) });
            trouble.twice.tell(format!("queue: the continuation of {lane} comes again after {after:?}"));
            self.put(job.clone(), 0, delay + after);
        }
        self.put(job, 0, delay + late);
        if trouble.send_answer_lost.hits(&format!("queue: the continuation of {lane} was sent without an answer")) {
            return Err(unavailable());
        }
        Ok(())
    }

    async fn send(&self, _tasks: &[Task], _delay: Duration) -> Result<(), Fault> {
        // E-mails and checks have no part in a schedule.
        Ok(())
    }
}

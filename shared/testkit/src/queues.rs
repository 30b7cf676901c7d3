//! Queues in memory that deliver after a delay, twice and out of order where a test wants it.

use crate::clock::later;
use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::queue::{LONGEST_DELAY, Queues};
use mailcrane_core::token::{ContinuationToken, Task};
use mailcrane_core::{Fault, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// After so many deliveries without success a message is dead.
const MOST_TRIES: u32 = 5;

/// What a function is invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A lane goes on.
    Continuation(ContinuationToken),
    /// A task.
    Task(Task),
}

/// Queues in memory. Clones are the same queues.
#[derive(Debug, Clone)]
pub struct MemoryQueues {
    plan: FaultPlan,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    sent: Vec<Delivery>,
    dead: Vec<Delivery>,
    twice: bool,
    shuffle: Option<u64>,
}

#[derive(Debug)]
struct Waiting {
    due: Timestamp,
    copy: bool,
    /// How often it was delivered before.
    tries: u32,
    delivery: Delivery,
}

impl MemoryQueues {
    /// Returns empty queues.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), state: Arc::default() }
    }

    /// Delivers everything twice from now on, the copy behind what is due by then.
    pub fn deliver_twice(&self) {
        locked(&self.state).twice = true;
    }

    /// Delivers what is due in an order that follows from the seed, instead of the order of sending.
    pub fn shuffle(&self, seed: u64) {
        locked(&self.state).shuffle = Some(seed);
    }

    /// Returns everything that was sent so far, copies not counted.
    #[must_use]
    pub fn sent(&self) -> Vec<Delivery> {
        locked(&self.state).sent.clone()
    }

    /// Tells how many deliveries wait, due or not.
    #[must_use]
    pub fn waiting(&self) -> usize {
        locked(&self.state).waiting.len()
    }

    /// Returns what was delivered too often without success.
    #[must_use]
    pub fn dead(&self) -> Vec<Delivery> {
        locked(&self.state).dead.clone()
    }

    /// Returns when the next delivery is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        locked(&self.state).waiting.iter().map(|w| w.due).min()
    }

    /// Takes out one delivery that is due; nothing when none is.
    #[must_use]
    pub fn take(&self) -> Option<Delivery> {
        self.receive().map(|(delivery, _)| delivery)
    }

    /// Takes out one delivery that is due, and tells how often it was delivered before.
    pub(crate) fn receive(&self) -> Option<(Delivery, u32)> {
        let now = self.plan.clock().now();
        let mut state = locked(&self.state);
        state.waiting.sort_by_key(|w| w.due);
        let due = state.waiting.partition_point(|w| w.due <= now);
        if due == 0 {
            return None;
        }
        let at = state.shuffle.as_mut().map_or(0, |seed| usize::try_from(random(seed)).unwrap_or_default() % due);
        let taken = state.waiting.remove(at);
        if state.twice && !taken.copy {
            let delivery = taken.delivery.clone();
            state.waiting.push(Waiting { due: now, copy: true, tries: 0, delivery });
        }
        Some((taken.delivery, taken.tries))
    }

    /// Waits for the next delivery; nothing when none is on its way.
    pub async fn next(&self) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.take() {
                return Some(delivery);
            }
            self.plan.clock().sleep_until(self.next_due()?).await;
        }
    }

    /// Puts a delivery back that was tried so often; it comes again after that time, or is dead.
    pub(crate) fn put_back(&self, delivery: Delivery, tries: u32, after: Duration) {
        let due = later(self.plan.clock().now(), after);
        let mut state = locked(&self.state);
        if tries >= MOST_TRIES {
            state.dead.push(delivery);
        } else {
            // Whether it comes twice was decided when it came first.
            state.waiting.push(Waiting { due, copy: true, tries, delivery });
        }
    }

    async fn queue(&self, method: &'static str, deliveries: Vec<Delivery>, delay: Duration) -> Result<(), Fault> {
        let pass = self.plan.enter(Port::Queues, method).await;
        if delay > LONGEST_DELAY {
            return Err(Fault::give_up("queue.refused", "a queue takes no longer delay than 15 minutes"));
        }
        let due = later(self.plan.clock().now(), delay);
        {
            let mut state = locked(&self.state);
            let share = pass.share(deliveries.len());
            for delivery in deliveries.into_iter().take(share) {
                state.sent.push(delivery.clone());
                state.waiting.push(Waiting { due, copy: false, tries: 0, delivery });
            }
        }
        pass.leave().await;
        if pass.loses_answer() {
            return Err(Fault::retry(
                Duration::from_secs(1),
                "queue.unavailable",
                "the queue did not answer, as planned",
            ));
        }
        Ok(())
    }
}

impl Queues for MemoryQueues {
    async fn continue_lane(&self, token: &ContinuationToken, delay: Duration) -> Result<(), Fault> {
        self.queue("continue_lane", vec![Delivery::Continuation(token.clone())], delay).await
    }

    async fn send(&self, tasks: &[Task], delay: Duration) -> Result<(), Fault> {
        self.queue("send", tasks.iter().cloned().map(Delivery::Task).collect(), delay).await
    }
}

/// Returns the next number of a sequence (splitmix64).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

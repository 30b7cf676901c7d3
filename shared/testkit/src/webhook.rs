//! Webhooks in memory.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::ports::webhook::{Call, Webhooks};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Webhooks that keep what they were told. Clones are the same webhooks.
#[derive(Debug, Clone)]
pub struct MemoryWebhooks {
    plan: FaultPlan,
    told: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// What a webhook answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It fails, and may not fail later.
    Fails,
    /// It is gone for good.
    Gone,
}

impl MemoryWebhooks {
    /// Returns webhooks that were told nothing and take everything.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), told: Arc::default(), answers: Arc::default() }
    }

    /// Lets the next calls be answered so; those after them are taken.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        locked(&self.answers).extend(answers);
    }

    /// Returns every call, in order, those that were not taken too.
    #[must_use]
    pub fn told(&self) -> Vec<Call> {
        locked(&self.told).clone()
    }
}

impl Webhooks for MemoryWebhooks {
    async fn post(&self, call: &Call) -> Result<(), Fault> {
        let lost = || Fault::retry(Duration::from_secs(1), "webhook.no_answer", "no answer came, as planned");
        let post = || {
            locked(&self.told).push(call.clone());
            match locked(&self.answers).pop_front() {
                None => Ok(()),
                Some(Answer::Fails) => {
                    Err(Fault::retry(Duration::ZERO, "webhook.refused", "it answered 503, as planned"))
                }
                Some(Answer::Gone) => Err(Fault::give_up("webhook.gone", "it is gone, as planned")),
            }
        };
        self.plan.call(Port::Webhooks, "post", lost, post).await
    }
}

//! A mailer in memory.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::ports::mailer::{Mail, Mailer};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A mailer that keeps what was sent. Clones are the same mailer.
#[derive(Debug, Clone)]
pub struct MemoryMailer {
    plan: FaultPlan,
    sent: Arc<Mutex<Vec<Mail>>>,
}

impl MemoryMailer {
    /// Returns a mailer that has sent nothing.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), sent: Arc::default() }
    }

    /// Returns what was sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        locked(&self.sent).clone()
    }
}

impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        let text = "the mail service did not answer, as planned";
        let lost = || Fault::retry(Duration::from_secs(1), "mailer.unavailable", text);
        let send = || {
            locked(&self.sent).push(mail.clone());
            Ok(())
        };
        self.plan.call(Port::Mailer, "send", lost, send).await
    }
}

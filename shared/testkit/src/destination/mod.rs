//! Destinations in memory: mailboxes that keep what is stored, with the bad habits of real ones on request.

mod mailbox;
mod port;

pub use mailbox::{Held, Mailbox};
pub use port::MemoryDestination;

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::ports::destination::Features;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The mailboxes of one organisation, by their addresses. Clones are the same organisation.
#[derive(Debug, Clone)]
pub struct MemoryDestinations {
    plan: FaultPlan,
    mailboxes: Arc<Mutex<BTreeMap<String, Mailbox>>>,
}

impl MemoryDestinations {
    /// Returns an organisation without mailboxes.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), mailboxes: Arc::default() }
    }

    /// Returns the mailbox of an address; a new one holds the folders that every mailbox has.
    #[must_use]
    pub fn mailbox(&self, address: &str) -> Mailbox {
        let fresh = || Mailbox::new(self.plan.clock());
        locked(&self.mailboxes).entry(address.to_owned()).or_insert_with(fresh).clone()
    }

    /// Opens the mailbox of an address.
    ///
    /// # Errors
    /// `destination.no_such_mailbox` when it was never asked for by [`MemoryDestinations::mailbox`], and what the plan
    /// wants.
    pub async fn open(&self, address: &str) -> Result<MemoryDestination, Fault> {
        let text = "The destination has no such mailbox; check the address";
        let missing = || Fault::give_up("destination.no_such_mailbox", text);
        let found = || locked(&self.mailboxes).get(address).cloned().ok_or_else(missing);
        let mailbox = self.plan.call(Port::Ends, "destination", lost, found).await?;
        Ok(MemoryDestination::new(&self.plan, mailbox))
    }
}

/// What a new mailbox can do: what WorkMail is expected to.
#[must_use]
pub fn features() -> Features {
    Features {
        find_by_key: true,
        keeps_key: true,
        parallel: true,
        stable_ids: true,
        max_message: 29_000_000,
        max_attachment: 23_000_000,
        max_batch_items: 20,
        max_batch_octets: 4 << 20,
        request_limit: Duration::from_secs(60),
        search_lag: Duration::ZERO,
        not_kept: Vec::new(),
    }
}

fn lost() -> Fault {
    Fault::retry(Duration::from_secs(1), "destination.no_answer", "the answer was lost, as planned")
}

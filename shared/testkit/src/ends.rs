//! Both ends of accounts, in memory: found by the source's user and the destination's mailbox.

use crate::destination::{MemoryDestination, MemoryDestinations};
use crate::source::{MemorySource, MemorySources};
use mailcrane_core::Fault;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::record::{Account, Allowance, Migration};

/// Opens mailboxes in memory.
#[derive(Debug, Clone)]
pub struct MemoryEnds {
    /// The sources.
    pub sources: MemorySources,
    /// The destinations.
    pub destinations: MemoryDestinations,
}

impl Ends for MemoryEnds {
    type Source = MemorySource;
    type Destination = MemoryDestination;

    async fn source(&self, _migration: &Migration, account: &Account) -> Result<MemorySource, Fault> {
        self.sources.enter(&account.source.user).await
    }

    fn allowance(&self, _account: &Account) -> Allowance {
        self.sources.allowance()
    }

    async fn destination(&self, _migration: &Migration, account: &Account) -> Result<MemoryDestination, Fault> {
        self.destinations.open(&account.destination.mailbox).await
    }
}

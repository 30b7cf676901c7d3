//! Everything at once: one of each adapter, on one clock and one plan.

use crate::blobs::MemoryBlobs;
use crate::clock::ManualClock;
use crate::destination::MemoryDestinations;
use crate::directory::MemoryDirectory;
use crate::ends::MemoryEnds;
use crate::faults::FaultPlan;
use crate::mailer::MemoryMailer;
use crate::queues::MemoryQueues;
use crate::source::MemorySources;
use crate::table::MemoryTable;
use crate::vault::MemoryVault;
use crate::webhook::MemoryWebhooks;

/// One of each adapter. Clones share everything.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The time.
    pub clock: ManualClock,
    /// What is counted and goes wrong.
    pub plan: FaultPlan,
    /// The table.
    pub table: MemoryTable,
    /// The queues.
    pub queues: MemoryQueues,
    /// Sources and destinations.
    pub ends: MemoryEnds,
    /// The directory.
    pub directory: MemoryDirectory,
    /// The vault.
    pub vault: MemoryVault,
    /// The mailer.
    pub mailer: MemoryMailer,
    /// The webhooks.
    pub webhooks: MemoryWebhooks,
    /// The bucket.
    pub blobs: MemoryBlobs,
}

impl Default for Memory {
    fn default() -> Self {
        let clock = ManualClock::new();
        let plan = FaultPlan::new(&clock);
        Self {
            table: MemoryTable::new(&plan),
            queues: MemoryQueues::new(&plan),
            ends: MemoryEnds { sources: MemorySources::new(&plan), destinations: MemoryDestinations::new(&plan) },
            directory: MemoryDirectory::new(&plan),
            vault: MemoryVault::new(&plan),
            mailer: MemoryMailer::new(&plan),
            webhooks: MemoryWebhooks::new(&plan),
            blobs: MemoryBlobs::new(&plan),
            clock,
            plan,
        }
    }
}

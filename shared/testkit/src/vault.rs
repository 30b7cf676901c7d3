//! A vault in memory.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A vault that keeps secrets in clear. Clones are the same vault.
#[derive(Debug, Clone)]
pub struct MemoryVault {
    plan: FaultPlan,
    sealed: Arc<Mutex<BTreeMap<(MigrationId, AccountNo), Secret>>>,
}

impl MemoryVault {
    /// Returns an empty vault.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), sealed: Arc::default() }
    }

    /// Tells how many secrets of a migration there are.
    #[must_use]
    pub fn sealed(&self, migration: &MigrationId) -> usize {
        locked(&self.sealed).keys().filter(|(id, _)| id == migration).count()
    }
}

fn lost() -> Fault {
    Fault::retry(Duration::from_secs(1), "vault.unavailable", "the vault did not answer, as planned")
}

impl Vault for MemoryVault {
    async fn seal(&self, migration: &MigrationId, secrets: &[(AccountNo, Secret)]) -> Result<(), Fault> {
        let pass = self.plan.enter(Port::Vault, "seal").await;
        for (account, secret) in secrets.iter().take(pass.share(secrets.len())) {
            locked(&self.sealed).insert((migration.clone(), *account), secret.clone());
        }
        pass.leave().await;
        if pass.loses_answer() { Err(lost()) } else { Ok(()) }
    }

    async fn open(&self, migration: &MigrationId, account: AccountNo) -> Result<Secret, Fault> {
        let shredded = || Fault::give_up("vault.shredded", "The credentials are deleted; enter them again");
        let found = || locked(&self.sealed).get(&(migration.clone(), account)).cloned().ok_or_else(shredded);
        self.plan.call(Port::Vault, "open", lost, found).await
    }

    async fn shred(&self, migration: &MigrationId) -> Result<(), Fault> {
        let shred = || {
            locked(&self.sealed).retain(|(id, _), _| id != migration);
            Ok(())
        };
        self.plan.call(Port::Vault, "shred", lost, shred).await
    }
}

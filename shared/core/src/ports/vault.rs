//! The vault: sealed credentials, and shredding that is final.

use crate::fault::Fault;
use crate::id::{AccountNo, MigrationId};
use crate::secret::Secret;
use std::future::Future;

/// Keeps the credentials of accounts sealed under a data key of their migration.
pub trait Vault: Send + Sync {
    /// Seals the secrets of accounts, each one JSON document; replaces what was there.
    fn seal(
        &self,
        migration: &MigrationId,
        secrets: &[(AccountNo, Secret)],
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Opens the secrets of an account; the fault `vault.shredded` when they are gone.
    fn open(&self, migration: &MigrationId, account: AccountNo) -> impl Future<Output = Result<Secret, Fault>> + Send;

    /// Deletes the data key of a migration and then every sealed document: nobody can open them again. Twice is once.
    fn shred(&self, migration: &MigrationId) -> impl Future<Output = Result<(), Fault>> + Send;
}

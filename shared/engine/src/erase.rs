//! Erasing a migration: its credentials first, then everything that is kept of it, but for the fact that it existed.

use crate::export;
use crate::ledger::{self, Change, LedgerError};
use crate::world::World;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::table::{Expect, Table as _, Write};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{Migration, keys};
use mailcrane_core::state::{MigrationEvent, MigrationState};
use mailcrane_core::{Fault, Timestamp};

/// How many items are read at once.
const PAGE: usize = 100;

/// Erases a migration that is being erased; `false` when the time was over and the next sweep goes on. Its permissions
/// must have been taken back before.
///
/// # Errors
/// The faults of vault, bucket and table; erasing goes on with the next sweep.
pub async fn run<W: World, V: Vault, B: Blobs>(
    world: &W,
    vault: &V,
    blobs: &B,
    id: &MigrationId,
    stop_at: Timestamp,
) -> Result<bool, Fault> {
    let key = keys::migration(id);
    let Some(migration) = ledger::find::<Migration>(world.table(), &key).await? else { return Ok(true) };
    if migration.record.state != MigrationState::Erasing {
        return Ok(true);
    }
    vault.shred(id).await?;
    // What was rescued stays: it is the mail of the mailboxes' owners.
    blobs.delete_all(&export::folder(id)).await?;
    let mut partitions = vec![format!("WAIT#{id}")];
    let accounts = migration.record.accounts;
    partitions.extend((0..accounts).map(|no| keys::account_partition(id, AccountNo(no))));
    partitions.extend((0..accounts.div_ceil(250)).map(|bucket| keys::bucket(id, bucket)));
    partitions.push(keys::migration_partition(id));
    for partition in partitions {
        if !empty(world, &partition, &key.sk, stop_at).await? {
            return Ok(false);
        }
    }
    let erased = ledger::update::<Migration>(world.table(), &key, |migration| {
        migration.state = migration.state.apply(MigrationEvent::Erased)?;
        migration.name.clear();
        migration.notify.clear();
        migration.webhook = None;
        migration.options = Default::default();
        (migration.keep_until, migration.look_at, migration.start_at) = (None, None, None);
        Ok(Change::Write)
    });
    match erased.await {
        Ok(_) | Err(LedgerError::Illegal(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the items of a partition, but for the migration itself.
async fn empty<W: World>(world: &W, partition: &str, but: &str, stop_at: Timestamp) -> Result<bool, Fault> {
    loop {
        let page = world.table().query(partition, "", None, PAGE).await.map_err(LedgerError::from)?;
        let items: Vec<_> = page.items.into_iter().filter(|i| i.key.sk != but).collect();
        if items.is_empty() {
            return Ok(true);
        }
        if world.now() >= stop_at {
            return Ok(false);
        }
        let deletes = items.into_iter().map(|i| Write::Delete(i.key, Expect::Anything)).collect();
        world
            .table()
            .transact(&format!("erase{partition}{}", world.now()), deletes)
            .await
            .map_err(LedgerError::from)?;
    }
}

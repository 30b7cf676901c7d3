//! The checks of a whole migration are sent out, one bucket of accounts at a time.

use super::roll_up;
use crate::ledger;
use crate::world::World;
use mailcrane_core::Fault;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::Table as _;
use mailcrane_core::record::{Account, Migration, keys};
use mailcrane_core::state::{AccountEvent, AccountState, MigrationState};
use mailcrane_core::token::Task;
use std::time::Duration;

/// Sets every account whose pass has ended, or whose check failed, back to waiting for a check. Nothing else may be
/// at work on the migration. The checks themselves are sent by [`fan_out`].
///
/// # Errors
/// Faults of the table, and of a migration that cannot begin a pass; nothing was changed then.
pub async fn again<W: World>(world: &W, migration: &Migration) -> Result<(), Fault> {
    for bucket in 0..migration.accounts.div_ceil(250) {
        let partition = keys::bucket(&migration.id, bucket);
        let mut items = Vec::new();
        for mut account in ledger::all::<Account>(world.table(), &partition, "A#").await? {
            let record = &mut account.record;
            let ended = record.state.ended() && record.state != AccountState::Cancelled;
            if record.removed {
                continue;
            }
            if ended || record.state == AccountState::CheckFailed {
                record.state = record.state.apply(AccountEvent::Change).map_err(ledger::LedgerError::from)?;
                (record.source_check, record.destination_check) = Default::default();
                items.push(account.next_item().map_err(ledger::LedgerError::from)?);
            }
        }
        if !items.is_empty() {
            world.table().put_all(items).await.map_err(ledger::LedgerError::from)?;
        }
    }
    Ok(())
}

/// Sends a check for every account that waits for one, from that number to the end of its bucket, then itself again
/// for the next bucket. Twice sends checks twice, of which the second ones find nothing to do.
///
/// # Errors
/// Faults of the table and the queues.
pub async fn fan_out<W: World>(world: &W, id: &MigrationId, from: AccountNo) -> Result<(), Fault> {
    let Some(migration) = ledger::find::<Migration>(world.table(), &keys::migration(id)).await? else {
        return Ok(());
    };
    let migration = migration.record;
    let over = matches!(
        migration.state,
        MigrationState::Cancelling | MigrationState::Cancelled | MigrationState::Erasing | MigrationState::Erased
    );
    if over || migration.right.unconfirmed || from.0 >= migration.accounts {
        return roll_up(world, id).await.map_err(Fault::from);
    }
    let bucket = from.bucket();
    let accounts = ledger::all::<Account>(world.table(), &keys::bucket(id, bucket), "A#").await?;
    let waiting = accounts.iter().map(|account| &account.record);
    let waiting =
        waiting.filter(|account| account.no >= from && account.state == AccountState::Waiting && !account.removed);
    let mut tasks: Vec<_> =
        waiting.map(|account| Task::Check { v: 1, migration: id.clone(), account: account.no }).collect();
    let next = AccountNo(bucket.saturating_add(1).saturating_mul(250));
    if next.0 < migration.accounts {
        tasks.push(Task::CheckAll { v: 1, migration: id.clone(), from: next });
    }
    world.queues().send(&tasks, Duration::ZERO).await
}

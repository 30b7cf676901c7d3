//! What the accounts of a migration say together: how far checks and analyses are, and the totals of its passes.

use crate::ledger::{self, Change, LedgerError};
use crate::outbox;
use crate::world::{World, later};
use mailcrane_core::Timestamp;
use mailcrane_core::id::{MigrationId, PassNo};
use mailcrane_core::record::{Account, Counters, Migration, keys};
use mailcrane_core::state::{AccountState, MigrationEvent, MigrationState};
use mailcrane_core::token::MailEvent;

/// Checks that were lost are sent again after so many arrival times.
const LOOK: u32 = 5;

/// What the accounts say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    checked: u32,
    analyzing: u32,
    failed: u32,
    removed: u32,
    totals: Counters,
    found: u64,
    found_bytes: u64,
}

impl Progress {
    fn add(&mut self, account: &Account) {
        let state = account.state;
        if account.removed {
            self.removed += 1;
            self.checked += 1;
            return;
        }
        self.totals += account.before;
        self.totals += account.pass.counters;
        self.found += account.before_found.saturating_add(account.pass.found);
        self.found_bytes += account.before_bytes.saturating_add(account.pass.found_bytes);
        self.checked += u32::from(!matches!(state, AccountState::Waiting | AccountState::Checking));
        self.analyzing += u32::from(state == AccountState::Analyzing);
        self.failed += u32::from(state == AccountState::CheckFailed);
    }
}

/// Counts the accounts of a migration again: totals, checks, and whether it is ready because neither a check nor an
/// analysis is open. Called after checks, at the end of a pass and by the sweeper; again changes nothing.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn roll_up<W: World>(world: &W, id: &MigrationId) -> Result<(), LedgerError> {
    let key = keys::migration(id);
    let Some(known) = ledger::find::<Migration>(world.table(), &key).await? else { return Ok(()) };
    let progress = count(world, &known.record).await?;
    let now = world.now();
    let look_at = later(now, world.times().arrival.saturating_mul(LOOK));
    let detail = format!("checks:{}", progress.failed);
    let letter = outbox::letter(world, id, MailEvent::Attention, PassNo(0), &detail);
    let mut ready = false;
    let rolled = ledger::update_with::<Migration>(world.table(), &key, |migration| {
        let before = shown(migration);
        migration.look_at = migration.look_at.filter(|look_at| *look_at > now);
        (migration.totals, migration.found, migration.found_bytes) =
            (progress.totals, progress.found, progress.found_bytes);
        ready = conclude(migration, progress, look_at);
        if before == shown(migration) {
            return Ok(None);
        }
        let mut writes = Vec::new();
        if ready && progress.failed > 0 {
            writes.push(outbox::write_of(&letter)?);
        }
        Ok(Some(writes))
    });
    rolled.await?;
    if ready && progress.failed > 0 {
        outbox::send(world, &letter).await;
    }
    Ok(())
}

fn shown(migration: &Migration) -> impl PartialEq + use<> {
    let accounts = (migration.checked, migration.removed);
    (accounts, migration.state, migration.look_at, migration.totals, migration.found, migration.found_bytes)
}

/// Notes the progress in the migration; tells whether it is ready.
fn conclude(migration: &mut Migration, progress: Progress, look_at: Timestamp) -> bool {
    (migration.checked, migration.removed) = (progress.checked, progress.removed);
    let unchecked = progress.checked < migration.accounts;
    if unchecked && matches!(migration.state, MigrationState::Running | MigrationState::Scheduled) {
        migration.look_at.get_or_insert(look_at);
        return false;
    }
    let checks = [MigrationState::Submitted, MigrationState::Checking, MigrationState::Ready];
    if !checks.contains(&migration.state) || migration.accounts == 0 {
        return false;
    }
    let open = unchecked || progress.analyzing > 0;
    let event = if open { MigrationEvent::Check } else { MigrationEvent::Checked };
    migration.state = migration.state.apply(event).unwrap_or(migration.state);
    // Only what is open has to be looked at again; an earlier look stays.
    migration.look_at = open.then(|| migration.look_at.map_or(look_at, |earlier| earlier.min(look_at)));
    !open
}

async fn count<W: World>(world: &W, migration: &Migration) -> Result<Progress, LedgerError> {
    let mut progress = Progress::default();
    for bucket in 0..migration.accounts.div_ceil(250) {
        for account in ledger::all::<Account>(world.table(), &keys::bucket(&migration.id, bucket), "A#").await? {
            if account.record.no.0 < migration.accounts {
                progress.add(&account.record);
            }
        }
    }
    Ok(progress)
}

/// Shows that the checks of a migration have begun.
pub(super) async fn mark_checking<W: World>(world: &W, id: &MigrationId) -> Result<(), LedgerError> {
    let key = keys::migration(id);
    let marked = ledger::update::<Migration>(world.table(), &key, |migration| {
        if migration.state != MigrationState::Submitted {
            return Ok(Change::Nothing);
        }
        migration.state = migration.state.apply(MigrationEvent::Check)?;
        Ok(Change::Write)
    });
    marked.await.map(|_| ())
}

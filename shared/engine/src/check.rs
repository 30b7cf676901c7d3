//! The check of an account: permission, sign-in at both ends, INBOX and folders; then its analysis begins.

mod all;
mod end;
mod limit;
mod roll_up;

pub use all::{again, fan_out};
pub use roll_up::roll_up;

use crate::admission;
use crate::ledger::{self, Change, LedgerError};
use crate::world::{World, later, until};
use end::Probe;
use mailcrane_core::id::{AccountNo, LaneNo, MigrationId};
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Expect, Key, TableError, Write};
use mailcrane_core::record::{Account, Allowance, Check, CheckState, Migration, keys};
use mailcrane_core::state::{AccountEvent, AccountState, MigrationState};
use mailcrane_core::token::{LaneKind, Reason, Task};
use mailcrane_core::{Fault, Timestamp};

/// A check is made again this often while a new permission spreads.
const ASKS_WHILE_SPREADING: u32 = 12;

/// How an account came out of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Both ends are well; its analysis is queued.
    Passed,
    /// An end refused; the account says why.
    Failed,
    /// A new permission has to spread; the check is queued again.
    Waits,
    /// There was nothing to check: a repeated task, or the migration has ended.
    Dropped,
}

/// Checks one account. The task may arrive twice; the second one finds nothing to do.
///
/// # Errors
/// Faults of the table and the queues; the same task is then delivered again. What the ends say is no error, it is
/// written into the account.
pub async fn run<W: World, E: Ends, D: Directory>(
    world: &W,
    ends: &E,
    directory: &D,
    id: &MigrationId,
    no: AccountNo,
    deadline: Timestamp,
) -> Result<Verdict, Fault> {
    let Some(migration) = ledger::find::<Migration>(world.table(), &keys::migration(id)).await? else {
        return Ok(Verdict::Dropped);
    };
    let migration = migration.record;
    let Some((account, fresh)) = begin(world, &migration, no).await? else { return Ok(Verdict::Dropped) };
    if fresh && let Some(refused) = limit::refuse(world, &migration, &account).await? {
        let verdict = conclude(world, id, no, &refused, &refused, None).await?;
        roll_up(world, id).await?;
        return Ok(verdict);
    }
    let (source, destination) = futures_util::join!(
        end::source(world, ends, directory, &migration, &account, deadline),
        end::destination(world, ends, directory, &migration, &account, deadline),
    );
    for probe in [&source, &destination] {
        if let Probe::Spreading(since) = probe {
            return wait(world, id, no, *since).await;
        }
    }
    if [&source, &destination].iter().any(|probe| matches!(probe, Probe::Refused { .. })) {
        limit::note(world, &migration, &account).await?;
    }
    let free = match destination {
        Probe::Well => end::free(directory, &migration, &account).await,
        _ => None,
    };
    let learned = Learned { allowance: ends.allowance(&account), free };
    let verdict = conclude(world, id, no, &source, &destination, Some(learned)).await?;
    if migration.accounts <= 250 || no.0.is_multiple_of(50) || no.0.saturating_add(1) == migration.accounts {
        roll_up(world, id).await?;
    }
    Ok(verdict)
}

/// Looks after a migration that came due: sends checks that were lost, counts again, and forgets the
/// date of one that needs no look any more.
///
/// # Errors
/// Faults of the table and the queues.
pub async fn look_after<W: World>(world: &W, key: &Key) -> Result<(), Fault> {
    let Some(migration) = ledger::find::<Migration>(world.table(), key).await? else { return Ok(()) };
    let (record, now) = (migration.record, world.now());
    if record.look_at.is_none_or(|look_at| look_at > now) || record.state == MigrationState::Erasing {
        return Ok(());
    }
    let before = matches!(record.state, MigrationState::Submitted | MigrationState::Checking);
    let during = matches!(record.state, MigrationState::Running | MigrationState::Scheduled);
    let open = record.accounts > 0 && !record.right.unconfirmed;
    if open && (before || during && record.checked < record.accounts) {
        fan_out(world, &record.id, AccountNo(0)).await?;
        return roll_up(world, &record.id).await.map_err(Fault::from);
    }
    let forgotten = ledger::update::<Migration>(world.table(), key, |migration| {
        migration.look_at = migration.look_at.filter(|look_at| *look_at > now);
        Ok(Change::Write)
    });
    forgotten.await.map(|_| ()).map_err(Fault::from)
}

/// Gives up the check of an account whose task failed again and again; a person may ask for another.
///
/// # Errors
/// Faults of the table and the queues.
pub async fn give_up<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<(), Fault> {
    let Some(migration) = ledger::find::<Migration>(world.table(), &keys::migration(id)).await? else { return Ok(()) };
    if begin(world, &migration.record, no).await?.is_none() {
        return Ok(());
    }
    let text = "the check failed again and again for a reason of ours; the log says why. Check again later";
    let failed = Probe::from(Fault::give_up("check.failed", text));
    conclude(world, id, no, &failed, &Probe::Well, None).await?;
    roll_up(world, id).await.map_err(Fault::from)
}

/// Marks the account as being checked, and tells whether it was not marked before; nothing when it is not waiting for
/// a check.
async fn begin<W: World>(world: &W, migration: &Migration, no: AccountNo) -> Result<Option<(Account, bool)>, Fault> {
    let over = matches!(
        migration.state,
        MigrationState::Cancelling | MigrationState::Cancelled | MigrationState::Erasing | MigrationState::Erased
    );
    if over || migration.right.unconfirmed || no.0 >= migration.accounts {
        return Ok(None);
    }
    let key = keys::account(&migration.id, no);
    let mut fresh = false;
    let begun = ledger::update::<Account>(world.table(), &key, |account| {
        fresh = account.state == AccountState::Waiting && !account.removed;
        if !fresh {
            return Ok(Change::Nothing);
        }
        account.state = account.state.apply(AccountEvent::Check)?;
        Ok(Change::Write)
    });
    let account = match begun.await {
        Err(LedgerError::Missing) => return Ok(None),
        other => other?,
    };
    roll_up::mark_checking(world, &migration.id).await?;
    let account = account.record;
    Ok((account.state == AccountState::Checking).then_some((account, fresh)))
}

async fn wait<W: World>(world: &W, id: &MigrationId, no: AccountNo, since: Timestamp) -> Result<Verdict, Fault> {
    let spread = later(since, world.times().propagation);
    let step = world.times().propagation.checked_div(ASKS_WHILE_SPREADING).unwrap_or_default();
    let delay = step.min(until(world.now(), spread)).max(world.times().back_off);
    tracing::info!(migration.id = %id, account.no = no.0, "the permission has not spread yet; the check is made again");
    let task = Task::Check { v: 1, migration: id.clone(), account: no };
    world.queues().send(&[task], delay).await?;
    Ok(Verdict::Waits)
}

/// What a check learned besides its verdict.
#[derive(Debug, Clone, Copy)]
struct Learned {
    /// What the provider of the source allows.
    allowance: Allowance,
    /// Free octets at the destination, when known.
    free: Option<u64>,
}

/// Writes the results in one transaction: the account, the lane of its analysis, and its place in a pass that waits
/// for it.
async fn conclude<W: World>(
    world: &W,
    id: &MigrationId,
    no: AccountNo,
    source: &Probe,
    destination: &Probe,
    learned: Option<Learned>,
) -> Result<Verdict, Fault> {
    for _ in 0..20 {
        let mut account = ledger::get::<Account>(world.table(), &keys::account(id, no)).await?;
        if account.record.state != AccountState::Checking {
            return Ok(Verdict::Dropped);
        }
        if let Some(learned) = learned {
            account.record.allowance = learned.allowance;
            account.record.analysis.destination_free = learned.free;
        }
        let promised = account.record.queue_when_checked;
        let passed = note(world, &mut account.record, source, destination).map_err(LedgerError::from)?;
        let mut writes = vec![ledger::write_of(&account)?];
        let mut analysis = None;
        if passed {
            let pass = account.record.pass.no;
            let lane = admission::lane(world, id, no, LaneKind::Analyze, LaneNo(0), pass).await?;
            writes.push(ledger::write_of(&lane)?);
            analysis = Some(lane);
        }
        if promised {
            writes.push(promise(world, id, no, passed).await?);
        }
        match ledger::transact(world.table(), &format!("check{id}{no}.{}", account.version), writes).await {
            Ok(()) => {}
            Err(TableError::Conflict) => continue,
            Err(error) => return Err(LedgerError::from(error).into()),
        }
        if let Some(lane) = &analysis {
            crate::lane::send(world, &lane.record, Reason::Begin).await?;
        }
        if promised {
            admission::admit(world).await?;
            admission::conclude(world, id).await?;
        }
        return Ok(if passed { Verdict::Passed } else { Verdict::Failed });
    }
    Err(LedgerError::from(TableError::Conflict).into())
}

/// Keeps the promise of a turn in the running pass, or takes the account out of its count.
async fn promise<W: World>(world: &W, id: &MigrationId, no: AccountNo, passed: bool) -> Result<Write, LedgerError> {
    if passed {
        return Ok(Write::Put(admission::waiting(id, no), Expect::Anything));
    }
    let mut roster = admission::roster(world).await?;
    if let Some(running) = roster.record.running_mut(id) {
        running.open = running.open.saturating_sub(1);
        running.failed = running.failed.saturating_add(1);
    }
    ledger::write_of(&roster)
}

fn note<W: World>(
    world: &W,
    account: &mut Account,
    source: &Probe,
    destination: &Probe,
) -> Result<bool, mailcrane_core::state::Illegal> {
    account.source_check = check_of(source, world.now());
    account.destination_check = check_of(destination, world.now());
    let checks = [&account.source_check, &account.destination_check];
    let failed = checks.into_iter().find(|check| check.state == CheckState::Failed).cloned();
    let passed = failed.is_none();
    account.state = account.state.apply(if passed { AccountEvent::Analyze } else { AccountEvent::Refused })?;
    account.queue_when_checked &= passed;
    let failed = failed.unwrap_or_default();
    (account.error_code, account.error) = (failed.code, failed.message);
    Ok(passed)
}

fn check_of(probe: &Probe, now: Timestamp) -> Check {
    match probe {
        Probe::Well => Check { state: CheckState::Passed, at: Some(now), ..Check::default() },
        Probe::Refused { code, message, fingerprint } => Check {
            state: CheckState::Failed,
            code: code.clone(),
            message: message.clone(),
            fingerprint: fingerprint.clone(),
            at: Some(now),
        },
        Probe::Spreading(_) => Check::default(),
    }
}

#[cfg(test)]
mod tests;

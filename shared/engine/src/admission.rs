//! Admission: which accounts are active. One item holds the truth, so that the limits hold over all migrations.
//!
//! A migration that runs has an entry with a cursor over its accounts: starting 10,000 accounts writes one item. An
//! account that comes back out of order (after a pause, a retry, a late check) waits under a key of its own.

mod line;
mod parting;
mod roster;

pub use roster::{Active, Roster, Running};

use crate::ledger::{self, LedgerError};
use crate::outbox;
use crate::world::{World, later};
use futures_util::future::try_join;
use line::{Candidate, Next};
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, Generation, LaneNo, MigrationId, PassNo};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table as _, TableError, Write};
use mailcrane_core::record::{Account, Lane, LaneState, Migration, Pass, Record, Versioned, keys};
use mailcrane_core::state::{AccountEvent, AccountState, MigrationEvent};
use mailcrane_core::token::{LaneKind, MailEvent, Reason};
use parting::Parting;

/// How often a change of the roster is tried again.
const TRIES: usize = 60;

/// How many accounts one call looks at, at most.
const STEPS: usize = 200;

/// How many accounts are dismissed between two looks at the roster.
const DISMISSED: usize = 50;

/// Reads the roster; an empty one when there is none yet.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn roster<W: World>(world: &W) -> Result<Versioned<Roster>, LedgerError> {
    let key = keys::admission();
    Ok(ledger::find(world.table(), &key).await?.unwrap_or_else(|| Versioned::fresh(key, Roster::default())))
}

/// How an account left the active ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Its pass has ended without failures.
    Well,
    /// Its pass has ended, some messages failed.
    WithErrors,
    /// It cannot go on without a person.
    Failed,
    /// It was interrupted and goes on when the migration does.
    Interrupted,
}

/// Puts an account into the line of those that wait out of order. Its migration must be running; the account counts
/// as open from now on unless it did before.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn queue<W: World>(world: &W, migration: &MigrationId, account: AccountNo) -> Result<(), LedgerError> {
    world.table().put_all(vec![waiting(migration, account)]).await?;
    admit(world).await
}

/// Returns the item of an account that waits out of order.
#[must_use]
pub fn waiting(migration: &MigrationId, account: AccountNo) -> Item {
    let body = Body::Json(format!("{{\"account\":{}}}", account.0));
    Item { key: keys::waiting(migration, account), version: 1, body, due: None, expires: None }
}

/// Takes an account that was promised a turn out of the count: its check failed after all.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn forget<W: World>(world: &W, migration: &MigrationId) -> Result<(), LedgerError> {
    change(world, |roster| {
        let Some(running) = roster.running_mut(migration) else { return false };
        running.open = running.open.saturating_sub(1);
        running.failed += 1;
        true
    })
    .await?;
    conclude(world, migration).await
}

/// Takes an account out of the active ones, ends its migration's pass when it was the last, and admits others. An
/// account that is (or is again) being copied stays.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn release<W: World>(world: &W, migration: &MigrationId, account: AccountNo) -> Result<(), LedgerError> {
    leave(world, migration, account).await?;
    conclude(world, migration).await?;
    admit_after(world, account).await
}

/// Lets whoever was faster come to its end. Accounts that were begun together do their steps together: each lets another
/// time pass, so that they do not meet again.
async fn give_way<W: World>(world: &W, no: AccountNo) {
    let time = world.times().back_off / 20 * (no.0 % 8 + 1);
    world.clock().sleep(time).await;
}

async fn leave<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<(), LedgerError> {
    for _ in 0..TRIES {
        let key = keys::account(id, no);
        let account = ledger::find::<Account>(world.table(), &key);
        let (mut roster, account) = try_join(roster(world), account).await?;
        let Some(account) = account else { return Ok(()) };
        let Some(left) = left(account.record.state) else { return Ok(()) };
        if !roster.record.leave(id, no, left) {
            return Ok(());
        }
        let mut writes = vec![ledger::write_of(&roster)?, Write::Check(key, Expect::Version(account.version))];
        if left == Left::Interrupted {
            let again = waiting(id, no);
            let key = if account.record.pass.yields { keys::yielded(id, no) } else { again.key };
            writes.push(Write::Put(Item { key, ..again }, Expect::Anything));
        }
        match ledger::transact(world.table(), &format!("leave{id}{no}{}", roster.version), writes).await {
            Err(TableError::Conflict) => give_way(world, no).await,
            other => return Ok(other?),
        }
    }
    Err(TableError::Conflict.into())
}

/// Returns how an account has left the active ones; nothing while it is among them.
fn left(state: AccountState) -> Option<Left> {
    Some(match state {
        AccountState::Copying | AccountState::Verifying => return None,
        AccountState::Done => Left::Well,
        AccountState::DoneWithErrors => Left::WithErrors,
        AccountState::Queued => Left::Interrupted,
        _ => Left::Failed,
    })
}

/// Changes the roster; the change says whether there is anything to write.
pub(crate) async fn change<W: World>(
    world: &W,
    mut change: impl FnMut(&mut Roster) -> bool + Send,
) -> Result<Versioned<Roster>, LedgerError> {
    for _ in 0..TRIES {
        let mut roster = roster(world).await?;
        if !change(&mut roster.record) {
            return Ok(roster);
        }
        match ledger::put(world.table(), &mut roster).await {
            Err(error) if error.is_conflict() => {}
            other => return other.map(|()| roster),
        }
    }
    Err(TableError::Conflict.into())
}

/// Ends the pass of a migration, or its pause or cancellation, when none of its accounts is active or open any more.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn conclude<W: World>(world: &W, id: &MigrationId) -> Result<(), LedgerError> {
    for _ in 0..TRIES {
        let key = keys::migration(id);
        let migration = ledger::find::<Migration>(world.table(), &key);
        let (mut roster, migration) = try_join(roster(world), migration).await?;
        let Some(mut migration) = migration else { return Ok(()) };
        let Some(end) = roster.record.end_of(id, migration.record.state) else { return Ok(()) };
        let Ok(state) = migration.record.state.apply(end) else { return Ok(()) };
        let record = &mut migration.record;
        record.state = state;
        if end == MigrationEvent::Cancelled {
            match parting::verify(world, &roster, record).await? {
                Parting::Begun => continue,
                Parting::NoPlace => return Ok(()),
                Parting::Nobody => {}
            }
            if dismiss(world, id).await? {
                continue;
            }
        }
        let ended = end != MigrationEvent::Paused;
        if ended {
            record.ended = Some(world.now());
            record.keep_until = Some(later(world.now(), world.times().retention));
            roster.record.running.retain(|r| r.migration != *id);
        }
        let letter = outbox::letter(world, id, MailEvent::Ended, record.pass, "");
        let mut writes = vec![ledger::write_of(&migration)?, ledger::write_of(&roster)?];
        if ended {
            writes.push(outbox::write_of(&letter)?);
        }
        let token = format!("conclude{id}{}.{}", migration.version, roster.version);
        match ledger::transact(world.table(), &token, writes).await {
            Ok(()) => {
                if ended {
                    outbox::send(world, &letter).await;
                }
                return Ok(());
            }
            Err(TableError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(TableError::Conflict.into())
}

/// Cancels the accounts of a cancelled migration that wait for their turn; `false` when none waits (any more).
async fn dismiss<W: World>(world: &W, id: &MigrationId) -> Result<bool, LedgerError> {
    let waiting = world.table().query(&format!("WAIT#{id}"), "", None, DISMISSED).await?.items;
    for item in &waiting {
        let mut writes = vec![Write::Delete(item.key.clone(), Expect::Anything)];
        let account = number(&item.key).map(|no| keys::account(id, no));
        if let Some(key) = account
            && let Some(mut account) = ledger::find::<Account>(world.table(), &key).await?
            && account.record.state == AccountState::Queued
        {
            account.record.state = account.record.state.apply(AccountEvent::Cancel)?;
            writes.push(ledger::write_of(&account)?);
        }
        match ledger::transact(world.table(), &format!("dismiss{id}{}", item.key.sk), writes).await {
            Ok(()) | Err(TableError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(!waiting.is_empty())
}

/// Returns the number of an account that waits.
fn number(key: &Key) -> Option<AccountNo> {
    key.sk.get(2..).and_then(|no| no.parse().ok()).map(AccountNo)
}

/// Admits accounts as long as the limits allow and somebody waits.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn admit<W: World>(world: &W) -> Result<(), LedgerError> {
    admit_after(world, AccountNo(0)).await
}

/// The same on behalf of an account that has just left.
async fn admit_after<W: World>(world: &W, left: AccountNo) -> Result<(), LedgerError> {
    let mut passed_over: Vec<MigrationId> = Vec::new();
    for _ in 0..STEPS {
        let roster = roster(world).await?;
        let Some(candidate) = roster.record.next(&passed_over) else { return Ok(()) };
        let id = candidate.migration.clone();
        let step = if roster.record.active.len() < world.sizes().active_accounts {
            step(world, roster, &id).await
        } else if roster.record.waits(&id) {
            room(world, roster, &id, None).await
        } else {
            Ok(Step::Nobody)
        };
        match step {
            Ok(Step::Went) => {}
            Ok(Step::Nobody) => passed_over.push(id),
            Err(error) if error.is_conflict() => give_way(world, left).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

enum Step {
    Went,
    Nobody,
}

/// Looks at the next account of a migration: admits it, promises it a turn, or passes it over.
async fn step<W: World>(world: &W, mut roster: Versioned<Roster>, id: &MigrationId) -> Result<Step, LedgerError> {
    let migration = ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record;
    let Some(running) = roster.record.running_mut(id) else { return Ok(Step::Nobody) };
    let cursor = running.cursor;
    let (candidate, mut account) = match line::next(world, &roster.record, &migration, cursor).await? {
        Next::Account(candidate, account) => (candidate, *account),
        Next::Gone(candidate) => {
            let writes = candidate.writes(roster.record.running_mut(id));
            if let (Some(running), Candidate::Waiting(_)) = (roster.record.running_mut(id), &candidate) {
                running.open = running.open.saturating_sub(1);
            }
            return commit(world, roster, writes, id).await;
        }
        Next::HostFull(host) => return room(world, roster, id, Some(&host)).await,
        Next::Nobody => {
            let Some(running) = roster.record.running_mut(id).filter(|r| !r.exhausted) else { return Ok(Step::Nobody) };
            running.exhausted = true;
            ledger::put(world.table(), &mut roster).await?;
            conclude(world, id).await?;
            return Ok(Step::Nobody);
        }
    };
    let mut writes = candidate.writes(roster.record.running_mut(id));
    let Some(running) = roster.record.running_mut(id) else { return Ok(Step::Nobody) };
    let in_order = !matches!(candidate, Candidate::Waiting(_));
    let record = &mut account.record;
    let had_its_turn = in_order && record.pass.no == migration.pass;
    if !line::fits(record) || had_its_turn || record.state.active() {
        if !had_its_turn && !record.state.active() {
            // Out of order it was counted as open when it came into the line, and was left out or refused since then.
            running.open = running.open.saturating_sub(u32::from(!in_order));
            running.failed += u32::from(record.selected && record.state == AccountState::CheckFailed);
        }
        return commit(world, roster, writes, id).await;
    }
    if in_order {
        running.open += 1;
    }
    if matches!(record.state, AccountState::Waiting | AccountState::Checking) {
        record.queue_when_checked = true;
        writes.push(ledger::write_of(&account)?);
        return commit(world, roster, writes, id).await;
    }
    let host = line::host(record);
    let Ok(state) = record.state.apply(AccountEvent::Admit) else { return commit(world, roster, writes, id).await };
    record.state = state;
    begin_pass(record, &migration, world.now(), world.sizes().lanes);
    let no = record.no;
    let lane = lane(world, id, no, LaneKind::Plan, LaneNo(0), migration.pass).await?;
    if !roster.record.active.iter().any(|a| a.migration == *id && a.account == no) {
        let since = world.now();
        roster.record.active.push(Active { migration: id.clone(), account: no, host, since, yields: false });
    }
    writes.extend(shut_out(world, id, no, &[LaneKind::Copy, LaneKind::Verify]).await?);
    writes.push(ledger::write_of(&account)?);
    writes.push(ledger::write_of(&lane)?);
    commit(world, roster, writes, id).await?;
    let token = lane.record.token(Reason::Begin);
    if let Err(fault) = world.queues().continue_lane(&token, std::time::Duration::ZERO).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, migration.id = %id, "A lane waits for the sweeper");
    }
    Ok(Step::Went)
}

/// Asks an account that had its place for long to give it to the migration that waits: its lanes stop at their next
/// look, and it waits for its next turn.
async fn room<W: World>(
    world: &W,
    mut roster: Versioned<Roster>,
    id: &MigrationId,
    host: Option<&str>,
) -> Result<Step, LedgerError> {
    let Some(at) = roster.record.yielder(world.now(), world.times().turn, id, host) else { return Ok(Step::Nobody) };
    let Some(active) = roster.record.active.get_mut(at) else { return Ok(Step::Nobody) };
    active.yields = true;
    let key = keys::account(&active.migration, active.account);
    let Some(mut account) = ledger::find::<Account>(world.table(), &key).await? else { return Ok(Step::Nobody) };
    if account.record.state != AccountState::Copying {
        return Ok(Step::Nobody);
    }
    account.record.pass.yields = true;
    let writes = vec![ledger::write_of(&account)?];
    commit(world, roster, writes, id).await?;
    Ok(Step::Nobody)
}

async fn commit<W: World>(
    world: &W,
    roster: Versioned<Roster>,
    mut writes: Vec<Write>,
    id: &MigrationId,
) -> Result<Step, LedgerError> {
    writes.push(ledger::write_of(&roster)?);
    ledger::transact(world.table(), &format!("admit{id}{}", roster.version), writes).await?;
    Ok(Step::Went)
}

/// Ends the lanes that an account still has from before, such as one that waits for a server while another one stalled
/// the account. Who holds one finds its generation moved on; what it was about to store is settled as after a crash.
async fn shut_out<W: World>(
    world: &W,
    id: &MigrationId,
    no: AccountNo,
    kinds: &[LaneKind],
) -> Result<Vec<Write>, LedgerError> {
    let mut writes = Vec::new();
    for mut lane in ledger::all::<Lane>(world.table(), &keys::account_partition(id, no), "L#").await? {
        let record = &mut lane.record;
        if record.state != LaneState::Ended && kinds.contains(&record.kind) {
            record.generation = record.generation.next();
            (record.state, record.lease_until, record.look_at) = (LaneState::Ended, None, None);
            writes.push(ledger::write_of(&lane)?);
        }
    }
    Ok(writes)
}

/// Begins the migration's pass on the account, or goes on with it.
fn begin_pass(account: &mut Account, migration: &Migration, now: Timestamp, lanes: u16) {
    account.error_code.clear();
    account.error.clear();
    account.queue_when_checked = false;
    (account.pass.yields, account.pass.stopped) = (false, false);
    if account.pass.no == migration.pass {
        (account.pass.lanes_open, account.pass.ended) = (1, None);
        return;
    }
    account.before += account.pass.counters;
    account.before_found += account.pass.found;
    account.before_bytes += account.pass.found_bytes;
    account.pass = Pass {
        no: migration.pass,
        kind: migration.pass_kind,
        since: migration.pass_since,
        before: migration.pass_before,
        lanes,
        lanes_open: 1,
        folders: account.pass.folders,
        started: Some(now),
        ..Pass::default()
    };
}

/// Returns the lane, ready to be queued: a new one, or the one of an earlier pass made new. Nothing is written.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn lane<W: World>(
    world: &W,
    id: &MigrationId,
    account: AccountNo,
    kind: LaneKind,
    no: LaneNo,
    pass: PassNo,
) -> Result<Versioned<Lane>, LedgerError> {
    let key = keys::lane(id, account, kind, no);
    let found = ledger::find::<Lane>(world.table(), &key).await?;
    Ok(ready(found, key, world, (id, account, kind, no, pass)))
}

fn ready<W: World>(
    found: Option<Versioned<Lane>>,
    key: Key,
    world: &W,
    (id, account, kind, no, pass): (&MigrationId, AccountNo, LaneKind, LaneNo, PassNo),
) -> Versioned<Lane> {
    let look_at = Some(later(world.now(), world.times().arrival));
    let fresh = Lane {
        v: 1,
        migration: id.clone(),
        account,
        kind,
        no,
        pass,
        state: LaneState::Queued,
        generation: Generation(0),
        lease_until: None,
        look_at,
        not_before: None,
        hop: 0,
        idle_chunks: 0,
        first_open: 0,
        cursor: String::new(),
        counters: Default::default(),
        waits_code: String::new(),
        waits_for: String::new(),
    };
    match found {
        None => Versioned::fresh(key, fresh),
        Some(lane) => {
            let same = lane.record.pass == pass;
            let old = lane.record;
            let record = Lane {
                generation: old.generation.next(),
                counters: if same { old.counters } else { Default::default() },
                cursor: if same { old.cursor } else { String::new() },
                ..fresh
            };
            Versioned { key, version: lane.version, record }
        }
    }
}

impl Record for Roster {}

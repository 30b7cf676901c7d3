//! What a person does with a migration: start, pause, resume, cancel, retry, erase.

use crate::admission::{self, Running, roster};
use crate::analyze::TRIAL;
use crate::farewell;
use crate::ledger::{self, Change, LedgerError};
use crate::outbox;
use crate::voucher::{self, Short};
use crate::world::{World, later};
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, LaneNo, MigrationId};
use mailcrane_core::ports::table::{Expect, Table as _, TableError, Write};
use mailcrane_core::record::{Account, Lane, LaneState, Migration, PassKind, Versioned, keys};
use mailcrane_core::state::{AccountState, Illegal, MigrationEvent, MigrationState};
use mailcrane_core::token::{LaneKind, MailEvent, Reason};

/// Why something was not done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// An undo is under way; it ends by itself.
    #[error("{0} is not possible while an undo is under way; try again in some minutes")]
    Undoing(String),
    /// There is no such migration or account.
    #[error("there is no such migration or account")]
    Missing,
    /// A value is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// The field of the request.
        field: &'static str,
        /// What is wrong and what is expected.
        message: String,
    },
    /// The pass must be paid for with a voucher, and none was given that reaches.
    #[error("{0}")]
    Unpaid(String),
    /// Nobody has confirmed the address of the migration.
    #[error("the address is not confirmed yet; open the link in the e-mail first")]
    Unconfirmed,
    /// The table failed; trying again is safe.
    #[error("the table could not be read or written")]
    Ledger(#[source] LedgerError),
}

impl From<LedgerError> for ControlError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Illegal(illegal) => Self::Illegal(illegal),
            LedgerError::Missing => Self::Missing,
            other => Self::Ledger(other),
        }
    }
}

/// What a change does with the roster, in the same transaction.
enum Entry {
    Begin(u32),
    Hold(bool),
    Again(AccountNo, Again),
    Remove,
    Keep,
}

/// How an account comes to another try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// By a pass of its own; all other accounts, so many, have had their turn.
    OwnPass(u32),
    /// Within the running pass, which counted it as failed.
    Failed,
    /// Within the running pass, which counted it as ended.
    Ended,
}

/// Changes a migration and its entry in the roster together.
async fn change<W: World>(
    world: &W,
    id: &MigrationId,
    mut change: impl FnMut(&mut Migration) -> Result<Entry, ControlError> + Send,
) -> Result<Migration, ControlError> {
    for _ in 0..60 {
        let mut migration = ledger::get::<Migration>(world.table(), &keys::migration(id)).await?;
        let mut roster = roster(world).await?;
        if migration.record.undoing > 0 {
            return Err(undoing("changing the migration"));
        }
        let right = migration.record.right.clone();
        let entry = change(&mut migration.record)?;
        let mut writes = voucher::settle(world, &right, &migration.record.right).await?.map_err(short)?;
        writes.push(ledger::write_of(&migration)?);
        match entry {
            Entry::Begin(cursor) => {
                roster.record.running.retain(|r| r.migration != *id);
                roster.record.running.push(Running::new(id.clone(), cursor));
            }
            Entry::Hold(held) => {
                match roster.record.running_mut(id) {
                    Some(running) => running.held = held,
                    // Whoever ends what has not begun may be gone half way: the sweeper looks at those in the roster.
                    None => roster.record.running.push(Running { held, ..Running::new(id.clone(), 0) }),
                }
            }
            Entry::Again(no, again) => {
                if let Again::OwnPass(cursor) = again {
                    roster.record.running.retain(|r| r.migration != *id);
                    roster.record.running.push(Running::new(id.clone(), cursor));
                }
                let line = keys::waiting(id, no);
                let waits = world.table().get(&line).await.map_err(LedgerError::from)?.is_some();
                let counted = waits || roster.record.active.iter().any(|a| a.migration == *id && a.account == no);
                if let Some(running) = roster.record.running_mut(id) {
                    running.exhausted = false;
                    if !counted || matches!(again, Again::OwnPass(_)) {
                        running.open += 1;
                        running.failed = running.failed.saturating_sub(u32::from(again == Again::Failed));
                    }
                }
                if !waits {
                    writes.push(Write::Put(admission::waiting(id, no), Expect::Absent));
                }
            }
            Entry::Remove => roster.record.running.retain(|r| r.migration != *id),
            Entry::Keep => {}
        }
        if !matches!(entry, Entry::Keep) {
            writes.push(ledger::write_of(&roster)?);
        }
        if matches!(entry, Entry::Begin(_)) {
            writes.push(outbox::write_of(&started(world, &migration.record))?);
        }
        let token = format!("control{id}{}.{}", migration.version, roster.version);
        match ledger::transact(world.table(), &token, writes).await {
            Ok(()) => return Ok(migration.record),
            Err(TableError::Conflict) => {}
            Err(error) => return Err(ControlError::Ledger(error.into())),
        }
    }
    Err(ControlError::Ledger(TableError::Conflict.into()))
}

/// Starts a pass now, or at a time. `before` belongs to a pre-stage: only older messages are copied.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn start<W: World>(
    world: &W,
    id: &MigrationId,
    kind: PassKind,
    at: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Result<Migration, ControlError> {
    start_with(world, id, kind, at, before, None).await
}

/// Starts a pass as [`start`] does; what must be paid for is redeemed in the same transaction, with the voucher of that
/// hash or with the one that the migration was created with.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn start_with<W: World>(
    world: &W,
    id: &MigrationId,
    kind: PassKind,
    at: Option<Timestamp>,
    before: Option<Timestamp>,
    voucher: Option<&str>,
) -> Result<Migration, ControlError> {
    let now = world.now();
    let scheduled = at.filter(|at| *at > now);
    let known = ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record;
    let unpaid = if voucher::is_due(&known, kind) { voucher::unpaid(world, &known).await? } else { Vec::new() };
    let migration = change(world, id, |migration| {
        if let Some(refusal) = refusals(world, migration, kind, at, before).into_iter().next() {
            return Err(refusal);
        }
        migration.state = migration.state.apply(begin_event(scheduled))?;
        migration.pass_kind = kind;
        migration.pass_since = (kind == PassKind::Trial).then(|| now.checked_sub(TRIAL).unwrap_or(Timestamp::MIN));
        migration.pass_before = before.filter(|_| kind == PassKind::Prestage);
        migration.start_at = scheduled;
        pay(migration, voucher, &unpaid)?;
        if scheduled.is_some() {
            return Ok(Entry::Keep);
        }
        begin(migration, now);
        Ok(Entry::Begin(0))
    })
    .await?;
    if scheduled.is_none() {
        begun(world, &migration).await?;
    }
    Ok(migration)
}

fn begin_event(scheduled: Option<Timestamp>) -> MigrationEvent {
    if scheduled.is_some() { MigrationEvent::Schedule } else { MigrationEvent::Start }
}

/// Lists why a pass would not be started, but for what it costs; the first one is told when it is asked for.
pub(crate) fn refusals<W: World>(
    world: &W,
    migration: &Migration,
    kind: PassKind,
    at: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Vec<ControlError> {
    let invalid = |field, message: &str| ControlError::Invalid { field, message: message.to_owned() };
    let now = world.now();
    let scheduled = at.filter(|at| *at > now);
    let mut refusals = Vec::new();
    if kind == PassKind::Prestage && before.is_none() {
        let message = "a pre-stage needs the time before which messages are copied, such as 2026-01-01T00:00:00Z";
        refusals.push(invalid("before", message));
    }
    if migration.undoing > 0 {
        refusals.push(undoing("changing the migration"));
    }
    if migration.right.unconfirmed {
        refusals.push(ControlError::Unconfirmed);
    }
    if migration.present() == 0 {
        refusals.push(invalid("accounts", "the migration has no accounts yet"));
    }
    let ends = world.settings().workmail_ends;
    if let Some(message) = farewell::refusal(ends, &migration.destination, scheduled.unwrap_or(now)) {
        refusals.push(invalid("at", &message));
    }
    refusals.extend(migration.state.apply(begin_event(scheduled)).err().map(ControlError::Illegal));
    refusals
}

/// Redeems accounts that were not redeemed yet.
pub(crate) fn pay(migration: &mut Migration, voucher: Option<&str>, unpaid: &[AccountNo]) -> Result<(), ControlError> {
    let due: Vec<_> = unpaid.iter().copied().filter(|no| !migration.right.covers(*no)).collect();
    if due.is_empty() {
        return Ok(());
    }
    let Some(hash) = voucher.map(str::to_owned).or_else(|| migration.right.offered.clone()) else {
        let text = "needs a voucher; a trial, which copies the last 10 days, is free";
        return Err(ControlError::Unpaid(text.to_owned()));
    };
    migration.right.pay(&hash, &due);
    Ok(())
}

/// Gives back what was redeemed for a migration that has copied nothing.
fn give_back(migration: &mut Migration) {
    if migration.started.is_none() || migration.state == MigrationState::Failed {
        migration.right.payments.clear();
    }
}

pub(crate) fn short(short: Short) -> ControlError {
    ControlError::Unpaid(match short {
        Short::Unknown => "is not a voucher, or it is used up, expired or was taken back".to_owned(),
        Short::Left { left, needed } => {
            format!("has {left} mailboxes left, {needed} are needed; untick accounts or use another voucher")
        }
    })
}

fn begin(migration: &mut Migration, now: Timestamp) {
    migration.pass = migration.pass.next();
    migration.started.get_or_insert(now);
    (migration.ended, migration.keep_until) = (None, None);
}

async fn begun<W: World>(world: &W, migration: &Migration) -> Result<(), ControlError> {
    outbox::send(world, &started(world, migration)).await;
    Ok(admission::admit(world).await?)
}

fn started<W: World>(world: &W, migration: &Migration) -> Versioned<outbox::Letter> {
    outbox::letter(world, &migration.id, MailEvent::Started, migration.pass, "")
}

/// Starts what was scheduled, once its time has come; before that, or a second time, nothing happens.
///
/// # Errors
/// [`ControlError`].
pub async fn start_due<W: World>(world: &W, id: &MigrationId) -> Result<(), ControlError> {
    let now = world.now();
    let mut due = false;
    let migration = change(world, id, |migration| {
        due = migration.state == MigrationState::Scheduled && migration.start_at.is_some_and(|t| t <= now);
        if !due {
            return Ok(Entry::Keep);
        }
        migration.state = migration.state.apply(MigrationEvent::Start)?;
        if migration.pass_kind == PassKind::Trial {
            migration.pass_since = now.checked_sub(TRIAL).ok();
        }
        migration.start_at = None;
        begin(migration, now);
        Ok(Entry::Begin(0))
    })
    .await?;
    if due { begun(world, &migration).await } else { Ok(()) }
}

/// Pauses: windows under way are finished, then the lanes rest.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn pause<W: World>(world: &W, id: &MigrationId) -> Result<Migration, ControlError> {
    change(world, id, |migration| {
        migration.state = migration.state.apply(MigrationEvent::Pause)?;
        Ok(Entry::Hold(true))
    })
    .await?;
    admission::conclude(world, id).await?;
    Ok(ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record)
}

/// Goes on after a pause.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn resume<W: World>(world: &W, id: &MigrationId) -> Result<Migration, ControlError> {
    let migration = change(world, id, |migration| {
        migration.state = migration.state.apply(MigrationEvent::Resume)?;
        Ok(Entry::Hold(false))
    })
    .await?;
    admission::admit(world).await?;
    Ok(migration)
}

/// Gives the migration up: windows under way are finished. What was copied stays.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn cancel<W: World>(world: &W, id: &MigrationId) -> Result<Migration, ControlError> {
    change(world, id, |migration| {
        give_back(migration);
        migration.state = migration.state.apply(MigrationEvent::Cancel)?;
        migration.start_at = None;
        Ok(Entry::Hold(true))
    })
    .await?;
    admission::conclude(world, id).await?;
    Ok(ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record)
}

/// Tries a stalled account, or one with failures, again: within the running pass, or by a delta of its own.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn retry<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<Migration, ControlError> {
    let account = ledger::get::<Account>(world.table(), &keys::account(id, no)).await?.record;
    let again = matches!(account.state, AccountState::Stalled | AccountState::DoneWithErrors | AccountState::Done);
    if !again {
        return Err(Illegal::of("account", &account.state, "retry").into());
    }
    let now = world.now();
    let within = if account.state == AccountState::Stalled { Again::Failed } else { Again::Ended };
    let migration = change(world, id, |migration| {
        if migration.state.copies() {
            return Ok(Entry::Again(no, within));
        }
        migration.state = migration.state.apply(MigrationEvent::Start)?;
        // Before it is paid for, an account is tried again as a trial, too.
        let paid = migration.by_operator || migration.right.covers(no);
        migration.pass_kind = if paid { PassKind::Delta } else { PassKind::Trial };
        migration.pass_since = if paid { None } else { now.checked_sub(TRIAL).ok() };
        migration.pass_before = None;
        begin(migration, now);
        Ok(Entry::Again(no, Again::OwnPass(migration.accounts)))
    })
    .await?;
    admission::admit(world).await?;
    Ok(migration)
}

fn illegal(state: MigrationState, event: &str) -> Illegal {
    Illegal::of("migration", &state, event)
}

fn undoing(event: &str) -> ControlError {
    ControlError::Undoing(event.to_owned())
}

/// Takes back what was stored into the mailbox of an account; a dry run only counts. The protocol tells the result.
///
/// # Errors
/// [`ControlError`]; nothing was changed. A migration that is under way is not undone.
pub async fn undo<W: World>(world: &W, id: &MigrationId, no: AccountNo, dry_run: bool) -> Result<(), ControlError> {
    let migration = ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record;
    let account = ledger::get::<Account>(world.table(), &keys::account(id, no)).await?.record;
    if !migration.state.rests() || account.state.active() {
        return Err(illegal(migration.state, "undo").into());
    }
    let known = ledger::find::<Lane>(world.table(), &keys::lane(id, no, LaneKind::Undo, LaneNo(0))).await?;
    if known.is_some_and(|lane| lane.record.state != LaneState::Ended) {
        return Err(undoing("another undo"));
    }
    let mut lane = admission::lane(world, id, no, LaneKind::Undo, LaneNo(0), account.pass.no).await?;
    lane.record.cursor = if dry_run { crate::undo::DRY.to_owned() } else { String::new() };
    lane.record.counters = Default::default();
    let key = keys::migration(id);
    let begun = ledger::update_with::<Migration>(world.table(), &key, |migration| {
        if !migration.state.rests() {
            return Err(illegal(migration.state, "undo").into());
        }
        migration.undoing += 1;
        Ok(Some(vec![ledger::write_of(&lane)?]))
    });
    begun.await?;
    if let Err(fault) = crate::lane::send(world, &lane.record, Reason::Begin).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
    }
    Ok(())
}

/// Marks a migration for erasure; the sweeper deletes its credentials, permissions and data.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn erase<W: World>(world: &W, id: &MigrationId) -> Result<Migration, ControlError> {
    let now = world.now();
    change(world, id, |migration| {
        give_back(migration);
        migration.state = migration.state.apply(MigrationEvent::Erase)?;
        migration.look_at = Some(now);
        Ok(Entry::Remove)
    })
    .await
}

/// Keeps the credentials and the record of a finished migration for another while.
///
/// # Errors
/// [`ControlError`]; nothing was changed.
pub async fn keep<W: World>(world: &W, id: &MigrationId) -> Result<Migration, ControlError> {
    let until = later(world.now(), world.times().retention);
    let key = keys::migration(id);
    let kept = ledger::update::<Migration>(world.table(), &key, |migration| {
        migration.keep_until = migration.keep_until.map(|t| t.max(until));
        Ok(Change::Write)
    });
    Ok(kept.await?.record)
}

//! One invocation's share of a lane: taken by its token, worked on until the time is over, handed over.

use crate::account::{self, Out};
use crate::copy::commit::CommitError;
use crate::copy::rescue::{Nowhere, Shelf};
use crate::copy::{self, Ended};
use crate::lane::{self, Next};
use crate::ledger::{self, LedgerError};
use crate::plan::{self, PlanError, Planned};
use crate::world::{World, later};
use crate::{analyze, undo, verify};
use futures_util::future::{join, try_join};
use mailcrane_core::fault::Remedy;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::record::{Account, Lane, Migration, Versioned, keys};
use mailcrane_core::state::AccountState;
use mailcrane_core::token::{ContinuationToken, LaneKind, Reason};
use mailcrane_core::{Fault, Timestamp};
use std::time::Duration;

/// Why a chunk failed; the queue delivers its token again.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The table could not be read or written.
    #[error("the chunk could not be worked on")]
    Ledger(#[from] LedgerError),
    /// Something could not be recorded.
    #[error("the chunk could not be recorded")]
    Commit(#[source] CommitError),
}

impl From<CommitError> for ChunkError {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

/// What a walking lane (analyze, plan, verify) came to.
#[derive(Debug)]
pub enum Walk {
    /// It has nothing more to do.
    Finished,
    /// It goes on in another invocation.
    More(Next),
    /// It was closed already.
    Closed,
}

/// Works on the lane of a token. A late or repeated token changes nothing. What is too large is only named.
///
/// # Errors
/// [`ChunkError`] when the table fails; the lane is then mended by another delivery or by the sweeper.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    token: &ContinuationToken,
    deadline: Timestamp,
) -> Result<(), ChunkError> {
    run_with(world, ends, None::<&Shelf<Nowhere>>, token, deadline).await
}

/// Does what [`run`] does; what is too large is kept on the shelf, if there is one and the migration wants it.
///
/// # Errors
/// As [`run`].
pub async fn run_with<W: World, E: Ends, B: Blobs>(
    world: &W,
    ends: &E,
    shelf: Option<&Shelf<B>>,
    token: &ContinuationToken,
    deadline: Timestamp,
) -> Result<(), ChunkError> {
    if token.v != 1 {
        tracing::error!(version = token.v, "A continuation token of another version was dropped");
        return Ok(());
    }
    let lane = match lane::take(world, token).await? {
        Ok(lane) => lane,
        Err(dropped) => {
            tracing::info!(migration.id = %token.migration, ?dropped, "A continuation token was dropped");
            return Ok(());
        }
    };
    let worked = Box::pin(work(world, ends, shelf, lane, deadline)).await;
    if let Err(fault) = ends.tell().await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "Other lanes do not know how busy a destination is");
    }
    match worked {
        Err(ChunkError::Commit(CommitError::Lost)) => {
            tracing::info!(migration.id = %token.migration, "The lane was taken over by another chunk");
            Ok(())
        }
        other => other,
    }
}

async fn work<W: World, E: Ends, B: Blobs>(
    world: &W,
    ends: &E,
    shelf: Option<&Shelf<B>>,
    lane: Versioned<Lane>,
    deadline: Timestamp,
) -> Result<(), ChunkError> {
    let (id, no) = (lane.record.migration.clone(), lane.record.account);
    let (migration_key, account_key) = (keys::migration(&id), keys::account(&id, no));
    let migration = ledger::get::<Migration>(world.table(), &migration_key);
    let account = ledger::get::<Account>(world.table(), &account_key);
    let (migration, account) = try_join(migration, account).await?;
    let (migration, account) = (migration.record, account.record);
    let latest = deadline.checked_sub(world.times().reserve).unwrap_or(deadline);
    let stop_at = later(world.now(), world.times().chunk).min(latest);
    let copying = matches!(lane.record.kind, LaneKind::Plan | LaneKind::Copy | LaneKind::Verify);
    let goes_on = match lane.record.kind {
        LaneKind::Verify => migration.state.verifies(),
        _ => migration.state.copies() && !account.pass.yields,
    };
    if copying && !(goes_on && account.state.active()) {
        return stop(world, lane).await;
    }
    if copying && let Some(fault) = exhausted(&lane.record, world) {
        return stall(world, lane, fault).await;
    }
    match lane.record.kind {
        LaneKind::Copy => {
            let (ended, signing_out) = copy::run(world, ends, shelf, &migration, &account, lane, stop_at).await;
            join(copied(world, ended), signing_out).await.0
        }
        LaneKind::Plan => planned(world, ends, (&migration, account), lane, stop_at).await,
        LaneKind::Verify => {
            let (lane, walk) = verify::run(world, ends, &migration, &account, lane, stop_at).await?;
            walked(world, lane, walk).await
        }
        LaneKind::Analyze => {
            let (lane, walk) = analyze::run(world, ends, &migration, &account, lane, stop_at).await?;
            walked(world, lane, walk).await
        }
        LaneKind::Undo => {
            let (lane, walk) = undo::run(world, ends, &migration, &account, lane, stop_at).await?;
            walked(world, lane, walk).await
        }
        // [`crate::export`] works on these.
        LaneKind::Export => walked(world, lane, Walk::Finished).await,
    }
}

/// Two guards of a chain that continues itself: so many continuations, and so many without progress.
fn exhausted<W: World>(lane: &Lane, world: &W) -> Option<Fault> {
    let sizes = world.sizes();
    if lane.hop >= sizes.hops {
        let text =
            format!("the account needed more than {} continuations; look at the protocol, then retry", sizes.hops);
        return Some(Fault::give_up("lane.hops", text));
    }
    if lane.idle_chunks >= sizes.idle_chunks {
        let tried = format!("{} chunks in a row made no progress; look at the protocol, then retry", sizes.idle_chunks);
        return Some(match lane.waits_code.as_str() {
            "" => Fault::give_up("lane.no_progress", tried),
            code => Fault::give_up(code.to_owned(), format!("{}; {tried}", lane.waits_for.trim_end_matches('.'))),
        });
    }
    None
}

async fn copied<W: World>(world: &W, ended: Ended) -> Result<(), ChunkError> {
    match ended {
        Ended::Lost => Ok(()),
        Ended::Renumbered { lane } => Ok(account::close(world, lane, Out::Replan).await?),
        Ended::Stalled { lane, fault } => stall(world, lane, fault).await,
        Ended::Stopped { lane } => stop(world, lane).await,
        Ended::Next { lane, next: Next::Ended, .. } => Ok(account::close(world, lane, Out::Finished).await?),
        Ended::Next { lane, next, progress } => go_on(world, lane, &next, progress).await,
    }
}

async fn planned<W: World, E: Ends>(
    world: &W,
    ends: &E,
    (migration, account): (&Migration, Account),
    mut lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<(), ChunkError> {
    let before = lane.record.cursor.clone();
    match plan::run(world, ends, (migration, account), &mut lane, stop_at).await {
        Ok(Planned::All) => Ok(account::close(world, lane, Out::Finished).await?),
        Ok(Planned::Wait(until)) => {
            let waits =
                Some(("plan.quarantine".to_owned(), "a request without an answer may still take effect".to_owned()));
            go_on(world, lane, &Next::Continue { reason: Reason::Idle, not_before: Some(until), waits }, true).await
        }
        Ok(Planned::Part) => go_on(world, lane, &Next::time(), true).await,
        Err(PlanError::Stopped) => stop(world, lane).await,
        Err(PlanError::Commit(error)) => Err(error.into()),
        Err(PlanError::End(fault)) => {
            let progress = lane.record.cursor != before;
            troubled(world, lane, fault, progress).await
        }
    }
}

async fn walked<W: World>(world: &W, lane: Versioned<Lane>, walk: Walk) -> Result<(), ChunkError> {
    match walk {
        Walk::Closed => Ok(()),
        Walk::Finished => go_on(world, lane, &Next::Ended, true).await,
        Walk::More(next) => {
            let progress = !matches!(next, Next::Continue { reason: Reason::Retry | Reason::Pause, .. });
            go_on(world, lane, &next, progress).await
        }
    }
}

/// Waits and tries again, or stalls the account, by the fault's remedy.
///
/// # Errors
/// [`ChunkError`] of the table.
pub async fn troubled<W: World>(
    world: &W,
    lane: Versioned<Lane>,
    fault: Fault,
    progress: bool,
) -> Result<(), ChunkError> {
    match fault.remedy {
        Remedy::RetryAfter(wait) => {
            tracing::warn!(error = &fault as &dyn std::error::Error, migration.id = %lane.record.migration, "A lane pauses");
            let next = trouble(world, &fault, wait, lane.record.idle_chunks);
            go_on(world, lane, &next, progress).await
        }
        Remedy::SkipMessage | Remedy::GiveUp => stall(world, lane, fault).await,
    }
}

/// Returns the pause after a fault: what it asks for, and longer with every chunk that made no progress.
#[must_use]
pub fn trouble<W: World>(world: &W, fault: &Fault, wait: Duration, idle_chunks: u32) -> Next {
    let least = world.times().back_off * 2u32.pow(idle_chunks.min(8));
    Next::Continue {
        reason: if fault.asks_to_wait() { Reason::Pause } else { Reason::Retry },
        not_before: Some(later(world.now(), wait.max(least))),
        waits: Some((fault.code.to_string(), fault.message.clone())),
    }
}

/// Hands a lane over and sends its token.
///
/// # Errors
/// [`ChunkError`] of the table.
pub(crate) async fn go_on<W: World>(
    world: &W,
    mut lane: Versioned<Lane>,
    next: &Next,
    progress: bool,
) -> Result<(), ChunkError> {
    lane::hand_over(&mut lane.record, world, next, progress);
    crate::copy::commit::write(world, &mut lane, Vec::new()).await?;
    if let Next::Continue { reason, .. } = next
        && let Err(fault) = lane::send(world, &lane.record, *reason).await
    {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
    }
    Ok(())
}

async fn stop<W: World>(world: &W, lane: Versioned<Lane>) -> Result<(), ChunkError> {
    if lane.record.kind == LaneKind::Verify {
        return Ok(verify::stop(world, lane).await?);
    }
    Ok(account::close(world, lane, Out::Stopped).await?)
}

async fn stall<W: World>(world: &W, lane: Versioned<Lane>, fault: Fault) -> Result<(), ChunkError> {
    tracing::warn!(error = &fault as &dyn std::error::Error, migration.id = %lane.record.migration, "An account needs a person");
    if lane.record.kind == LaneKind::Verify {
        return Ok(verify::stall(world, lane, fault).await?);
    }
    Ok(account::close(world, lane, Out::Stalled(fault)).await?)
}

/// Tells whether an account's lanes may go on.
#[must_use]
pub fn goes_on(migration: &Migration, account: &Account) -> bool {
    migration.state.copies() && account.state == AccountState::Copying && !account.pass.replan && !account.pass.yields
}

//! Recording a window: one page of the manifest, then one transaction over slice and lane.

use crate::lane;
use crate::ledger::{self, LedgerError};
use crate::world::{World, until};
use futures_util::future::{Either, select};
use mailcrane_core::manifest::{Outcome, Row, pack};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::table::{Item, Table as _, TableError, Write};
use mailcrane_core::record::{Account, Entry, Lane, Slice, Versioned, keys};
use mailcrane_core::token::LaneKind;
use std::pin::pin;
use std::time::Duration;

/// How often a transaction without an answer is looked for and repeated.
const TRIES: u32 = 8;

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else holds the lane now; this chunk must end without another write.
    #[error("the lease of the lane was lost")]
    Lost,
    /// The lane is still ours, but something else was written meanwhile; nothing was written.
    #[error("another writer was faster")]
    Conflict,
    /// The table failed; whether it was recorded is open and must be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The rows cannot be packed.
    #[error(transparent)]
    Page(#[from] mailcrane_core::manifest::MalformedPage),
}

/// Records rows of a slice: the page first, then one transaction that names it. Both records are changed already but
/// for what the rows say; they come back with their new versions.
///
/// # Errors
/// [`CommitError::Lost`] when another chunk took the lane.
pub async fn record<W: World>(
    world: &W,
    mut lane: Versioned<Lane>,
    mut slice: Versioned<Slice>,
    rows: Vec<Row>,
) -> Result<(Versioned<Lane>, Versioned<Slice>), CommitError> {
    if !rows.is_empty() {
        let page = format!("{}.{}.{}", lane.record.no, lane.record.generation, slice.record.pages.len());
        let (migration, account) = (&lane.record.migration, lane.record.account);
        let key = keys::manifest_page(migration, account, slice.record.pass, slice.record.no, &page);
        world.table().put_all(vec![ledger::packed(key, pack(&rows)?)]).await.map_err(LedgerError::from)?;
        for row in &rows {
            lane.record.counters.count(row);
            slice.record.counters.count(row);
            if row.outcome == Outcome::Failed {
                slice.record.failed.insert(row.uid);
            }
            if row.is_too_large() {
                slice.record.too_large.insert(row.uid);
            }
        }
        slice.record.pages.push(page);
    }
    let writes = vec![ledger::write_of(&slice)?];
    write(world, &mut lane, writes).await?;
    slice.version += 1;
    Ok((lane, slice))
}

/// Writes the lane and what belongs to it in one transaction, and finds out what became of it when no answer came.
///
/// # Errors
/// [`CommitError::Lost`] when another chunk took the lane, [`CommitError::Conflict`] when another item was changed.
pub async fn write<W: World>(world: &W, lane: &mut Versioned<Lane>, mut others: Vec<Write>) -> Result<(), CommitError> {
    others.push(ledger::write_of(lane)?);
    let token = token(lane);
    let mut pause = world.times().back_off;
    for _ in 0..TRIES {
        let failed = match ledger::transact(world.table(), &token, others.clone()).await {
            Ok(()) => {
                lane.version += 1;
                return Ok(());
            }
            Err(error) => error,
        };
        match (stands(world, lane).await, failed) {
            (Ok(Stands::Written), _) => {
                lane.version += 1;
                return Ok(());
            }
            (Ok(Stands::Lost), _) => return Err(CommitError::Lost),
            (Ok(Stands::Before), TableError::Conflict) => return Err(CommitError::Conflict),
            (_, TableError::Refused(cause)) => return Err(LedgerError::from(TableError::Refused(cause)).into()),
            (Ok(Stands::Before) | Err(_), _) => {}
        }
        world.clock().sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    Err(CommitError::Lost)
}

/// Renews the lease of a lane that walks for long between two commits, once a third of it is over.
///
/// # Errors
/// [`CommitError::Lost`] when another chunk took the lane.
pub async fn keep<W: World>(world: &W, lane: &mut Versioned<Lane>) -> Result<(), CommitError> {
    let left = lane.record.lease_until.map(|end| until(world.now(), end)).unwrap_or_default();
    if left * 3 > world.times().lease * 2 {
        return Ok(());
    }
    lane::hold(&mut lane.record, world);
    write(world, lane, Vec::new()).await
}

/// Waits for work that may take long, and renews the lease of the lane meanwhile.
///
/// # Errors
/// [`CommitError::Lost`] when another chunk took the lane; the work is given up then.
pub async fn keep_while<W: World, T>(
    world: &W,
    lane: &mut Versioned<Lane>,
    work: impl Future<Output = T> + Send,
) -> Result<T, CommitError> {
    let mut work = pin!(work);
    loop {
        let pause = pin!(world.clock().sleep(world.times().lease / 6));
        work = match select(work, pause).await {
            Either::Left((done, _)) => return Ok(done),
            Either::Right(((), rest)) => rest,
        };
        let renewal = pin!(keep(world, lane));
        match select(work, renewal).await {
            // A renewal that is under way is not broken off: nobody would know whether it was written.
            Either::Left((done, renewal)) => return renewal.await.map(|()| done),
            Either::Right((kept, rest)) => {
                kept?;
                work = rest;
            }
        }
    }
}

/// Writes the lane, the account after a change, and what belongs to them, in one transaction. The change runs again
/// whenever the account was written by somebody else meanwhile.
///
/// # Errors
/// [`CommitError::Lost`] when another chunk took the lane.
pub async fn write_account<W: World>(
    world: &W,
    lane: &mut Versioned<Lane>,
    mut change: impl FnMut(&mut Account, &mut Lane) -> Result<Vec<Write>, LedgerError> + Send,
) -> Result<Account, CommitError> {
    let key = keys::account(&lane.record.migration, lane.record.account);
    let before = lane.record.clone();
    for _ in 0..30 {
        let mut account = ledger::get::<Account>(world.table(), &key).await?;
        lane.record = before.clone();
        let mut writes = change(&mut account.record, &mut lane.record)?;
        writes.push(ledger::write_of(&account)?);
        match write(world, lane, writes).await {
            Err(CommitError::Conflict) => {}
            other => return other.map(|()| account.record),
        }
    }
    Err(CommitError::Conflict)
}

/// How the lane stands in the table, compared with a write that was not answered.
enum Stands {
    Before,
    Written,
    Lost,
}

/// Only the holder of a generation writes the lane: the next version under our generation is our own write.
async fn stands<W: World>(world: &W, ours: &Versioned<Lane>) -> Result<Stands, LedgerError> {
    let there = ledger::find::<Lane>(world.table(), &ours.key).await?;
    Ok(match there {
        Some(lane) if lane.record.generation != ours.record.generation => Stands::Lost,
        Some(lane) if lane.version == ours.version => Stands::Before,
        Some(lane) if lane.version == ours.version + 1 => Stands::Written,
        _ => Stands::Lost,
    })
}

fn token(lane: &Versioned<Lane>) -> String {
    let of = &lane.record;
    let kind = of.kind.as_str();
    format!("{}{}{kind}{}.{}.{}", of.migration, of.account, of.no, of.generation, lane.version)
}

/// Returns the write of one protocol entry that belongs to no message.
///
/// # Errors
/// When the entry cannot be packed.
pub fn note<W: World>(world: &W, lane: &Lane, entry: Entry, name: &str) -> Result<Item, CommitError> {
    let name = format!("{}#{}#{name}", world.now(), LaneKind::as_str(lane.kind));
    Ok(ledger::packed(keys::protocol_page(&lane.migration, lane.account, &name), pack(&[entry])?))
}

//! Export: the whole manifest of an account as CSV files in the bucket, some ten thousand rows in each.
//!
//! It is a lane of its own, so that a million rows are written over several invocations. Its cursor says how far it
//! is, also when it has ended: by it the files are found.

use crate::admission;
use crate::chunk::{self, ChunkError};
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::rows;
use crate::lane::{self, Next};
use crate::ledger::{self, LedgerError};
use crate::world::{World, later};
use mailcrane_core::id::{AccountNo, FolderNo, LaneNo, MigrationId};
use mailcrane_core::manifest::Row;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::record::{Account, Folder, Lane, LaneState, Slice, Versioned, keys};
use mailcrane_core::token::{ContinuationToken, LaneKind, Reason};
use mailcrane_core::{Fault, Remedy, Timestamp, csv};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many slices are read at once.
const PAGE: usize = 50;

/// What the columns of a manifest are called.
pub const COLUMNS: [&str; 12] = [
    "folder",
    "uidvalidity",
    "uid",
    "outcome",
    "code",
    "reason",
    "octets",
    "message_id",
    "sha256",
    "received",
    "destination_item",
    "pass",
];

/// Returns a row of a manifest as [`COLUMNS`] names its cells.
#[must_use]
pub fn cells(folder: Option<&Folder>, slice: &Slice, row: &Row) -> [String; 12] {
    let outcome = serde_json::to_value(row.outcome).ok().and_then(|word| word.as_str().map(str::to_owned));
    [
        folder.map(|folder| folder.path.join("/")).unwrap_or_default(),
        folder.map(|folder| folder.uidvalidity.0).unwrap_or_default().to_string(),
        row.uid.get().to_string(),
        outcome.unwrap_or_default(),
        row.code.clone(),
        row.reason.clone(),
        row.octets.to_string(),
        row.message_id.clone().unwrap_or_default(),
        row.digest.map(String::from).unwrap_or_default(),
        row.received.map(|time| time.to_string()).unwrap_or_default(),
        row.item.as_ref().map(|item| item.0.clone()).unwrap_or_default(),
        slice.pass.0.to_string(),
    ]
}

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The sort key of the last slice that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// How many files there are.
    pub files: u32,
    /// How many rows they have together.
    pub rows: u64,
    /// Why nothing more was written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failed: String,
}

impl Place {
    fn of(lane: &Lane) -> Self {
        serde_json::from_str(&lane.cursor).unwrap_or_default()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns what the names of all files of a migration begin with; erasing deletes them.
#[must_use]
pub fn folder(id: &MigrationId) -> String {
    format!("exports/{id}/")
}

/// Returns the name of a file in the bucket.
#[must_use]
pub fn name(id: &MigrationId, no: AccountNo, file: u32) -> String {
    format!("{}{no}/manifest-{:04}.csv", folder(id), file + 1)
}

/// What is known of the last export of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whether it has ended.
    pub ended: bool,
    /// How far it is.
    pub place: Place,
}

/// Looks how far the last export of an account is; nothing when none was asked for.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn look<T: mailcrane_core::ports::table::Table>(
    table: &T,
    id: &MigrationId,
    no: AccountNo,
) -> Result<Option<Known>, LedgerError> {
    let lane = ledger::find::<Lane>(table, &keys::lane(id, no, LaneKind::Export, LaneNo(0))).await?;
    Ok(lane.map(|lane| Known { ended: lane.record.state == LaneState::Ended, place: Place::of(&lane.record) }))
}

/// Begins an export, unless one is under way.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn begin<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<(), LedgerError> {
    if look(world.table(), id, no).await?.is_some_and(|known| !known.ended) {
        return Ok(());
    }
    let account = ledger::get::<Account>(world.table(), &keys::account(id, no)).await?.record;
    let mut lane = admission::lane(world, id, no, LaneKind::Export, LaneNo(0), account.pass.no).await?;
    lane.record.cursor = Place::default().text();
    match ledger::put(world.table(), &mut lane).await {
        Err(error) if error.is_conflict() => return Ok(()),
        other => other?,
    }
    if let Err(fault) = lane::send(world, &lane.record, Reason::Begin).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
    }
    Ok(())
}

/// Works on the lane of an export for one invocation. A late or repeated token changes nothing.
///
/// # Errors
/// [`ChunkError`] when the table fails; another delivery or the sweeper goes on.
pub async fn run<W: World, B: Blobs>(
    world: &W,
    blobs: &B,
    token: &ContinuationToken,
    deadline: Timestamp,
) -> Result<(), ChunkError> {
    let Ok(lane) = lane::take(world, token).await? else { return Ok(()) };
    let latest = deadline.checked_sub(world.times().reserve).unwrap_or(deadline);
    let stop_at = later(world.now(), world.times().chunk).min(latest);
    match work(world, blobs, lane, stop_at).await {
        Err(ChunkError::Commit(CommitError::Lost)) => Ok(()),
        other => other,
    }
}

async fn work<W: World, B: Blobs>(
    world: &W,
    blobs: &B,
    mut lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<(), ChunkError> {
    let (id, no) = (lane.record.migration.clone(), lane.record.account);
    let account = ledger::get::<Account>(world.table(), &keys::account(&id, no)).await?.record;
    let folders = ledger::all::<Folder>(world.table(), &keys::account_partition(&id, no), "F#").await?;
    let folders = folders.into_iter().map(|folder| (folder.record.no, folder.record)).collect();
    let source = Source { world, id: &id, account: &account, folders: &folders };
    let mut place = Place::of(&lane.record);
    loop {
        let (text, next, more) = source.file(&mut lane, &place).await?;
        if next.files > place.files
            && let Err(fault) = blobs.put(&name(&id, no, place.files), "text/csv; charset=utf-8", text.into()).await
        {
            return troubled(world, lane, place, &fault).await;
        }
        place = next;
        lane.record.cursor = place.text();
        if !more {
            return chunk::go_on(world, lane, &Next::Ended, true).await;
        }
        if world.now() >= stop_at {
            return chunk::go_on(world, lane, &Next::time(), true).await;
        }
        lane::hold(&mut lane.record, world);
        commit::write(world, &mut lane, Vec::new()).await?;
    }
}

struct Source<'a, W: World> {
    world: &'a W,
    id: &'a MigrationId,
    account: &'a Account,
    folders: &'a BTreeMap<FolderNo, Folder>,
}

impl<W: World> Source<'_, W> {
    /// Writes the next file; tells where the one after it begins, and whether there may be one. A mailbox without rows
    /// has one file with the columns' names.
    async fn file(&self, lane: &mut Versioned<Lane>, from: &Place) -> Result<(String, Place, bool), ChunkError> {
        let (mut text, mut place) = (String::new(), from.clone());
        csv::row(&COLUMNS.map(str::to_owned), &mut text);
        let partition = keys::account_partition(self.id, self.account.no);
        loop {
            let after = place.after.clone();
            let (slices, next) =
                ledger::page::<Slice>(self.world.table(), &partition, "S#", after.as_deref(), PAGE).await?;
            let last = next.is_none();
            for slice in slices {
                place.after = Some(slice.key.sk);
                let slice = slice.record;
                if slice.pass == self.account.pass.no && slice.no.0 >= self.account.pass.slices {
                    continue;
                }
                commit::keep(self.world, lane).await?;
                for row in rows(self.world, self.id, self.account.no, &slice).await? {
                    csv::row(&cells(self.folders.get(&slice.folder), &slice, &row), &mut text);
                    place.rows += 1;
                }
                if place.rows - from.rows >= self.world.sizes().export_rows {
                    place.files += 1;
                    return Ok((text, place, true));
                }
            }
            if last {
                place.files += u32::from(place.rows > from.rows || from.files == 0);
                return Ok((text, place, false));
            }
        }
    }
}

/// Waits and tries again; when that is of no use, the export ends and says why.
async fn troubled<W: World>(
    world: &W,
    mut lane: Versioned<Lane>,
    mut place: Place,
    fault: &Fault,
) -> Result<(), ChunkError> {
    tracing::warn!(error = fault as &dyn std::error::Error, "An export pauses");
    if let Remedy::RetryAfter(wait) = fault.remedy
        && lane.record.idle_chunks < world.sizes().idle_chunks
    {
        let next = chunk::trouble(world, fault, wait, lane.record.idle_chunks);
        return chunk::go_on(world, lane, &next, false).await;
    }
    place.failed = fault.to_string();
    lane.record.cursor = place.text();
    chunk::go_on(world, lane, &Next::Ended, true).await
}

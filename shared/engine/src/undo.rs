//! Undo: deletes (softly) exactly what this migration stored, as long as it is where we put it and nobody worked on it.

use crate::chunk::{ChunkError, Walk, trouble};
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::rows;
use crate::lane::{self, Next};
use crate::ledger;
use crate::verify::prefix_of;
use crate::world::World;
use mailcrane_core::fault::Remedy;
use mailcrane_core::key::MessageKey;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, Entry, EntryKind, Folder, Lane, Migration, Slice, Versioned, keys};
use mailcrane_core::uid::UidSet;
use mailcrane_core::{Fault, Timestamp};
use std::collections::HashMap;

/// What a lane's cursor begins with when nothing is to be deleted.
pub const DRY: &str = "dry ";

/// How many items are deleted by one request.
const BATCH: usize = 100;

/// Undoes folder by folder, from the lane's cursor on. The lane counts what was deleted (or would be) as `copied`, and
/// what stays as `skipped`.
///
/// # Errors
/// [`ChunkError`] of the table.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    migration: &Migration,
    account: &Account,
    mut lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    let dry = lane.record.cursor.starts_with(DRY);
    let done: usize = lane.record.cursor.trim_start_matches(DRY).parse().unwrap_or(0);
    let destination = match ends.destination(migration, account).await {
        Ok(destination) => destination,
        Err(fault) => return troubled(world, lane, &fault).await,
    };
    let partition = keys::account_partition(&migration.id, account.no);
    let folders = ledger::all::<Folder>(world.table(), &partition, "F#").await?;
    for (at, mut folder) in folders.into_iter().enumerate().skip(done) {
        if world.now() >= stop_at && at > done {
            return Ok((lane, Walk::More(Next::time())));
        }
        let ours = ours(world, migration, account, &folder.record).await?;
        let taken = match take_back(&destination, &folder.record, &ours, dry).await {
            Ok(taken) => taken,
            Err(fault) => return troubled(world, lane, &fault).await,
        };
        lane.record.counters.copied += taken.deleted;
        lane.record.counters.skipped += taken.kept;
        let mut writes = vec![note(world, &lane.record, &folder.record, &taken, dry)?];
        if !dry {
            // What was taken back is not there any more: another pass copies it again.
            (folder.record.covered, folder.record.planned) = (UidSet::new(), UidSet::new());
            folder.record.tail.clear();
            writes.push(ledger::write_of(&folder)?);
        }
        lane.record.cursor = format!("{}{}", if dry { DRY } else { "" }, at + 1);
        lane::hold(&mut lane.record, world);
        commit::write(world, &mut lane, writes).await?;
    }
    Ok((lane, Walk::Finished))
}

/// Returns the items that the manifest says we stored into a folder, in whatever pass.
async fn ours<W: World>(
    world: &W,
    migration: &Migration,
    account: &Account,
    folder: &Folder,
) -> Result<HashMap<ItemId, MessageKey>, ChunkError> {
    let partition = keys::account_partition(&migration.id, account.no);
    let mut ours = HashMap::new();
    for slice in ledger::all::<Slice>(world.table(), &partition, "S#").await?.into_iter().map(|s| s.record) {
        if slice.folder != folder.no {
            continue;
        }
        for row in rows(world, &migration.id, account.no, &slice).await? {
            if let Some(item) = row.item.filter(|_| row.outcome == Outcome::Copied) {
                ours.insert(item, MessageKey { prefix: prefix_of(folder, slice.epoch), uid: row.uid });
            }
        }
    }
    Ok(ours)
}

#[derive(Debug, Default)]
struct Taken {
    deleted: u64,
    kept: u64,
}

/// Deletes what carries our id and our key, lies in the folder and was not worked on.
async fn take_back<D: Destination>(
    destination: &D,
    folder: &Folder,
    ours: &HashMap<ItemId, MessageKey>,
    dry: bool,
) -> Result<Taken, Fault> {
    let mut taken = Taken { deleted: 0, kept: ours.len() as u64 };
    let Some(target) = folder.destination.as_ref().filter(|_| !ours.is_empty()) else { return Ok(taken) };
    let (mut items, mut page) = (Vec::new(), None::<String>);
    loop {
        let listed = destination.list(target, page.as_deref()).await?;
        let untouched =
            listed.items.into_iter().filter(|i| !i.touched && i.key.is_some() && ours.get(&i.id) == i.key.as_ref());
        items.extend(untouched.map(|i| i.id));
        page = listed.next;
        if page.is_none() {
            break;
        }
    }
    items.sort();
    items.dedup();
    for batch in items.chunks(BATCH) {
        let gone = if dry {
            batch.len() as u64
        } else {
            let outcomes = destination.delete(batch).await;
            outcomes.iter().filter(|o| matches!(o, Deleted::Gone)).count() as u64
        };
        taken.deleted += gone;
        taken.kept = taken.kept.saturating_sub(gone);
    }
    Ok(taken)
}

fn note<W: World>(world: &W, lane: &Lane, folder: &Folder, taken: &Taken, dry: bool) -> Result<Write, CommitError> {
    let (deleted, kept) = (taken.deleted, taken.kept);
    let verb = if dry { "would be" } else { "were" };
    let text = format!(
        "{}: {deleted} messages {verb} deleted, {kept} stay (moved, answered or deleted by their owner)",
        folder.path.join("/")
    );
    let entry = Entry {
        at: world.now(),
        kind: EntryKind::Note,
        code: if dry { "undo.dry_run" } else { "undo.done" }.to_owned(),
        text,
        folder: Some(folder.no),
        uid: None,
        message_id: None,
        octets: None,
    };
    let item = commit::note(world, lane, entry, &format!("{}", folder.no))?;
    Ok(Write::Put(item, Expect::Anything))
}

/// Waits and tries again; when that is of no use, the protocol says why nothing more is taken back.
async fn troubled<W: World>(
    world: &W,
    mut lane: Versioned<Lane>,
    fault: &Fault,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    tracing::warn!(error = fault as &dyn std::error::Error, "An undo pauses");
    if let Remedy::RetryAfter(wait) = fault.remedy
        && lane.record.idle_chunks < world.sizes().idle_chunks
    {
        let next = trouble(world, fault, wait, lane.record.idle_chunks);
        return Ok((lane, Walk::More(next)));
    }
    let entry = Entry {
        at: world.now(),
        kind: EntryKind::Note,
        code: "undo.refused".to_owned(),
        text: format!("nothing more could be taken back: {fault}"),
        folder: None,
        uid: None,
        message_id: None,
        octets: None,
    };
    let item = commit::note(world, &lane.record, entry, "refused")?;
    commit::write(world, &mut lane, vec![Write::Put(item, Expect::Anything)]).await?;
    Ok((lane, Walk::Finished))
}

//! Undo: deletes (softly) exactly what this migration stored, as long as it is where we put it and nobody worked on it.

use crate::chunk::{ChunkError, Walk, trouble};
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::rows;
use crate::lane::{self, Next};
use crate::ledger;
use crate::permission::{self, Held};
use crate::verify::prefix_of;
use crate::world::{World, later};
use mailcrane_core::fault::Remedy;
use mailcrane_core::folder::FolderId;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId, ListedItem};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, Entry, EntryKind, Folder, Lane, Migration, Slice, Versioned, keys};
use mailcrane_core::token::{Reason, Task};
use mailcrane_core::uid::{Uid, UidRange, UidSet};
use mailcrane_core::{Fault, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// What a lane's cursor begins with when nothing is to be deleted.
pub const DRY: &str = "dry ";

/// How often the migration's record is written anew when others write it, too.
const TRIES: u32 = 30;

/// How often a permission is asked for before the mailbox is tried without.
const ASKED: u32 = 5;

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
    if let Some(next) = permitted(world, migration, account, &lane.record).await? {
        return Ok((lane, Walk::More(next)));
    }
    let mut cursor = Cursor::read(&lane.record.cursor);
    let dry = cursor.dry;
    let destination = match ends.destination(migration, account).await {
        Ok(destination) => destination,
        Err(fault) => return troubled(world, lane, &fault).await,
    };
    let partition = keys::account_partition(&migration.id, account.no);
    let folders = ledger::all::<Folder>(world.table(), &partition, "F#").await?;
    let begun = cursor;
    for mut folder in folders.into_iter().skip(cursor.folders) {
        if world.now() >= stop_at && cursor != begun {
            return Ok((lane, Walk::More(Next::time())));
        }
        let ours = ours(world, migration, account, &folder.record).await?;
        let undo = Undo { world, destination: &destination, ours: &ours, dry, stop_at };
        let (deleted, rest) = match undo.take_back(&mut lane, &folder.record).await {
            Ok(taken) => taken,
            Err(Trouble::End(fault)) => return troubled(world, lane, &fault).await,
            Err(Trouble::Table(error)) => return Err(error),
        };
        lane.record.counters.copied += deleted;
        cursor.deleted += deleted;
        match rest {
            Rest::Nothing => {}
            Rest::Later => {
                lane.record.cursor = cursor.to_string();
                return Ok((lane, Walk::More(Next::time())));
            }
            Rest::Wait(fault) => {
                lane.record.cursor = cursor.to_string();
                lane.record.idle_chunks = if deleted > 0 { 0 } else { lane.record.idle_chunks };
                return troubled(world, lane, &fault).await;
            }
        }
        let taken = Taken { deleted: cursor.deleted, kept: (ours.items.len() as u64).saturating_sub(cursor.deleted) };
        lane.record.counters.skipped += taken.kept;
        let mut writes = vec![note(world, &lane.record, &folder.record, &taken, dry)?];
        if !dry {
            // What was taken back is not there any more: another pass copies it again.
            (folder.record.covered, folder.record.planned) = (UidSet::new(), UidSet::new());
            folder.record.too_large = UidSet::new();
            folder.record.tail.clear();
            folder.record.undone = Some(account.pass.no);
            writes.push(ledger::write_of(&folder)?);
        }
        cursor = Cursor { folders: cursor.folders + 1, deleted: 0, dry };
        lane.record.cursor = cursor.to_string();
        lane::hold(&mut lane.record, world);
        commit::write(world, &mut lane, writes).await?;
    }
    end(world, lane, Vec::new()).await
}

/// The permissions of a pass were taken back when it ended; returns how long the undo waits for a new one.
async fn permitted<W: World>(
    world: &W,
    migration: &Migration,
    account: &Account,
    lane: &Lane,
) -> Result<Option<Next>, ChunkError> {
    let known = match permission::held(world, migration, &account.destination.mailbox).await? {
        Held::NotNeeded => return Ok(None),
        Held::Since(made) => later(made, world.times().propagation),
        // The mailbox of the administrator needs none, so this is not asked for ever.
        Held::Not if lane.hop >= ASKED => return Ok(None),
        Held::Not => {
            let task = Task::Permit { v: 1, migration: migration.id.clone(), account: account.no };
            if let Err(fault) = world.queues().send(&[task], Duration::ZERO).await {
                tracing::warn!(error = &fault as &dyn std::error::Error, "A permission is asked for again later");
            }
            later(world.now(), world.times().idle)
        }
    };
    if known <= world.now() {
        return Ok(None);
    }
    let text =
        "the permission for the mailbox is made again; WorkMail takes a few minutes until it is known everywhere";
    let waits = Some(("undo.permission".to_owned(), text.to_owned()));
    Ok(Some(Next::Continue { reason: Reason::Idle, not_before: Some(known), waits }))
}

/// Ends the lane; the migration may be started and erased again once nothing is being undone.
async fn end<W: World>(
    world: &W,
    mut lane: Versioned<Lane>,
    others: Vec<Write>,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    lane::hand_over(&mut lane.record, world, &Next::Ended, true);
    let key = keys::migration(&lane.record.migration);
    for _ in 0..TRIES {
        let mut migration = ledger::get::<Migration>(world.table(), &key).await?;
        migration.record.undoing = migration.record.undoing.saturating_sub(1);
        let mut writes = others.clone();
        writes.push(ledger::write_of(&migration)?);
        match commit::write(world, &mut lane, writes).await {
            Err(CommitError::Conflict) => {}
            other => return other.map(|()| (lane, Walk::Closed)).map_err(ChunkError::from),
        }
    }
    Err(CommitError::Conflict.into())
}

/// What we stored into a folder, in whatever pass.
#[derive(Debug, Default)]
struct Ours {
    /// The items that the manifest names.
    items: HashMap<ItemId, MessageKey>,
    /// What was intended and not recorded when a pass was given up: an item with such a key is ours, too.
    intended: Vec<(KeyPrefix, UidRange)>,
}

impl Ours {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.intended.is_empty()
    }

    fn hold(&self, id: &ItemId, key: &MessageKey) -> bool {
        let intended = |(prefix, range): &(KeyPrefix, UidRange)| *prefix == key.prefix && range.contains(key.uid);
        self.items.get(id) == Some(key) || self.intended.iter().any(intended)
    }
}

async fn ours<W: World>(
    world: &W,
    migration: &Migration,
    account: &Account,
    folder: &Folder,
) -> Result<Ours, ChunkError> {
    let partition = keys::account_partition(&migration.id, account.no);
    let mut ours = Ours::default();
    for slice in ledger::all::<Slice>(world.table(), &partition, "S#").await?.into_iter().map(|s| s.record) {
        if slice.folder != folder.no {
            continue;
        }
        let first = slice.done_to.map_or(Some(slice.first), |done| Uid::new(done.get().saturating_add(1)));
        if let Some(range) = first.zip(slice.intended_to).and_then(|(first, last)| UidRange::new(first, last)) {
            ours.intended.push((prefix_of(folder, slice.epoch), range));
        }
        for row in rows(world, &migration.id, account.no, &slice).await? {
            let stored = row.is_stored();
            if let Some(item) = row.item.filter(|_| stored) {
                ours.items.insert(item, MessageKey { prefix: prefix_of(folder, slice.epoch), uid: row.uid });
            }
        }
    }
    Ok(ours)
}

/// How far an undo is: folders that are done, and what was deleted in the one after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    dry: bool,
    folders: usize,
    deleted: u64,
}

impl Cursor {
    fn read(text: &str) -> Self {
        let numbers = text.trim_start_matches(DRY);
        let (folders, deleted) = numbers.split_once('+').unwrap_or((numbers, "0"));
        let (folders, deleted) = (folders.parse().unwrap_or(0), deleted.parse().unwrap_or(0));
        Self { dry: text.starts_with(DRY), folders, deleted }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}+{}", if self.dry { DRY } else { "" }, self.folders, self.deleted)
    }
}

#[derive(Debug)]
struct Taken {
    deleted: u64,
    kept: u64,
}

#[derive(Debug)]
enum Rest {
    /// The folder is done.
    Nothing,
    /// The time is over.
    Later,
    /// The destination wants a pause.
    Wait(Fault),
}

enum Trouble {
    End(Fault),
    Table(ChunkError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::End(fault)
    }
}

impl From<CommitError> for Trouble {
    fn from(error: CommitError) -> Self {
        Self::Table(error.into())
    }
}

struct Undo<'a, W: World, D: Destination> {
    world: &'a W,
    destination: &'a D,
    ours: &'a Ours,
    dry: bool,
    stop_at: Timestamp,
}

impl<W: World, D: Destination> Undo<'_, W, D> {
    /// Deletes what carries our id and our key, lies in the folder and was not worked on. Returns how much it was.
    async fn take_back(&self, lane: &mut Versioned<Lane>, folder: &Folder) -> Result<(u64, Rest), Trouble> {
        let mut deleted = 0;
        let Some(target) = folder.destination.as_ref().filter(|_| !self.ours.is_empty()) else {
            return Ok((deleted, Rest::Nothing));
        };
        let items = self.untouched(lane, target).await?;
        if self.dry {
            return Ok((items.len() as u64, Rest::Nothing));
        }
        for (at, batch) in items.chunks(BATCH).enumerate() {
            if at > 0 && self.world.now() >= self.stop_at {
                return Ok((deleted, Rest::Later));
            }
            commit::keep(self.world, lane).await?;
            let outcomes = self.destination.delete(batch).await;
            deleted += outcomes.iter().filter(|o| matches!(o, Deleted::Gone)).count() as u64;
            let busy = outcomes.into_iter().find_map(|outcome| match outcome {
                Deleted::Kept(fault) if matches!(fault.remedy, Remedy::RetryAfter(_)) => Some(fault),
                _ => None,
            });
            if let Some(fault) = busy {
                return Ok((deleted, Rest::Wait(fault)));
            }
        }
        Ok((deleted, Rest::Nothing))
    }

    /// An identity that lasts is enough where items keep no key.
    fn is_ours(&self, item: &ListedItem) -> bool {
        let features = self.destination.features();
        match &item.key {
            Some(key) => self.ours.hold(&item.id, key),
            None => !features.keeps_key && features.stable_ids && self.ours.items.contains_key(&item.id),
        }
    }

    async fn untouched(&self, lane: &mut Versioned<Lane>, target: &FolderId) -> Result<Vec<ItemId>, Trouble> {
        let (mut items, mut page) = (Vec::new(), None::<String>);
        loop {
            commit::keep(self.world, lane).await?;
            let listed = self.destination.list(target, page.as_deref()).await?;
            let untouched = listed.items.into_iter().filter(|i| !i.touched && self.is_ours(i));
            items.extend(untouched.map(|i| i.id));
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        items.sort();
        items.dedup();
        Ok(items)
    }
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
    lane: Versioned<Lane>,
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
    end(world, lane, vec![Write::Put(item, Expect::Anything)]).await
}

//! Planning a pass: makes the destination's folders and cuts every source folder into slices, folder by folder.
//!
//! A folder is planned whole or not at all: its slices count once the account's number of slices covers them.

pub(crate) mod history;
pub mod mapping;
mod places;
pub mod slicing;

use crate::admission;
use crate::copy::commit::{self, CommitError};
use crate::ledger::{self, LedgerError};
use crate::world::World;
use history::{Earlier, Tail};
use mailcrane_core::folder::{FolderId, SourceFolder, WireName};
use mailcrane_core::id::{AccountNo, FolderNo, LaneNo, MigrationId, PassNo, SliceNo};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::manifest::pack;
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::destination::Destination;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Examined, ScanDepth, Source};
use mailcrane_core::ports::table::{Expect, Item, Key, Table as _, TableError, Write};
use mailcrane_core::record::{
    Account, Counters, Entry, EntryKind, Folder, Lane, Migration, Slice, SliceState, Versioned, keys,
};
use mailcrane_core::state::AccountState;
use mailcrane_core::token::{LaneKind, Reason};
use mailcrane_core::uid::{Uid, UidRange, UidSet};
use mailcrane_core::{Fault, Timestamp};
use mapping::{Fate, Place};
use places::Places;
use slicing::{Copy, Cut, Filter, Slicer, There, likeness};
use std::collections::{BTreeMap, BTreeSet};

/// How many slices are stored in one transaction, which has at most 100 writes.
const SLICES_AT_ONCE: usize = 20;

/// How often a folder may be numbered anew before that is taken for a habit of the server.
const MOST_EPOCHS: u32 = 8;

/// Why planning ended early.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An end failed.
    #[error(transparent)]
    End(Fault),
    /// The table, or the lane is lost.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Another lane stalled the account.
    #[error("the account is not being copied any more")]
    Stopped,
}

impl From<LedgerError> for PlanError {
    fn from(error: LedgerError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<Fault> for PlanError {
    fn from(fault: Fault) -> Self {
        Self::End(fault)
    }
}

/// How far the planning got.
#[derive(Debug, PartialEq, Eq)]
pub enum Planned {
    /// Every folder is planned.
    All,
    /// The time is over; the lane's cursor says where it goes on.
    Part,
    /// Requests of a former epoch may still take effect until then.
    Wait(Timestamp),
}

/// Plans from the lane's cursor on until all folders are planned or the time is over. Copying begins with the
/// first slices, while the planning goes on.
///
/// # Errors
/// [`PlanError`]; what was planned so far stays.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    migration: &Migration,
    no: AccountNo,
    lane: &mut Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<Planned, PlanError> {
    let account_key = keys::account(&migration.id, no);
    let account = ledger::get::<Account>(world.table(), &account_key).await?.record;
    if account.pass.slices > 0
        && let Some(until) = quarantine(world, &migration.id, &account).await?
    {
        return Ok(Planned::Wait(until));
    }
    let mut source = ends.source(migration, &account).await?;
    let destination = ends.destination(migration, &account).await?;
    let mut listed = source.folders().await?;
    listed.sort_by_key(|f| (!f.wire.is_inbox(), f.role.is_none(), f.path.clone()));
    let fates = mapping::map(&listed, &migration.options);
    let partition = keys::account_partition(&migration.id, no);
    let known = ledger::all::<Folder>(world.table(), &partition, "F#").await?;
    let wires = known.iter().map(|f| (f.record.no, f.record.wire.clone())).collect();
    let mut known: BTreeMap<_, _> = known.into_iter().map(|f| (f.record.wire.clone(), f)).collect();
    let names: BTreeSet<_> = listed.iter().map(|f| &f.wire).collect();
    let gone = known.values().filter(|f| !names.contains(&f.record.wire)).cloned().collect();
    let mut past = Past { known: wires, gone, moved_from: None };
    let mut places = Places::of(&destination).await?;
    let filter = Filter {
        since: account.pass.since.max(migration.options.since),
        before: [account.pass.before, migration.options.before].into_iter().flatten().min(),
        include_deleted: migration.options.include_deleted,
    };
    let done: usize = lane.record.cursor.parse().unwrap_or(0);
    for (at, (folder, fate)) in listed.iter().zip(&fates).enumerate().skip(done) {
        if world.now() >= stop_at && at > done {
            return Ok(Planned::Part);
        }
        let mut planner = Planner { world, migration, account_key: &account_key, no, lane: &mut *lane, at };
        let stored = known.remove(&folder.wire);
        match fate {
            Fate::Skip(why) => planner.skip(folder, stored, why).await?,
            Fate::Copy(place) => {
                let target = places.ensure(&destination, place, folder.role).await?;
                if folder.selectable {
                    planner
                        .plan(&mut source, &destination, folder, stored, (place, &target), &filter, &mut past)
                        .await?;
                } else {
                    planner.advance(Vec::new(), |_| {}).await?;
                }
            }
        }
    }
    source.close().await;
    let account = ledger::get::<Account>(world.table(), &account_key).await?.record;
    begin_copying(world, lane, &account).await?;
    Ok(Planned::All)
}

/// Returns until when requests for slices of this pass may still take effect.
async fn quarantine<W: World>(
    world: &W,
    id: &MigrationId,
    account: &Account,
) -> Result<Option<Timestamp>, LedgerError> {
    let partition = keys::account_partition(id, account.no);
    let slices = ledger::all::<Slice>(world.table(), &partition, &keys::slices(account.pass.no)).await?;
    Ok(slices.into_iter().filter_map(|s| s.record.uncertain_until).max().filter(|t| *t > world.now()))
}

/// Begins the copy lanes once there are slices; twice is once.
async fn begin_copying<W: World>(world: &W, plan: &mut Versioned<Lane>, account: &Account) -> Result<(), PlanError> {
    if account.pass.slices == 0 || account.pass.lanes_open != 1 {
        return Ok(());
    }
    let (id, no, pass) = (plan.record.migration.clone(), plan.record.account, plan.record.pass);
    let mut lanes = Vec::new();
    for lane in 0..account.pass.lanes.max(1) {
        lanes.push(admission::lane(world, &id, no, LaneKind::Copy, LaneNo(lane), pass).await?);
    }
    let mut begun = false;
    commit::write_account(world, plan, |account, _| {
        begun = account.pass.lanes_open == 1;
        if !begun {
            return Ok(Vec::new());
        }
        account.pass.lanes_open += u16::try_from(lanes.len()).unwrap_or(u16::MAX);
        lanes.iter().map(ledger::write_of).collect()
    })
    .await?;
    for lane in lanes.iter().filter(|_| begun) {
        if let Err(fault) = crate::lane::send(world, &lane.record, Reason::Begin).await {
            tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
        }
    }
    Ok(())
}

/// What earlier passes left.
struct Past {
    /// Every folder's name on the wire.
    known: BTreeMap<FolderNo, WireName>,
    /// Folders that the source does not list any more.
    gone: Vec<Versioned<Folder>>,
    /// The manifest of all folders, once a new message may have been moved.
    moved_from: Option<Earlier>,
}

struct Planner<'a, W: World> {
    world: &'a W,
    migration: &'a Migration,
    account_key: &'a Key,
    no: AccountNo,
    lane: &'a mut Versioned<Lane>,
    at: usize,
}

impl<W: World> Planner<'_, W> {
    async fn skip(
        &mut self,
        folder: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        why: &str,
    ) -> Result<(), PlanError> {
        if stored.is_some_and(|f| f.record.skipped == why) {
            return self.advance(Vec::new(), |_| {}).await;
        }
        let entry =
            self.entry(EntryKind::FolderSkipped, "folder.skipped", &format!("{}: {why}", folder.path.join("/")));
        let item = commit::note(self.world, &self.lane.record, entry, &format!("{:05}", self.at))?;
        self.advance(vec![put(item)], |_| {}).await
    }

    async fn plan<S: Source, D: Destination>(
        &mut self,
        source: &mut S,
        destination: &D,
        listed: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        (place, target): (&Place, &FolderId),
        filter: &Filter,
        past: &mut Past,
    ) -> Result<(), PlanError> {
        let Past { known, gone, moved_from } = past;
        let examined = match source.examine(&listed.wire).await {
            Err(fault) if fault.code == "source.folder_gone" => return self.advance(Vec::new(), |_| {}).await,
            other => other?,
        };
        let account = ledger::get::<Account>(self.world.table(), self.account_key).await?;
        let mut folder = match stored {
            Some(folder) => folder,
            None => match self.renamed(source, gone, &examined).await? {
                Some(folder) => self.take_over(folder, listed),
                None => self.new_folder(&account.record, listed, &examined),
            },
        };
        let record = &mut folder.record;
        let other_validity = record.uidvalidity != examined.uidvalidity;
        let again = !other_validity && self.reused(source, record).await?;
        let mut notes = Vec::new();
        if other_validity || again {
            record.epoch += 1;
            if record.epoch > MOST_EPOCHS {
                let text = "the server numbers its messages anew each time (UIDVALIDITY changes); this cannot be copied safely yet";
                return Err(Fault::give_up("source.renumbers", text).into());
            }
            let (source_id, epoch) = (&account.record.source_id, record.epoch);
            record.former.push(record.prefix);
            record.prefix = if again {
                KeyPrefix::again(source_id, &listed.wire, examined.uidvalidity, epoch)
            } else {
                KeyPrefix::of(source_id, &listed.wire, examined.uidvalidity)
            };
            record.uidvalidity = examined.uidvalidity;
            (record.covered, record.planned, record.planned_to) = (UidSet::new(), UidSet::new(), None);
            record.tail.clear();
            let text = "the server has numbered the messages of this folder anew; they were recognised one by one";
            notes.push(self.note(EntryKind::Renumbered, "folder.renumbered", text, record.no)?);
        }
        let all = Uid::new(examined.uidnext.get().saturating_sub(1)).and_then(|last| UidRange::new(Uid::MIN, last));
        let range = if examined.exists == 0 { None } else { all };
        let open = range.map(UidSet::from).unwrap_or_default().without(&record.covered);
        let target =
            record.destination.clone().filter(|_| record.planned_to.is_some()).unwrap_or_else(|| target.clone());
        let mut there = if open.is_empty() { There::default() } else { there(destination, &target, record).await? };
        let mut earlier = match record.epoch {
            0 => Earlier::default(),
            _ => {
                Earlier::read(self.world, (&self.migration.id, self.no, self.lane.record.pass), Some(record.no)).await?
            }
        };
        earlier.add_listed(record.no, std::mem::take(&mut there.former));
        let moves = self.lane.record.pass > PassNo(1) && record.epoch == 0;
        let mut slicer = Slicer::new(self.world.sizes(), filter, there);
        let mut writer = SliceWriter {
            folder: (record.no, record.epoch),
            next: account.record.pass.slices,
            counters: Counters::default(),
        };
        for range in steps(&open, self.world.sizes().scan_step) {
            let messages = source.scan(range, ScanDepth::MessageId).await?;
            let messages = match record.epoch {
                0 if moves && !messages.is_empty() => {
                    let moved = self.moved(source, record, (known, gone), &messages, moved_from).await?;
                    source.examine(&listed.wire).await?;
                    slicer.decide_as(
                        messages,
                        &moved,
                        "duplicate.moved",
                        "the message was moved in the source after it was copied",
                    )
                }
                0 => messages,
                _ => {
                    let known = messages.iter().filter_map(|m| earlier.take(m).map(|k| (m.uid, k.copy))).collect();
                    slicer.decide_as(
                        messages,
                        &known,
                        "duplicate.renumbered",
                        "the message was copied under its former number",
                    )
                }
            };
            slicer.add(messages);
            let cuts = slicer.take();
            self.store(&mut writer, cuts).await?;
        }
        let (found, bytes) = (slicer.found, slicer.bytes);
        let left_out = std::mem::take(&mut slicer.left_out);
        self.store(&mut writer, slicer.finish()).await?;
        record.planned = open.without(&left_out);
        record.planned_to = Some(examined.uidnext);
        record.planned_in = self.lane.record.pass;
        if record.destination.as_ref() != Some(&target) {
            record.destination = Some(target);
            record.destination_path = shown(place);
        }
        (record.found, record.bytes) = (found, bytes);
        self.lane.record.counters += writer.counters;
        let slices = writer.next;
        notes.push(ledger::write_of(&folder)?);
        self.advance(notes, |account| {
            account.pass.slices = slices;
            account.pass.found += found;
            account.pass.found_bytes += bytes;
            account.pass.folders = account.pass.folders.max(folder.record.no.0 + 1);
        })
        .await
    }

    /// Tells whether the server has given out UIDs again that stood for other messages.
    async fn reused<S: Source>(&self, source: &mut S, folder: &Folder) -> Result<bool, PlanError> {
        let (Some((first, _)), Some((last, _))) = (folder.tail.first(), folder.tail.last()) else { return Ok(false) };
        let Some(range) = UidRange::new(*first, *last) else { return Ok(false) };
        let scan = source.scan(range, ScanDepth::MessageId).await?;
        Ok(history::compare(&folder.tail, &scan) == Tail::Other)
    }

    /// Finds the folder of an earlier pass that has this name now: same UIDVALIDITY, same messages under its last UIDs.
    async fn renamed<S: Source>(
        &self,
        source: &mut S,
        gone: &mut Vec<Versioned<Folder>>,
        examined: &Examined,
    ) -> Result<Option<Versioned<Folder>>, PlanError> {
        for at in 0..gone.len() {
            let Some(folder) = gone.get(at).filter(|f| f.record.uidvalidity == examined.uidvalidity) else { continue };
            let (Some((first, _)), Some((last, _))) = (folder.record.tail.first(), folder.record.tail.last()) else {
                continue;
            };
            let Some(range) = UidRange::new(*first, *last) else { continue };
            let scan = source.scan(range, ScanDepth::MessageId).await?;
            if history::compare(&folder.record.tail, &scan) == Tail::Same {
                return Ok(Some(gone.swap_remove(at)));
            }
        }
        Ok(None)
    }

    fn take_over(&self, mut folder: Versioned<Folder>, listed: &SourceFolder) -> Versioned<Folder> {
        folder.record.wire = listed.wire.clone();
        folder.record.path = listed.path.clone();
        folder.record.role = listed.role;
        folder
    }

    /// Returns which new messages were copied from another folder that they are not in any more.
    async fn moved<S: Source>(
        &self,
        source: &mut S,
        folder: &Folder,
        (known, gone): (&BTreeMap<FolderNo, WireName>, &[Versioned<Folder>]),
        messages: &[ScanRow],
        moved_from: &mut Option<Earlier>,
    ) -> Result<BTreeMap<Uid, Copy>, PlanError> {
        if moved_from.is_none() {
            let of = (&self.migration.id, self.no, self.lane.record.pass);
            *moved_from = Some(Earlier::read(self.world, of, None).await?);
        }
        let earlier = moved_from.get_or_insert_default();
        let mut candidates: BTreeMap<FolderNo, Vec<(Uid, Uid, Copy)>> = BTreeMap::new();
        for message in messages {
            if let Some(known) = earlier.take(message).filter(|known| known.folder != folder.no) {
                candidates.entry(known.folder).or_default().push((known.uid, message.uid, known.copy));
            }
        }
        let mut moved = BTreeMap::new();
        for (from, candidates) in candidates {
            let vanished = gone.iter().any(|f| f.record.no == from);
            let mut still = BTreeSet::new();
            if let Some(wire) = known.get(&from).filter(|_| !vanished) {
                match source.examine(wire).await {
                    Ok(_) => {
                        for uid in candidates.iter().map(|(old, _, _)| *old) {
                            let Some(range) = UidRange::new(uid, uid) else { continue };
                            still.extend(source.scan(range, ScanDepth::Plain).await?.into_iter().map(|m| m.uid));
                        }
                    }
                    Err(fault) if fault.code == "source.folder_gone" => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
            let gone = candidates.into_iter().filter(|(old, _, _)| !still.contains(old));
            moved.extend(gone.map(|(_, new, copy)| (new, copy)));
        }
        Ok(moved)
    }

    fn entry(&self, kind: EntryKind, code: &str, text: &str) -> Entry {
        let (code, text) = (code.to_owned(), text.to_owned());
        Entry { at: self.world.now(), kind, code, text, folder: None, uid: None, message_id: None, octets: None }
    }

    fn note(&self, kind: EntryKind, code: &str, text: &str, folder: FolderNo) -> Result<Write, PlanError> {
        let entry = Entry { folder: Some(folder), ..self.entry(kind, code, text) };
        Ok(put(commit::note(self.world, &self.lane.record, entry, &format!("{:05}", self.at))?))
    }

    fn new_folder(&self, account: &Account, listed: &SourceFolder, examined: &Examined) -> Versioned<Folder> {
        let no = FolderNo(account.pass.folders);
        let record = Folder {
            v: 1,
            no,
            wire: listed.wire.clone(),
            path: listed.path.clone(),
            role: listed.role,
            prefix: KeyPrefix::of(&account.source_id, &listed.wire, examined.uidvalidity),
            former: Vec::new(),
            uidvalidity: examined.uidvalidity,
            epoch: 0,
            planned_to: None,
            planned_in: self.lane.record.pass,
            covered: UidSet::new(),
            planned: UidSet::new(),
            tail: Vec::new(),
            destination: None,
            destination_path: Vec::new(),
            found: 0,
            bytes: 0,
            skipped: String::new(),
        };
        Versioned::fresh(keys::folder(&self.migration.id, self.no, no), record)
    }

    /// Stores slices, as long as the lane is ours: one who has lost it must not touch slices that others work on. They
    /// do not count before the account says so.
    async fn store(&self, writer: &mut SliceWriter, cuts: Vec<Cut>) -> Result<(), PlanError> {
        let ours = Write::Check(self.lane.key.clone(), Expect::Version(self.lane.version));
        for cuts in cuts.chunks(SLICES_AT_ONCE) {
            let first = writer.next;
            let mut writes = vec![ours.clone()];
            for cut in cuts {
                let page = (!cut.decided.is_empty()).then(|| format!("plan.{}", self.lane.record.generation));
                let Some(slice) = writer.slice(self.lane.record.pass, cut, page.clone()) else { continue };
                let (id, pass, no) = (&self.migration.id, slice.pass, slice.no);
                if let Some(page) = &page {
                    let rows = pack(&cut.decided).map_err(CommitError::from)?;
                    writes.push(put(ledger::packed(keys::manifest_page(id, self.no, pass, no, page), rows)));
                }
                let list = pack(&cut.messages).map_err(CommitError::from)?;
                writes.push(put(ledger::packed(keys::slice_messages(id, self.no, pass, no), list)));
                let slice = Versioned::fresh(keys::slice(id, self.no, pass, no), slice);
                writes.push(put(slice.next_item().map_err(LedgerError::from)?));
            }
            let token = format!("plan{}{}.{}.{first}", self.migration.id, self.no, self.lane.version);
            match self.world.table().transact(&token, writes).await {
                Ok(()) => {}
                Err(TableError::Conflict) => return Err(CommitError::Lost.into()),
                Err(error) => return Err(LedgerError::from(error).into()),
            }
        }
        Ok(())
    }

    /// Moves the cursor behind this folder, together with what belongs to it.
    async fn advance(
        &mut self,
        writes: Vec<Write>,
        change: impl Fn(&mut Account) + Send + Sync,
    ) -> Result<(), PlanError> {
        let cursor = (self.at + 1).to_string();
        let world = self.world;
        let account = commit::write_account(world, self.lane, |account, lane| {
            lane.cursor.clone_from(&cursor);
            crate::lane::hold(lane, world);
            change(account);
            Ok(writes.clone())
        })
        .await?;
        if account.state != AccountState::Copying {
            return Err(PlanError::Stopped);
        }
        begin_copying(world, self.lane, &account).await
    }
}

struct SliceWriter {
    folder: (FolderNo, u32),
    next: u32,
    counters: Counters,
}

impl SliceWriter {
    fn slice(&mut self, pass: PassNo, cut: &Cut, page: Option<String>) -> Option<Slice> {
        let mut counters = Counters::default();
        cut.decided.iter().for_each(|row| counters.count(row));
        self.counters += counters;
        let uids = || cut.messages.iter().map(|m| m.uid).chain(cut.decided.iter().map(|r| r.uid));
        let no = SliceNo(self.next);
        self.next += 1;
        let decided = !cut.decided.is_empty();
        Some(Slice {
            v: 1,
            no,
            pass,
            folder: self.folder.0,
            epoch: self.folder.1,
            kind: cut.kind,
            first: uids().min()?,
            last: uids().max()?,
            found: uids().count() as u64,
            bytes: cut.messages.iter().map(|m| m.octets).sum::<u64>() + counters.bytes,
            state: if decided { SliceState::Done } else { SliceState::Free },
            lease: None,
            uncertain_until: None,
            doubted: false,
            done_to: if decided { uids().max() } else { None },
            intended_to: if decided { uids().max() } else { None },
            pages: page.into_iter().collect(),
            counters,
            failed: UidSet::new(),
        })
    }
}

fn put(item: Item) -> Write {
    Write::Put(item, Expect::Anything)
}

fn shown(place: &Place) -> Vec<String> {
    let root = place.root.map(|r| mapping::title(r).to_owned());
    root.into_iter().chain(place.names.iter().cloned()).collect()
}

/// Cuts a set of UIDs into ranges of at most so many numbers.
pub(crate) fn steps(open: &UidSet, step: u32) -> Vec<UidRange> {
    let mut steps = Vec::new();
    for range in open.ranges() {
        let (mut first, last) = (range.first(), range.last());
        loop {
            let end = Uid::new(first.get().saturating_add(step.max(1) - 1)).map_or(last, |e| e.min(last));
            steps.extend(UidRange::new(first, end));
            match Uid::new(end.get().saturating_add(1)).filter(|_| end < last) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    steps
}

/// Lists what the folder holds already: items of ours by UID, those of others by likeness.
async fn there<D: Destination>(destination: &D, target: &FolderId, folder: &Folder) -> Result<There, Fault> {
    let mut there = There::default();
    let mut page: Option<String> = None;
    loop {
        let listed = destination.list(target, page.as_deref()).await?;
        for item in listed.items {
            match item.key {
                Some(key) if key.prefix == folder.prefix => {
                    there.ours.entry(key.uid).or_insert((item.id, item.message_id));
                }
                Some(key) if folder.former.contains(&key.prefix) => there.former.push(item),
                Some(_) => {}
                None => {
                    if let Some(like) = likeness(item.message_id.as_deref(), item.received) {
                        *there.foreign.entry(like).or_default() += 1;
                    }
                }
            }
        }
        page = listed.next;
        if page.is_none() {
            return Ok(there);
        }
    }
}

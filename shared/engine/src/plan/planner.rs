//! Planning one folder: which epoch it is in, what earlier passes know of it, which slices it is cut into.

use super::history::{self, Earlier, MOVED, RENUMBERED, Reach, Tail};
use super::labels::{Copies, Labels, looks_limited};
use super::mapping::{self, Place};
use super::slicing::{Copy, Filter, Slicer, There, likeness};
use super::writer::{SliceWriter, put};
use super::{PlanError, listings, write_account};
use crate::copy::commit;
use crate::ledger;
use crate::world::World;
use futures_util::future::join;
use mailcrane_core::Fault;
use mailcrane_core::digest::short;
use mailcrane_core::folder::{FolderId, SourceFolder, WireName};
use mailcrane_core::id::{FolderNo, PassNo};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::destination::Destination;
use mailcrane_core::ports::source::{Examined, ScanDepth, Source};
use mailcrane_core::ports::table::Write;
use mailcrane_core::record::{Account, Entry, EntryKind, Folder, Lane, Migration, Versioned, keys};
use mailcrane_core::state::AccountState;
use mailcrane_core::uid::{Uid, UidRange, UidSet, UidValidity};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The code of a folder that the server does not open.
const REFUSED: &str = "source.folder_refused";

/// How often a folder may be numbered anew before that is taken for a habit of the server.
const MOST_EPOCHS: u32 = 8;

/// What earlier passes left.
pub(super) struct Past {
    /// Every folder's name on the wire.
    pub(super) known: BTreeMap<FolderNo, WireName>,
    /// The beginnings of the keys of all folders, in all their epochs.
    pub(super) prefixes: BTreeSet<KeyPrefix>,
    /// Folders that the source does not list any more.
    pub(super) gone: Vec<Versioned<Folder>>,
    /// Folders whose copies were taken back, and up to which pass.
    pub(super) undone: BTreeMap<FolderNo, PassNo>,
    /// The manifest of all folders, once a new message may have been moved.
    pub(super) moved_from: Option<Earlier>,
}

/// Plans one folder.
pub(super) struct Planner<'a, W: World> {
    pub(super) world: &'a W,
    pub(super) migration: &'a Migration,
    /// The account as it was written last: only the plan adds folders and slices.
    pub(super) account: &'a mut Account,
    pub(super) lane: &'a mut Versioned<Lane>,
    pub(super) filter: &'a Filter,
    pub(super) past: &'a mut Past,
    /// Where messages are copied, when folders are labels.
    pub(super) labels: &'a mut Option<Labels>,
}

impl<W: World> Planner<'_, W> {
    /// Notes that a folder is not copied; the protocol says so once.
    pub(super) async fn skip(
        &mut self,
        listed: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        why: &str,
    ) -> Result<(), PlanError> {
        self.leave_out(listed, stored, (EntryKind::FolderSkipped, "folder.skipped"), why).await
    }

    /// Notes that the server does not open a folder: it is named as a failure, and the next pass tries it again.
    async fn refused(
        &mut self,
        listed: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        fault: &Fault,
    ) -> Result<(), PlanError> {
        self.leave_out(listed, stored, (EntryKind::Failed, REFUSED), &fault.message).await
    }

    async fn leave_out(
        &mut self,
        listed: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        (kind, code): (EntryKind, &str),
        why: &str,
    ) -> Result<(), PlanError> {
        let mut folder = match stored {
            Some(folder) => folder,
            None => {
                let nothing = Examined { uidvalidity: UidValidity(0), uidnext: Uid::MIN, exists: 0 };
                self.new_folder(listed, &nothing)
            }
        };
        let mut notes = Vec::new();
        if folder.record.skipped != why {
            let text = format!("{}: {why}", listed.path.join("/"));
            notes.push(self.note(kind, code, &text, folder.record.no)?);
        }
        why.clone_into(&mut folder.record.skipped);
        folder.record.refused = code == REFUSED;
        (folder.record.found, folder.record.bytes) = (0, 0);
        self.mark(&mut folder.record);
        notes.push(ledger::write_of(&folder)?);
        self.advance(notes, |account| {
            account.pass.folders = account.pass.folders.max(folder.record.no.0 + 1);
        })
        .await
    }

    /// Marks the folder as planned by this plan.
    fn mark(&self, folder: &mut Folder) {
        (folder.planned_in, folder.planned_round) = (self.lane.record.pass, self.account.pass.round);
    }

    /// Tells whether this plan has dealt with the folder already.
    pub(super) fn planned(&self, folder: &Folder) -> bool {
        (folder.planned_in, folder.planned_round) == (self.lane.record.pass, self.account.pass.round)
    }

    pub(super) async fn plan<S: Source, D: Destination>(
        &mut self,
        source: &mut S,
        destination: &D,
        listed: &SourceFolder,
        stored: Option<Versioned<Folder>>,
        (place, target): (&Place, &FolderId),
    ) -> Result<(), PlanError> {
        let examined = match source.examine(&listed.wire).await {
            Err(fault) if fault.code == "source.folder_gone" => {
                return self.skip(listed, stored, "it was deleted or renamed while the mailbox was read").await;
            }
            Err(fault) if fault.code == REFUSED => return self.refused(listed, stored, &fault).await,
            other => other?,
        };
        let source_id = self.account.source_id.clone();
        let mut folder = match stored {
            Some(folder) => folder,
            None => match self.renamed(source, &examined).await? {
                Some(folder) => self.take_over(folder, listed),
                None => self.new_folder(listed, &examined),
            },
        };
        let record = &mut folder.record;
        if !record.skipped.is_empty() {
            record.skipped.clear();
            record.refused = false;
            if record.planned_to.is_none() && record.epoch == 0 {
                // It was never looked at.
                record.uidvalidity = examined.uidvalidity;
                record.prefix = KeyPrefix::of(&source_id, &listed.wire, examined.uidvalidity);
            }
        }
        let planned_before = record.planned_in == self.lane.record.pass && record.planned_to.is_some();
        if planned_before && record.uidvalidity == examined.uidvalidity {
            // Another folder was numbered anew; of this one the slices of the plan before are good.
            self.mark(record);
            let write = ledger::write_of(&folder)?;
            return self.advance(vec![write], |_| {}).await;
        }
        let other_validity = record.uidvalidity != examined.uidvalidity;
        let again = !other_validity && self.reused(source, record).await?;
        let mut notes = Vec::new();
        if other_validity || again {
            record.epoch += 1;
            if record.epoch > MOST_EPOCHS {
                let text = "the server numbers its messages anew each time (UIDVALIDITY changes); this cannot be copied safely yet";
                return Err(Fault::give_up("source.renumbers", text).into());
            }
            let epoch = record.epoch;
            record.former.push(record.prefix);
            record.prefix = if again {
                KeyPrefix::again(&source_id, &listed.wire, examined.uidvalidity, epoch)
            } else {
                KeyPrefix::of(&source_id, &listed.wire, examined.uidvalidity)
            };
            record.uidvalidity = examined.uidvalidity;
            (record.covered, record.planned, record.planned_to) = (UidSet::new(), UidSet::new(), None);
            record.too_large = UidSet::new();
            record.tail.clear();
            let text = "the server has numbered the messages of this folder anew; they were recognised one by one";
            notes.push(self.note(EntryKind::Renumbered, "folder.renumbered", text, record.no)?);
        }
        if let Some(labels) = self.labels.as_ref() {
            let orphans = labels.orphans(self.world, (&self.migration.id, self.account.no), record).await?;
            record.covered = record.covered.without(&orphans);
            if record.planned_to.is_none() && looks_limited(examined.exists) {
                let text = format!(
                    "{}: the folder shows exactly {} messages; if Gmail's setting \"limit IMAP folders\" is on, the others \
                     are hidden: switch it off, then run a delta",
                    listed.path.join("/"),
                    examined.exists
                );
                notes.push(self.note(EntryKind::Note, "source.folder_limit", &text, record.no)?);
            }
        }
        if self.migration.options.rescue_oversize {
            record.covered = record.covered.without(&std::mem::take(&mut record.too_large));
        }
        let all = Uid::new(examined.uidnext.get().saturating_sub(1)).and_then(|last| UidRange::new(Uid::MIN, last));
        let range = if examined.exists == 0 { None } else { all };
        let open = range.map(UidSet::from).unwrap_or_default().without(&record.covered);
        let target =
            record.destination.clone().filter(|_| record.planned_to.is_some()).unwrap_or_else(|| target.clone());
        // The destination lists while the first messages are.
        let mut ranges = listings(&open, examined.exists, self.world.sizes().scan_step).into_iter();
        let (mut there, mut scanned) = (There::default(), None);
        if let Some(range) = ranges.next() {
            let scan = source.scan(range, ScanDepth::MessageId);
            let (listed, first) = join(self.there(destination, &target, record), scan).await;
            (there, scanned) = (listed?, Some(first?));
        }
        let mut earlier = match record.epoch {
            0 => Earlier::default(),
            _ => Earlier::of_former(self.world, &self.reach(self.account.pass.slices), record).await?,
        };
        commit::keep(self.world, self.lane).await?;
        earlier.add_listed(record.no, std::mem::take(&mut there.former));
        let moves = self.lane.record.pass > PassNo(1) && record.epoch == 0;
        let sizes = self.world.sizes().with_lanes(self.account.pass.lanes);
        let mut slicer = Slicer::new(&sizes, self.filter, there);
        let mut writer = SliceWriter::new(record, self.account.pass.slices);
        while let Some(messages) = scanned.take() {
            let messages = self.one_label_each(record, &mut slicer, messages);
            let messages = match record.epoch {
                0 if moves && !messages.is_empty() => {
                    let moved = self.moved(source, record, &messages).await?;
                    source.examine(&listed.wire).await?;
                    slicer.decide_as(messages, &moved, MOVED, "the message was moved in the source after it was copied")
                }
                0 => messages,
                _ => {
                    let known = messages.iter().filter_map(|m| earlier.take(m).map(|k| (m.uid, k.copy))).collect();
                    slicer.decide_as(messages, &known, RENUMBERED, "the message was copied under its former number")
                }
            };
            slicer.add(messages);
            let cuts = slicer.take();
            writer.store(self.world, self.lane, cuts).await?;
            if let Some(range) = ranges.next() {
                commit::keep(self.world, self.lane).await?;
                scanned = Some(source.scan(range, ScanDepth::MessageId).await?);
            }
        }
        let (found, bytes) = (slicer.found, slicer.bytes);
        let left_out = std::mem::take(&mut slicer.left_out);
        writer.store(self.world, self.lane, slicer.finish()).await?;
        record.planned = open.without(&left_out);
        record.planned_to = Some(examined.uidnext);
        self.mark(record);
        if record.destination.as_ref() != Some(&target) {
            record.destination = Some(target);
            record.destination_path = shown(place);
            if record.destination_path != record.path && !listed.wire.is_inbox() {
                let text = format!("{} is copied into {}", record.path.join("/"), record.destination_path.join("/"));
                notes.push(self.note(EntryKind::Renamed, "folder.renamed", &text, record.no)?);
            }
        }
        if let Some(labels) = self.labels.as_mut() {
            labels.write(self.world, (&self.migration.id, self.account.no), record).await?;
        }
        (record.found, record.bytes) = (found, bytes);
        self.lane.record.counters += writer.counters;
        self.past.known.insert(folder.record.no, folder.record.wire.clone());
        self.past.prefixes.insert(folder.record.prefix);
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

    /// Where folders are labels: decides what is copied in another folder, and keeps the rest for this one.
    fn one_label_each(&mut self, folder: &Folder, slicer: &mut Slicer<'_>, messages: Vec<ScanRow>) -> Vec<ScanRow> {
        let per_label = if self.migration.options.copy_per_label { Copies::EachLabel } else { Copies::Once };
        let Some(labels) = self.labels.as_mut() else { return messages };
        let (mut messages, left_out): (Vec<_>, Vec<_>) = messages.into_iter().partition(|m| self.filter.admits(m));
        for (owner, uids) in labels.elsewhere(folder, &messages, per_label) {
            let known = uids.into_iter().map(|uid| (uid, Copy::default())).collect();
            let name = self.past.known.get(&owner).map(|wire| format!(" {wire:?}")).unwrap_or_default();
            let text = format!("the message has several labels; it is copied in the folder{name}");
            messages = slicer.decide_as(messages, &known, "duplicate.label", &text);
        }
        // What is marked as deleted only loses this label; the folder of all messages still has it.
        let stays = |m: &&ScanRow| self.filter.include_deleted || !m.flags.deleted;
        messages.iter().filter(stays).for_each(|message| labels.take(folder.no, message));
        messages.extend(left_out);
        messages.sort_by_key(|message| message.uid);
        messages
    }

    /// Lists what the folder holds already: items of ours by UID, those of others by likeness.
    async fn there<D: Destination>(
        &mut self,
        destination: &D,
        target: &FolderId,
        folder: &Folder,
    ) -> Result<There, PlanError> {
        let mut there = There::default();
        let (mut ids, mut page) = (HashSet::new(), None::<String>);
        loop {
            commit::keep(self.world, self.lane).await?;
            let listed = destination.list(target, page.as_deref()).await?;
            // A listing may repeat an item: it counts once.
            for item in listed.items.into_iter().filter(|i| ids.insert(short(&[i.id.0.as_bytes()]))) {
                match item.key {
                    Some(key) if key.prefix == folder.prefix => {
                        there.ours.entry(key.uid).or_insert((item.id, item.message_id));
                    }
                    Some(key) if folder.former.contains(&key.prefix) => there.former.push(item),
                    // Another folder's, which the user has moved here.
                    Some(key) if self.past.prefixes.contains(&key.prefix) => {}
                    // An earlier migration may have stored it, before the folder got another UIDVALIDITY.
                    Some(_) | None => {
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

    /// Tells whether the server has given out UIDs again that stood for other messages.
    async fn reused<S: Source>(&self, source: &mut S, folder: &Folder) -> Result<bool, PlanError> {
        let (Some((first, _)), Some((last, _))) = (folder.tail.first(), folder.tail.last()) else { return Ok(false) };
        let Some(range) = UidRange::new(*first, *last) else { return Ok(false) };
        let scan = source.scan(range, ScanDepth::MessageId).await?;
        Ok(history::compare(&folder.tail, &scan) == Tail::Other)
    }

    /// Finds the folder of an earlier pass that has this name now: same UIDVALIDITY, same messages under its last UIDs.
    async fn renamed<S: Source>(
        &mut self,
        source: &mut S,
        examined: &Examined,
    ) -> Result<Option<Versioned<Folder>>, PlanError> {
        let gone = &mut self.past.gone;
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
        &mut self,
        source: &mut S,
        folder: &Folder,
        messages: &[ScanRow],
    ) -> Result<BTreeMap<Uid, Copy>, PlanError> {
        if self.past.moved_from.is_none() {
            let slices = self.account.pass.slices;
            self.past.moved_from = Some(Earlier::of_all(self.world, &self.reach(slices)).await?);
        }
        let Past { known, gone, moved_from, .. } = &mut *self.past;
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
                            commit::keep(self.world, self.lane).await?;
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

    fn reach(&self, slices: u32) -> Reach<'_> {
        let (pass, undone) = (self.lane.record.pass, &self.past.undone);
        Reach { id: &self.migration.id, no: self.account.no, pass, slices, undone }
    }

    fn entry(&self, kind: EntryKind, code: &str, text: &str) -> Entry {
        let (code, text) = (code.to_owned(), text.to_owned());
        Entry { at: self.world.now(), kind, code, text, folder: None, uid: None, message_id: None, octets: None }
    }

    fn note(&self, kind: EntryKind, code: &str, text: &str, folder: FolderNo) -> Result<Write, PlanError> {
        let entry = Entry { folder: Some(folder), ..self.entry(kind, code, text) };
        Ok(put(commit::note(self.world, &self.lane.record, entry, &format!("{folder}.{code}"))?))
    }

    fn new_folder(&self, listed: &SourceFolder, examined: &Examined) -> Versioned<Folder> {
        let no = FolderNo(self.account.pass.folders);
        let record = Folder {
            v: 1,
            no,
            wire: listed.wire.clone(),
            path: listed.path.clone(),
            role: listed.role,
            prefix: KeyPrefix::of(&self.account.source_id, &listed.wire, examined.uidvalidity),
            former: Vec::new(),
            uidvalidity: examined.uidvalidity,
            epoch: 0,
            planned_to: None,
            planned_in: PassNo(0),
            planned_round: 0,
            undone: None,
            verified: None,
            covered: UidSet::new(),
            planned: UidSet::new(),
            too_large: UidSet::new(),
            tail: Vec::new(),
            label_pages: 0,
            destination: None,
            destination_path: Vec::new(),
            found: 0,
            bytes: 0,
            skipped: String::new(),
            refused: false,
        };
        Versioned::fresh(keys::folder(&self.migration.id, self.account.no, no), record)
    }

    /// Counts the folder as planned in the cursor, together with what belongs to it.
    pub(super) async fn advance(
        &mut self,
        writes: Vec<Write>,
        change: impl Fn(&mut Account) + Send + Sync,
    ) -> Result<(), PlanError> {
        let done: u64 = self.lane.record.cursor.parse().unwrap_or(0);
        let cursor = (done + 1).to_string();
        let world = self.world;
        let mut planned = self.account.clone();
        change(&mut planned);
        let account = write_account(world, self.lane, &planned, |account, lane| {
            lane.cursor.clone_from(&cursor);
            crate::lane::hold(lane, world);
            change(account);
            Ok(writes.clone())
        })
        .await?;
        *self.account = account;
        if self.account.state != AccountState::Copying || self.account.pass.yields {
            return Err(PlanError::Stopped);
        }
        Ok(())
    }
}

fn shown(place: &Place) -> Vec<String> {
    let root = place.root.map(|r| mapping::title(r).to_owned());
    root.into_iter().chain(place.names.iter().cloned()).collect()
}

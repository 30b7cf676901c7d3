//! Writing the slices of a folder: several in one transaction, as long as the lane is ours.

use super::PlanError;
use super::slicing::Cut;
use crate::copy::commit::CommitError;
use crate::ledger::{self, LedgerError};
use crate::world::World;
use mailcrane_core::id::{FolderNo, PassNo, SliceNo};
use mailcrane_core::manifest::pack;
use mailcrane_core::ports::table::{Expect, Item, TableError, Write};
use mailcrane_core::record::{Counters, Folder, Lane, Slice, SliceState, Versioned, keys};
use mailcrane_core::uid::UidSet;

/// After how many writes a transaction is made; it may have 100.
const WRITES_AT_ONCE: usize = 60;

/// After how many octets a transaction is made; it may have 4 MB, and one item more comes on top.
const OCTETS_AT_ONCE: usize = 2_000_000;

/// What a slice itself takes, at most.
const SLICE_OCTETS: usize = 1_000;

/// Writes the slices of one folder.
pub(super) struct SliceWriter {
    folder: (FolderNo, u32),
    /// The number of the next slice.
    pub(super) next: u32,
    /// What the plan itself has decided.
    pub(super) counters: Counters,
}

impl SliceWriter {
    pub(super) fn new(folder: &Folder, next: u32) -> Self {
        Self { folder: (folder.no, folder.epoch), next, counters: Counters::default() }
    }

    /// Stores slices, as long as the lane is ours: one who has lost it must not touch slices that others work on. They
    /// do not count before the account says so.
    pub(super) async fn store<W: World>(
        &mut self,
        world: &W,
        lane: &Versioned<Lane>,
        cuts: Vec<Cut>,
    ) -> Result<(), PlanError> {
        let ours = Write::Check(lane.key.clone(), Expect::Version(lane.version));
        let (id, account, pass) = (&lane.record.migration, lane.record.account, lane.record.pass);
        let (mut first, mut octets, mut writes) = (self.next, 0, vec![ours.clone()]);
        for cut in &cuts {
            let page = (!cut.decided.is_empty()).then(|| format!("plan.{}", lane.record.generation));
            let Some(slice) = self.slice(pass, cut, page.clone()) else { continue };
            let no = slice.no;
            if let Some(page) = &page {
                let rows = pack(&cut.decided).map_err(CommitError::from)?;
                octets += rows.len();
                writes.push(put(ledger::packed(keys::manifest_page(id, account, pass, no, page), rows)));
            }
            let list = pack(&cut.messages).map_err(CommitError::from)?;
            octets += list.len() + SLICE_OCTETS;
            writes.push(put(ledger::packed(keys::slice_messages(id, account, pass, no), list)));
            let slice = Versioned::fresh(keys::slice(id, account, pass, no), slice);
            writes.push(put(slice.next_item().map_err(LedgerError::from)?));
            if writes.len() >= WRITES_AT_ONCE || octets >= OCTETS_AT_ONCE {
                let full = std::mem::replace(&mut writes, vec![ours.clone()]);
                write(world, lane, first, full).await?;
                (first, octets) = (self.next, 0);
            }
        }
        if writes.len() > 1 {
            write(world, lane, first, writes).await?;
        }
        Ok(())
    }

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
            too_large: UidSet::new(),
        })
    }
}

async fn write<W: World>(world: &W, lane: &Versioned<Lane>, first: u32, writes: Vec<Write>) -> Result<(), PlanError> {
    let token = format!("plan{}{}.{}.{first}", lane.record.migration, lane.record.account, lane.version);
    match ledger::transact(world.table(), &token, writes).await {
        Ok(()) => Ok(()),
        Err(TableError::Conflict) => Err(CommitError::Lost.into()),
        Err(error) => Err(LedgerError::from(error).into()),
    }
}

pub(super) fn put(item: Item) -> Write {
    Write::Put(item, Expect::Anything)
}

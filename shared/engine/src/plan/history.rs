//! What earlier passes know: rows of the manifest, and how a message is recognised when its UID means nothing any more.

use super::slicing::{Copy, likeness};
use crate::copy::commit::CommitError;
use crate::copy::lease::rows;
use crate::ledger;
use crate::world::World;
use mailcrane_core::digest::short;
use mailcrane_core::id::{AccountNo, FolderNo, MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::destination::{ItemId, ListedItem};
use mailcrane_core::record::{Folder, Slice, keys};
use mailcrane_core::uid::Uid;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many of the last messages of a folder are remembered.
pub(crate) const TAIL: usize = 50;

/// Returns what a message of the tail is recognised by.
#[must_use]
pub(crate) fn mark(message_id: Option<&str>) -> u64 {
    short(&[message_id.unwrap_or_default().as_bytes()])
}

/// How the messages that the server shows now compare with the remembered tail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// At least one is the same, none is another.
    Same,
    /// None of them is there (any more).
    Gone,
    /// One UID stands for another message now.
    Other,
}

/// Compares a scan with the remembered tail; pure.
#[must_use]
pub(super) fn compare(tail: &[(Uid, u64)], scan: &[ScanRow]) -> Tail {
    let mut same = false;
    for message in scan {
        match tail.binary_search_by_key(&message.uid, |(uid, _)| *uid).ok().and_then(|at| tail.get(at)) {
            Some((_, known)) if *known == mark(message.message_id.as_deref()) => same = true,
            Some(_) => return Tail::Other,
            None => {}
        }
    }
    if same { Tail::Same } else { Tail::Gone }
}

/// Why a row stands for a message that another row has named before, in another folder or under another number.
pub(super) const MOVED: &str = "duplicate.moved";
pub(super) const RENUMBERED: &str = "duplicate.renumbered";

/// A message that an earlier pass copied.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) folder: FolderNo,
    pub(super) uid: Uid,
    pub(super) copy: Copy,
    octets: u64,
}

/// Which manifest is read.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    pub(super) id: &'a MigrationId,
    pub(super) no: AccountNo,
    pub(super) pass: PassNo,
    /// How many slices of the pass count: a plan that was given up may have left more.
    pub(super) slices: u32,
    /// Up to which pass the copies of a folder were taken back.
    pub(super) undone: &'a BTreeMap<FolderNo, PassNo>,
}

impl Reach<'_> {
    fn counts(&self, slice: &Slice) -> bool {
        let planned = slice.pass < self.pass || slice.no.0 < self.slices;
        planned && self.undone.get(&slice.folder).is_none_or(|undone| slice.pass > *undone)
    }
}

/// Messages that earlier passes copied, by what they are recognised by.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    known: HashMap<u64, Vec<Known>>,
    items: HashSet<ItemId>,
}

impl Earlier {
    /// Reads what was copied of all folders.
    pub(super) async fn of_all<W: World>(world: &W, reach: &Reach<'_>) -> Result<Self, CommitError> {
        Self::read(world, reach, |_| true, |_| true).await
    }

    /// Reads what was copied of one folder under its former numbers and has no new number yet.
    pub(super) async fn of_former<W: World>(
        world: &W,
        reach: &Reach<'_>,
        folder: &Folder,
    ) -> Result<Self, CommitError> {
        let (no, epoch) = (folder.no, folder.epoch);
        Self::read(world, reach, |slice| slice.folder == no, |slice| slice.epoch < epoch).await
    }

    async fn read<W: World>(
        world: &W,
        reach: &Reach<'_>,
        wanted: impl Fn(&Slice) -> bool,
        adds: impl Fn(&Slice) -> bool,
    ) -> Result<Self, CommitError> {
        let mut earlier = Self::default();
        let partition = keys::account_partition(reach.id, reach.no);
        for pass in (1..=reach.pass.0).map(PassNo) {
            let slices = ledger::all::<Slice>(world.table(), &partition, &keys::slices(pass)).await?;
            for slice in slices.into_iter().map(|s| s.record).filter(|s| reach.counts(s) && wanted(s)) {
                for row in rows(world, reach.id, reach.no, &slice).await? {
                    earlier.add(slice.folder, row, adds(&slice));
                }
            }
        }
        Ok(earlier)
    }

    fn add(&mut self, folder: FolderNo, row: Row, adds: bool) {
        if !row.is_stored() && row.outcome != Outcome::Duplicate {
            return;
        }
        self.items.extend(row.item.clone());
        let like = likeness(row.message_id.as_deref(), row.received).or_else(|| nameless(row.received, row.octets));
        let Some(like) = like else { return };
        if matches!(row.code.as_str(), MOVED | RENUMBERED) {
            self.forget(like, row.item.as_ref());
        }
        if adds {
            let copy = Copy { item: row.item, digest: row.digest };
            self.known.entry(like).or_default().push(Known { folder, uid: row.uid, copy, octets: row.octets });
        }
    }

    /// Forgets the place or number that a message had before.
    fn forget(&mut self, like: u64, item: Option<&ItemId>) {
        let Some(known) = self.known.get_mut(&like) else { return };
        let same = known.iter().position(|known| item.is_some() && known.copy.item.as_ref() == item);
        if let Some(at) = same.or_else(|| known.len().checked_sub(1).filter(|_| item.is_none())) {
            known.remove(at);
        }
    }

    /// Adds what was stored in a former epoch, but never recorded.
    pub(super) fn add_listed(&mut self, folder: FolderNo, former: Vec<ListedItem>) {
        for item in former.into_iter().filter(|i| !self.items.contains(&i.id)) {
            let (Some(key), Some(like)) = (item.key, likeness(item.message_id.as_deref(), item.received)) else {
                continue;
            };
            let copy = Copy { item: Some(item.id), digest: None };
            let octets = item.size.unwrap_or_default();
            self.known.entry(like).or_default().push(Known { folder, uid: key.uid, copy, octets });
        }
    }

    /// Takes out one known message that this one looks like, best one of the same size; each is taken once.
    pub(super) fn take(&mut self, message: &ScanRow) -> Option<Known> {
        let like = likeness(message.message_id.as_deref(), message.received)
            .or_else(|| nameless(message.received, message.size))?;
        let known = self.known.get_mut(&like)?;
        let at = known.iter().rposition(|known| known.octets == message.size).or(known.len().checked_sub(1))?;
        Some(known.remove(at))
    }
}

/// What a message without Message-ID is recognised by: its received date and size.
fn nameless(received: Option<mailcrane_core::Timestamp>, octets: u64) -> Option<u64> {
    Some(short(&[b"nameless", &received?.as_second().to_be_bytes(), &octets.to_be_bytes()]))
}

/// Returns the last copied messages of a folder, old and new, ascending.
#[must_use]
pub(crate) fn tail(folder: &Folder, copied: impl IntoIterator<Item = (Uid, u64)>) -> Vec<(Uid, u64)> {
    let mut all: BTreeMap<Uid, u64> = folder.tail.iter().copied().collect();
    for (uid, mark) in copied {
        all.insert(uid, mark);
        if all.len() > TAIL {
            all.pop_first();
        }
    }
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::flags::Flags;

    fn message(uid: u32, id: &str) -> ScanRow {
        ScanRow {
            uid: Uid::new(uid).unwrap(),
            size: 10,
            flags: Flags::default(),
            received: None,
            message_id: Some(id.to_owned()),
            gmail_id: None,
            gmail_labels: vec![],
        }
    }

    #[test]
    fn a_uid_that_stands_for_another_message_is_found_out() {
        let tail: Vec<_> = [(3, "a"), (5, "b")].map(|(u, i)| (Uid::new(u).unwrap(), mark(Some(i)))).into();
        assert_eq!(compare(&tail, &[message(3, "a"), message(4, "x")]), Tail::Same);
        assert_eq!(compare(&tail, &[message(3, "a"), message(5, "x")]), Tail::Other);
        assert_eq!(compare(&tail, &[message(4, "x")]), Tail::Gone);
    }
}

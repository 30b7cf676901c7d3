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
use std::collections::{HashMap, HashSet};

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

/// A message that an earlier pass copied.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) folder: FolderNo,
    pub(super) uid: Uid,
    pub(super) copy: Copy,
}

/// Messages that earlier passes copied, by what they are recognised by.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    known: HashMap<u64, Vec<Known>>,
    items: HashSet<ItemId>,
}

impl Earlier {
    /// Reads the manifest of the passes before this one, of one folder or of all.
    pub(super) async fn read<W: World>(
        world: &W,
        (id, no, pass): (&MigrationId, AccountNo, PassNo),
        folder: Option<FolderNo>,
    ) -> Result<Self, CommitError> {
        let mut earlier = Self::default();
        let partition = keys::account_partition(id, no);
        for before in (1..=pass.0).map(PassNo) {
            for slice in ledger::all::<Slice>(world.table(), &partition, &keys::slices(before)).await? {
                let slice = slice.record;
                if folder.is_some_and(|f| f != slice.folder) {
                    continue;
                }
                for row in rows(world, id, no, &slice).await? {
                    earlier.add(slice.folder, row);
                }
            }
        }
        Ok(earlier)
    }

    fn add(&mut self, folder: FolderNo, row: Row) {
        if !matches!(row.outcome, Outcome::Copied | Outcome::Duplicate) {
            return;
        }
        let like = likeness(row.message_id.as_deref(), row.received).or_else(|| nameless(row.received, row.octets));
        self.items.extend(row.item.clone());
        if let Some(like) = like {
            let copy = Copy { item: row.item, digest: row.digest };
            self.known.entry(like).or_default().push(Known { folder, uid: row.uid, copy });
        }
    }

    /// Adds what was stored in a former epoch, but never recorded.
    pub(super) fn add_listed(&mut self, folder: FolderNo, former: Vec<ListedItem>) {
        for item in former.into_iter().filter(|i| !self.items.contains(&i.id)) {
            let (Some(key), Some(like)) = (item.key, likeness(item.message_id.as_deref(), item.received)) else {
                continue;
            };
            let copy = Copy { item: Some(item.id), digest: None };
            self.known.entry(like).or_default().push(Known { folder, uid: key.uid, copy });
        }
    }

    /// Takes out one known message that this one looks like; each is taken once.
    pub(super) fn take(&mut self, message: &ScanRow) -> Option<Known> {
        let like = likeness(message.message_id.as_deref(), message.received)
            .or_else(|| nameless(message.received, message.size))?;
        self.known.get_mut(&like).and_then(Vec::pop)
    }
}

/// What a message without Message-ID is recognised by: its received date and size.
fn nameless(received: Option<mailcrane_core::Timestamp>, octets: u64) -> Option<u64> {
    Some(short(&[b"nameless", &received?.as_second().to_be_bytes(), &octets.to_be_bytes()]))
}

/// Returns the last copied messages of a folder, old and new, ascending.
#[must_use]
pub(crate) fn tail(folder: &Folder, copied: impl IntoIterator<Item = (Uid, u64)>) -> Vec<(Uid, u64)> {
    let mut all: std::collections::BTreeMap<Uid, u64> = folder.tail.iter().copied().collect();
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

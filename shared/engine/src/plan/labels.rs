//! Folders that are labels (Gmail): one message in several of them is copied in the first one that is planned.
//!
//! Each planned folder leaves pages that name its messages by X-GM-MSGID. A folder knows how many of its pages count, in
//! the same write that plans it, so pages of a plan that was given up mean nothing.

use crate::copy::commit::CommitError;
use crate::copy::lease;
use crate::ledger::{self, LedgerError};
use crate::world::World;
use mailcrane_core::folder::Role;
use mailcrane_core::id::{AccountNo, FolderNo, MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, pack, unpack};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::table::{Body, Table as _};
use mailcrane_core::record::{Folder, Slice, keys};
use mailcrane_core::uid::{Uid, UidSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How many messages one page names.
const PAGE: usize = 20_000;

/// A message of a planned folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Labelled {
    /// The message.
    #[serde(rename = "u")]
    uid: Uid,
    /// Its X-GM-MSGID.
    #[serde(rename = "g")]
    id: u64,
    /// The folder it is copied in, when that is another one.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    owner: Option<FolderNo>,
}

/// Where messages are copied, by X-GM-MSGID.
#[derive(Debug, Default)]
pub(super) struct Labels {
    owners: HashMap<u64, FolderNo>,
    /// Messages whose copy was planned and which vanished before they were read: they belong to nobody again.
    freed: HashSet<u64>,
    /// What the folder that is being planned adds.
    fresh: Vec<Labelled>,
}

impl Labels {
    /// Reads the pages of all folders.
    pub(super) async fn read<W: World>(
        world: &W,
        (id, no, pass): (&MigrationId, AccountNo, PassNo),
        folders: &[Folder],
    ) -> Result<Self, CommitError> {
        let mut labels = Self::default();
        if folders.iter().all(|folder| folder.label_pages == 0) {
            return Ok(labels);
        }
        let vanished = vanished(world, (id, no, pass)).await?;
        for folder in folders {
            for one in pages(world, id, no, folder).await?.into_iter().filter(|one| one.owner.is_none()) {
                if vanished.contains(&(folder.no, one.uid)) {
                    labels.freed.insert(one.id);
                } else {
                    labels.owners.entry(one.id).or_insert(folder.no);
                }
            }
        }
        let Self { owners, freed, .. } = &mut labels;
        freed.retain(|id| !owners.contains_key(id));
        Ok(labels)
    }

    /// Returns the messages of a folder that were left to another one, where they vanished before they were copied.
    pub(super) async fn orphans<W: World>(
        &self,
        world: &W,
        (id, no): (&MigrationId, AccountNo),
        folder: &Folder,
    ) -> Result<UidSet, CommitError> {
        let mut orphans = UidSet::new();
        if !self.freed.is_empty() {
            let left = pages(world, id, no, folder).await?;
            let left = left.into_iter().filter(|one| one.owner.is_some() && self.freed.contains(&one.id));
            left.for_each(|one| orphans.insert(one.uid));
        }
        Ok(orphans)
    }

    /// Returns the messages that are copied in another folder, by that folder.
    pub(super) fn elsewhere(
        &mut self,
        folder: &Folder,
        messages: &[ScanRow],
        per_label: Copies,
    ) -> BTreeMap<FolderNo, BTreeSet<Uid>> {
        let mut elsewhere: BTreeMap<FolderNo, BTreeSet<Uid>> = BTreeMap::new();
        if per_label == Copies::EachLabel && folder.role != Some(Role::All) {
            return elsewhere;
        }
        for message in messages {
            let Some(id) = message.gmail_id else { continue };
            if let Some(owner) = self.owners.get(&id).copied().filter(|owner| *owner != folder.no) {
                elsewhere.entry(owner).or_default().insert(message.uid);
                self.fresh.push(Labelled { uid: message.uid, id, owner: Some(owner) });
            }
        }
        elsewhere
    }

    /// Notes that a message is copied in this folder.
    pub(super) fn take(&mut self, folder: FolderNo, message: &ScanRow) {
        if let Some(id) = message.gmail_id {
            self.owners.entry(id).or_insert(folder);
            self.fresh.push(Labelled { uid: message.uid, id, owner: None });
        }
    }

    /// Writes the pages of a folder; they count once the folder is written with its new number of pages.
    pub(super) async fn write<W: World>(
        &mut self,
        world: &W,
        (id, no): (&MigrationId, AccountNo),
        folder: &mut Folder,
    ) -> Result<(), CommitError> {
        for page in std::mem::take(&mut self.fresh).chunks(PAGE) {
            let key = keys::label_page(id, no, folder.no, folder.label_pages);
            world.table().put_all(vec![ledger::packed(key, pack(page)?)]).await.map_err(LedgerError::from)?;
            folder.label_pages += 1;
        }
        Ok(())
    }
}

/// How often a message with several labels is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    /// Once, in the first of its folders.
    Once,
    /// Once for each label that is a folder.
    EachLabel,
}

async fn pages<W: World>(
    world: &W,
    id: &MigrationId,
    no: AccountNo,
    folder: &Folder,
) -> Result<Vec<Labelled>, CommitError> {
    let mut all = Vec::new();
    for page in 0..folder.label_pages {
        let key = keys::label_page(id, no, folder.no, page);
        let item = world.table().get(&key).await.map_err(LedgerError::from)?.ok_or(LedgerError::Missing)?;
        let Body::Packed(octets) = item.body else { return Err(LedgerError::Missing.into()) };
        all.extend(unpack::<Labelled>(&octets)?);
    }
    Ok(all)
}

/// Returns the messages that vanished before they were read, in the passes before this one.
async fn vanished<W: World>(
    world: &W,
    (id, no, pass): (&MigrationId, AccountNo, PassNo),
) -> Result<HashSet<(FolderNo, Uid)>, CommitError> {
    let mut vanished = HashSet::new();
    for before in (1..pass.0).map(PassNo) {
        let partition = keys::account_partition(id, no);
        for slice in ledger::all::<Slice>(world.table(), &partition, &keys::slices(before)).await? {
            let slice = slice.record;
            if slice.counters.vanished == 0 {
                continue;
            }
            let rows = lease::rows(world, id, no, &slice).await?;
            let gone = rows.into_iter().filter(|row| row.outcome == Outcome::Vanished);
            vanished.extend(gone.map(|row| (slice.folder, row.uid)));
        }
    }
    Ok(vanished)
}

/// Tells whether a folder shows exactly as many messages as Gmail's setting "limit IMAP folders" lets through.
#[must_use]
pub(super) fn looks_limited(exists: u64) -> bool {
    matches!(exists, 1_000 | 2_000 | 5_000 | 10_000)
}

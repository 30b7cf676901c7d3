//! What the destination has of a folder, and what is read of it before it is compared.

use crate::copy::commit::CommitError;
use crate::copy::lease::{Strays, rows, whole};
use crate::world::World;
use futures_util::future::join;
use futures_util::stream::{self, StreamExt as _};
use mailcrane_core::Fault;
use mailcrane_core::digest::short;
use mailcrane_core::folder::FolderId;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::manifest::Row;
use mailcrane_core::ports::destination::{Destination, ItemId, ListedItem};
use mailcrane_core::record::{Folder, Slice, Versioned};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How many slices' rows are read at the same time.
pub(super) const AHEAD: usize = 8;

/// How many folders are listed at the same time at most, and how many messages they may have together.
const FOLDERS: usize = 4;
const MESSAGES: u64 = 20_000;

/// A folder that is to be compared.
pub(super) struct Place<'a> {
    pub(super) folder: Versioned<Folder>,
    /// Its slices of this pass.
    pub(super) slices: Vec<&'a Slice>,
    /// Its slices of passes that were not verified and left something in doubt.
    pub(super) former: Vec<&'a Slice>,
}

impl Place<'_> {
    /// Tells whether there is anything to compare.
    pub(super) fn holds_any(&self) -> bool {
        !(self.slices.is_empty() && self.former.is_empty())
    }
}

/// Returns the first folders that are listed at the same time: a large one alone, small ones together.
pub(super) fn together<'p, 'a>(places: &'p [Place<'a>], parallel: bool) -> &'p [Place<'a>] {
    let (mut count, mut messages) = (0, 0);
    for place in places.iter().take(if parallel { FOLDERS } else { 1 }) {
        messages += place.slices.iter().map(|slice| slice.found).sum::<u64>();
        if count > 0 && messages > MESSAGES {
            break;
        }
        count += 1;
    }
    places.get(..count).unwrap_or_default()
}

/// What the destination lists of a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The messages of ours that are there.
    pub(super) present: HashSet<MessageKey>,
    /// Those of them that are there on two items.
    pub(super) doubled: BTreeSet<MessageKey>,
    /// Where items keep no key, everything that is there.
    pub(super) unkeyed: Strays,
}

/// What is read of a folder before it is compared.
pub(super) struct Look {
    pub(super) listing: Result<Listing, Fault>,
    /// The rows of the first slices.
    pub(super) rows: Vec<Result<Vec<Row>, CommitError>>,
}

impl Look {
    /// Reads: the destination lists while the first rows are read.
    pub(super) async fn at<W: World, D: Destination>(
        world: &W,
        destination: &D,
        (id, no): (&MigrationId, AccountNo),
        place: &Place<'_>,
    ) -> Self {
        let Some(target) = place.folder.record.destination.as_ref().filter(|_| place.holds_any()) else {
            return Self { listing: Ok(Listing::default()), rows: Vec::new() };
        };
        let reads: Vec<_> = place.slices.iter().take(AHEAD).map(|slice| rows(world, id, no, slice)).collect();
        let rows = stream::iter(reads).buffered(AHEAD).collect();
        let (listing, rows) = join(Listing::of(destination, target, &place.folder.record), rows).await;
        Self { listing, rows }
    }
}

impl Listing {
    async fn of<D: Destination>(destination: &D, target: &FolderId, folder: &Folder) -> Result<Self, Fault> {
        if !destination.features().keeps_key {
            return Ok(Self { unkeyed: Strays::listed(whole(destination, target).await?), ..Self::default() });
        }
        let (mut listing, mut ids) = (Self::default(), HashSet::new());
        let mut page: Option<String> = None;
        loop {
            let listed = destination.list(target, page.as_deref()).await?;
            for item in listed.items {
                let Some(key) = key_of(folder, &item) else { continue };
                // A listing may repeat an item: it counts once.
                if ids.insert(short(&[item.id.0.as_bytes()])) && !listing.present.insert(key) {
                    listing.doubled.insert(key);
                }
            }
            page = listed.next;
            if page.is_none() {
                return Ok(listing);
            }
        }
    }
}

/// Lists the copies that are too many: of every doubled message all but the manifest's item, unless somebody worked on
/// it.
pub(super) async fn surplus<D: Destination>(
    destination: &D,
    target: &FolderId,
    folder: &Folder,
    doubled: &BTreeSet<MessageKey>,
    kept: &BTreeMap<MessageKey, ItemId>,
) -> Result<Vec<ListedItem>, Fault> {
    let mut copies: BTreeMap<MessageKey, BTreeMap<ItemId, ListedItem>> = BTreeMap::new();
    let mut page: Option<String> = None;
    while !doubled.is_empty() {
        let listed = destination.list(target, page.as_deref()).await?;
        for item in listed.items {
            let Some(key) = key_of(folder, &item).filter(|k| doubled.contains(k)) else { continue };
            copies.entry(key).or_default().insert(item.id.clone(), item);
        }
        page = listed.next;
        if page.is_none() {
            break;
        }
    }
    let mut surplus = Vec::new();
    for (key, mut items) in copies {
        let keep = kept.get(&key).filter(|id| items.contains_key(*id)).or_else(|| items.keys().next()).cloned();
        if let Some(keep) = keep {
            items.remove(&keep);
        }
        surplus.extend(items.into_values().filter(|item| !item.touched));
    }
    Ok(surplus)
}

/// Returns the key of an item when it is one of this folder, in whatever epoch.
fn key_of(folder: &Folder, item: &ListedItem) -> Option<MessageKey> {
    item.key.filter(|k| k.prefix == folder.prefix || folder.former.contains(&k.prefix))
}

/// Returns the beginning of the keys of an epoch.
pub(crate) fn prefix_of(folder: &Folder, epoch: u32) -> KeyPrefix {
    folder.former.get(epoch as usize).copied().unwrap_or(folder.prefix)
}

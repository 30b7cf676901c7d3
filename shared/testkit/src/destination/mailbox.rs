//! A mailbox as its owner sees it: folders, items, and everything that may happen to them.

use super::features;
use crate::clock::{ManualClock, later};
use crate::{locked, message_id};
use bytes::Bytes;
use mailcrane_core::digest::Digest;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role};
use mailcrane_core::key::MessageKey;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::{Features, ItemId, ListedItem, Stored};
use mailcrane_core::{Fault, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// An item of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its identity.
    pub id: ItemId,
    /// The folder it is in.
    pub folder: FolderId,
    /// Our key; nothing for foreign items, and where keys are not kept.
    pub key: Option<MessageKey>,
    /// Its octets.
    pub raw: Bytes,
    /// Read, answered and so on.
    pub flags: Flags,
    /// The names of its categories.
    pub categories: Vec<String>,
    /// The received date.
    pub received: Timestamp,
    /// The sent date.
    pub sent: Option<Timestamp>,
    /// Whether its owner has worked on it.
    pub touched: bool,
    /// When it was stored.
    pub stored: Timestamp,
    /// Whether it was deleted, softly.
    pub deleted: bool,
}

/// The folders of a new mailbox.
const AT_BIRTH: [(&str, Role); 5] = [
    ("Inbox", Role::Inbox),
    ("Sent Items", Role::Sent),
    ("Drafts", Role::Drafts),
    ("Deleted Items", Role::Trash),
    ("Junk E-mail", Role::Junk),
];

/// What a write does once it takes effect.
#[derive(Debug)]
pub(super) enum Effect {
    Store(FolderId, Vec<NewItem>),
    Delete(Vec<ItemId>),
    Folder(Option<FolderId>, String, Option<Role>),
}

/// Decides whether an item is refused.
type Refusal = Box<dyn Fn(&NewItem) -> Option<Fault> + Send>;

pub(super) struct Inner {
    pub(super) clock: ManualClock,
    pub(super) features: Features,
    pub(super) folders: Vec<DestinationFolder>,
    pub(super) items: BTreeMap<ItemId, Held>,
    pub(super) late: Vec<(Timestamp, Effect)>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) busy: Option<(Timestamp, Duration)>,
    pub(super) page: usize,
    pub(super) repeats: bool,
    pub(super) stores: u64,
    born: u64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("folders", &self.folders.len()).field("items", &self.items.len()).finish()
    }
}

/// A mailbox. Clones are the same mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Mutex<Inner>>);

impl Mailbox {
    pub(super) fn new(clock: &ManualClock) -> Self {
        let inner = Inner {
            clock: clock.clone(),
            features: features(),
            folders: Vec::new(),
            items: BTreeMap::new(),
            late: Vec::new(),
            refusals: Vec::new(),
            busy: None,
            page: 100,
            repeats: false,
            stores: 0,
            born: 0,
        };
        let mailbox = Self(Arc::new(Mutex::new(inner)));
        for (name, role) in AT_BIRTH {
            drop(mailbox.lock().folder(None, name, Some(role)));
        }
        mailbox
    }

    /// Locks the mailbox with every late effect in it whose time has come.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = locked(&self.0);
        inner.settle();
        inner
    }

    /// Changes what the destination can do; sessions opened before do not notice.
    pub fn features(&self, change: impl FnOnce(&mut Features)) {
        change(&mut self.lock().features);
    }

    /// Refuses every item for which that gives a fault.
    pub fn refuse(&self, refusal: impl Fn(&NewItem) -> Option<Fault> + Send + 'static) {
        self.lock().refusals.push(Box::new(refusal));
    }

    /// Takes everything again.
    pub fn accept(&self) {
        self.lock().refusals.clear();
    }

    /// Answers every store with "busy, wait so long" until that time has passed.
    pub fn throttle(&self, lasts: Duration, back_off: Duration) {
        let mut inner = self.lock();
        inner.busy = Some((later(inner.clock.now(), lasts), back_off));
    }

    /// Lists so many items on a page.
    pub fn page(&self, items: usize) {
        self.lock().page = items.max(1);
    }

    /// Gives items twice: the last of a page also as the first of the next, and everything that is found.
    pub fn repeat(&self) {
        self.lock().repeats = true;
    }

    /// Puts an item there that is not ours, and returns its identity.
    pub fn put_foreign(&self, folder: &FolderId, raw: impl Into<Bytes>, received: Timestamp) -> ItemId {
        let mut inner = self.lock();
        let mut held = inner.born(folder, None, raw.into(), received);
        held.key = None;
        let id = held.id.clone();
        inner.items.insert(id.clone(), held);
        id
    }

    /// Moves an item, as its owner may.
    pub fn move_to(&self, id: &ItemId, folder: &FolderId) {
        if let Some(item) = self.lock().items.get_mut(id) {
            item.folder = folder.clone();
        }
    }

    /// Copies an item within its folder, as its owner may: the copy carries our key, too.
    pub fn copy(&self, id: &ItemId) {
        let mut inner = self.lock();
        let Some(held) = inner.items.get(id).cloned() else { return };
        let born = inner.born(&held.folder, None, held.raw.clone(), held.received);
        inner.items.insert(born.id.clone(), Held { id: born.id, stored: born.stored, ..held });
    }

    /// Answers an item, as its owner may.
    pub fn touch(&self, id: &ItemId) {
        if let Some(item) = self.lock().items.get_mut(id) {
            item.touched = true;
        }
    }

    /// Removes a folder with its items and subfolders, as its owner may.
    pub fn remove_folder(&self, id: &FolderId) {
        let mut inner = self.lock();
        let mut gone = vec![id.clone()];
        while let Some(id) = gone.pop() {
            gone.extend(inner.folders.iter().filter(|f| f.parent.as_ref() == Some(&id)).map(|f| f.id.clone()));
            inner.folders.retain(|f| f.id != id);
            inner.items.retain(|_, item| item.folder != id);
        }
    }

    /// Returns the folder of that path (names compared without case).
    #[must_use]
    pub fn folder(&self, path: &[&str]) -> Option<FolderId> {
        let inner = self.lock();
        let step = |parent: Option<FolderId>, name: &&str| {
            let inside = |f: &&DestinationFolder| f.parent == parent && same(&f.name, name);
            inner.folders.iter().find(inside).map(|f| Some(f.id.clone()))
        };
        path.iter().try_fold(None, step).flatten()
    }

    /// Returns every item that is there, late effects of up to now included, deleted ones not.
    #[must_use]
    pub fn items(&self) -> Vec<Held> {
        self.lock().items.values().filter(|item| !item.deleted).cloned().collect()
    }

    /// Returns what is there without identities, so that two runs can be compared: for each item the path of its
    /// folder, its key, digest, flags, categories and received date, sorted; and every folder's path.
    #[must_use]
    pub fn contents(&self) -> (Vec<Vec<String>>, Vec<String>) {
        let items = self.items();
        let inner = self.lock();
        let line = |item: &Held| {
            let key = item.key.map(|key| key.to_string()).unwrap_or_default();
            let digest = Digest::of(&item.raw);
            let (path, flags) = (inner.path(&item.folder), &item.flags);
            format!("{path:?} {key} {digest} {flags:?} {:?} {}", item.categories, item.received)
        };
        let (mut lines, mut paths): (Vec<_>, Vec<_>) =
            (items.iter().map(line).collect(), inner.folders.iter().map(|f| inner.path(&f.id)).collect());
        lines.sort();
        paths.sort();
        (paths, lines)
    }

    /// Returns every item that was deleted and could be restored.
    #[must_use]
    pub fn deleted(&self) -> Vec<Held> {
        self.lock().items.values().filter(|item| item.deleted).cloned().collect()
    }

    /// Tells how many requests to store came, and how many effects are still to come.
    #[must_use]
    pub fn stores(&self) -> (u64, usize) {
        let inner = self.lock();
        (inner.stores, inner.late.len())
    }

    /// Returns the keys that more than one item carries.
    #[must_use]
    pub fn doubled(&self) -> Vec<MessageKey> {
        let mut seen = BTreeMap::new();
        for key in self.items().into_iter().filter_map(|item| item.key) {
            *seen.entry(key).or_insert(0_u32) += 1;
        }
        seen.into_iter().filter(|(_, times)| *times > 1).map(|(key, _)| key).collect()
    }
}

pub(super) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Inner {
    /// Lets the late effects happen whose time has come, at that time.
    fn settle(&mut self) {
        let now = self.clock.now();
        self.late.sort_by_key(|(at, _)| *at);
        let due = self.late.partition_point(|(at, _)| *at <= now);
        for (_, effect) in self.late.drain(..due).collect::<Vec<_>>() {
            self.apply(&effect);
        }
    }

    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Store(folder, items) => drop(self.store(folder, items)),
            Effect::Delete(ids) => ids.iter().for_each(|id| self.delete(id)),
            Effect::Folder(parent, name, role) => drop(self.folder(parent.as_ref(), name, *role)),
        }
    }

    /// Stores every item that is not refused.
    pub(super) fn store(&mut self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        let refused = |inner: &Self, item: &NewItem| inner.refusals.iter().find_map(|refusal| refusal(item));
        let one = |item: &NewItem| {
            if let Some(fault) = refused(self, item) {
                return Stored::Refused(fault);
            }
            if item.raw.len() as u64 > self.features.max_message {
                return Stored::Refused(Fault::skip("destination.too_large", "The message is too large"));
            }
            let mut held = self.born(folder, Some(item), item.raw.clone(), item.received);
            held.key = held.key.filter(|_| self.features.keeps_key);
            let id = held.id.clone();
            self.items.insert(id.clone(), held);
            Stored::Created(id)
        };
        items.iter().map(one).collect()
    }

    fn born(&mut self, folder: &FolderId, item: Option<&NewItem>, raw: Bytes, received: Timestamp) -> Held {
        self.born += 1;
        Held {
            id: ItemId(format!("item-{:08}", self.born)),
            folder: folder.clone(),
            key: item.map(|item| item.key),
            raw,
            flags: item.map(|item| item.flags.clone()).unwrap_or_default(),
            categories: item.map(|item| item.categories.clone()).unwrap_or_default(),
            received,
            sent: item.and_then(|item| item.sent),
            touched: false,
            stored: self.clock.now(),
            deleted: false,
        }
    }

    pub(super) fn delete(&mut self, id: &ItemId) {
        if let Some(item) = self.items.get_mut(id) {
            item.deleted = true;
        }
    }

    /// Finds or makes a folder.
    pub(super) fn folder(
        &mut self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        if parent.is_some_and(|parent| !self.has_folder(parent)) {
            return Err(folder_gone());
        }
        let by_role = self.folders.iter().find(|f| role.is_some() && f.role == role);
        let by_name = self.folders.iter().find(|f| f.parent.as_ref() == parent && same(&f.name, name));
        if let Some(found) = by_role.or(by_name) {
            return Ok(found.id.clone());
        }
        self.born += 1;
        let id = FolderId(format!("folder-{:05}", self.born));
        let (parent, name) = (parent.cloned(), name.to_owned());
        self.folders.push(DestinationFolder { id: id.clone(), parent, name, role, items: None, mail: true });
        Ok(id)
    }

    pub(super) fn has_folder(&self, id: &FolderId) -> bool {
        self.folders.iter().any(|f| f.id == *id)
    }

    /// Returns the names of a folder's levels.
    fn path(&self, id: &FolderId) -> Vec<String> {
        let find = |id: &FolderId| self.folders.iter().find(|f| f.id == *id);
        let upwards = std::iter::successors(find(id), |folder| find(folder.parent.as_ref()?));
        let mut names: Vec<String> = upwards.map(|folder| folder.name.clone()).collect();
        names.reverse();
        names
    }

    /// Returns what a listing says of an item.
    pub(super) fn listed(item: &Held) -> ListedItem {
        ListedItem {
            id: item.id.clone(),
            folder: Some(item.folder.clone()),
            key: item.key,
            message_id: message_id(&item.raw),
            size: Some(item.raw.len() as u64),
            received: Some(item.received),
            touched: item.touched,
        }
    }
}

pub(super) fn folder_gone() -> Fault {
    Fault::retry(Duration::ZERO, "destination.folder_gone", "A folder of the destination mailbox is gone")
}

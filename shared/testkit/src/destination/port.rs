//! The port of a mailbox in memory.

use super::lost;
use super::mailbox::{Effect, Inner, Mailbox, folder_gone};
use crate::clock::later;
use crate::faults::{FaultPlan, Port};
use mailcrane_core::Fault;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::{Deleted, Destination, Features, ItemId, ListPage, ListedItem, Stored};
use mailcrane_core::uid::UidRange;
use std::ops::Bound;
use std::time::Duration;

/// An opened mailbox.
#[derive(Debug, Clone)]
pub struct MemoryDestination {
    plan: FaultPlan,
    mailbox: Mailbox,
    features: Features,
}

impl MemoryDestination {
    pub(super) fn new(plan: &FaultPlan, mailbox: Mailbox) -> Self {
        let features = mailbox.lock().features.clone();
        Self { plan: plan.clone(), mailbox, features }
    }

    async fn call<T>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&mut Inner) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.plan.call(Port::Destination, method, lost, || effect(&mut self.mailbox.lock())).await
    }

    /// Lets an effect happen later.
    fn delay(&self, by: Duration, effect: Effect) {
        let at = later(self.plan.clock().now(), by);
        self.mailbox.lock().late.push((at, effect));
    }

    /// Why a whole request is without effect.
    fn turned_away(&self, inner: &mut Inner, folder: &FolderId, items: &[NewItem]) -> Option<Fault> {
        let octets: usize = items.iter().map(|item| item.raw.len()).sum();
        let too_many = items.len() > self.features.max_batch_items;
        if too_many || (items.len() > 1 && octets as u64 > self.features.max_batch_octets) {
            return Some(Fault::give_up("testkit.batch_too_large", "the request is larger than the features allow"));
        }
        let now = inner.clock.now();
        if let Some((_, back_off)) = inner.busy.filter(|(until, _)| now < *until) {
            return Some(Fault::retry(back_off, "destination.busy", "the destination asks to wait"));
        }
        (!inner.has_folder(folder)).then(folder_gone)
    }
}

fn again(fault: &Fault) -> Fault {
    Fault::new(fault.remedy, fault.code.clone(), fault.message.clone())
}

impl Destination for MemoryDestination {
    fn features(&self) -> &Features {
        &self.features
    }

    async fn folders(&self) -> Result<Vec<DestinationFolder>, Fault> {
        self.call("folders", |inner| {
            let count = |id: &FolderId| inner.items.values().filter(|i| !i.deleted && i.folder == *id).count() as u64;
            let with = |f: &DestinationFolder| DestinationFolder { items: Some(count(&f.id)), ..f.clone() };
            Ok(inner.folders.iter().map(with).collect())
        })
        .await
    }

    async fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        let pass = self.plan.enter(Port::Destination, "create_folder").await;
        let limit = self.features.request_limit;
        if pass.fails_before() || pass.not_sent(limit) {
            return Err(lost());
        }
        if let Some(by) = pass.late() {
            self.delay(by, Effect::Folder(parent.cloned(), name.to_owned(), role));
            pass.leave().await;
            return Err(lost());
        }
        let made = self.mailbox.lock().folder(parent, name, role);
        pass.leave().await;
        if pass.loses_answer() || pass.too_late(limit) { Err(lost()) } else { made }
    }

    async fn store(&self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        let pass = self.plan.enter(Port::Destination, "store").await;
        let limit = self.features.request_limit;
        if pass.not_sent(limit) {
            return items.iter().map(|_| Stored::Unknown(lost())).collect();
        }
        let turned_away = {
            let mut inner = self.mailbox.lock();
            inner.stores += 1;
            self.turned_away(&mut inner, folder, items)
        };
        if let Some(fault) = turned_away {
            pass.leave().await;
            return items.iter().map(|_| Stored::NotTried(again(&fault))).collect();
        }
        let share: Vec<NewItem> = items.iter().take(pass.share(items.len())).cloned().collect();
        let stored = match pass.late() {
            Some(by) => {
                self.delay(by, Effect::Store(folder.clone(), share));
                Vec::new()
            }
            None => self.mailbox.lock().store(folder, &share),
        };
        pass.leave().await;
        if pass.loses_answer() || pass.too_late(limit) {
            return items.iter().map(|_| Stored::Unknown(lost())).collect();
        }
        stored
    }

    async fn list(&self, folder: &FolderId, page: Option<&str>) -> Result<ListPage, Fault> {
        self.call("list", |inner| {
            if !inner.has_folder(folder) {
                return Err(folder_gone());
            }
            let from = page.map(|id| ItemId(id.to_owned()));
            let bound = match &from {
                None => Bound::Unbounded,
                Some(id) if inner.repeats => Bound::Included(id),
                Some(id) => Bound::Excluded(id),
            };
            let behind = inner.items.range((bound, Bound::Unbounded)).map(|(_, item)| item);
            let mut found = behind.filter(|item| !item.deleted && item.folder == *folder).peekable();
            let size = inner.page + usize::from(inner.repeats && page.is_some());
            let items: Vec<ListedItem> = found.by_ref().take(size).map(Inner::listed).collect();
            let next = found.peek().and_then(|_| items.last().map(|item| item.id.0.clone()));
            Ok(ListPage { items, next })
        })
        .await
    }

    async fn find(&self, prefix: KeyPrefix, range: UidRange) -> Result<Vec<ListedItem>, Fault> {
        self.call("find", |inner| {
            if !inner.features.find_by_key {
                return Err(Fault::give_up("destination.unsupported", "this destination cannot search a key"));
            }
            let now = inner.clock.now();
            let visible =
                inner.items.values().filter(|i| !i.deleted && later(i.stored, inner.features.search_lag) <= now);
            let asked = visible.filter(|i| i.key.is_some_and(|k| k.prefix == prefix && range.contains(k.uid)));
            let mut found: Vec<ListedItem> = asked.map(Inner::listed).collect();
            if inner.repeats {
                found.extend(found.clone());
            }
            Ok(found)
        })
        .await
    }

    async fn delete(&self, items: &[ItemId]) -> Vec<Deleted> {
        let pass = self.plan.enter(Port::Destination, "delete").await;
        let limit = self.features.request_limit;
        if pass.not_sent(limit) {
            return items.iter().map(|_| Deleted::Kept(lost())).collect();
        }
        let share: Vec<ItemId> = items.iter().take(pass.share(items.len())).cloned().collect();
        match pass.late() {
            Some(by) => self.delay(by, Effect::Delete(share)),
            None => self.mailbox.lock().apply(&Effect::Delete(share)),
        }
        pass.leave().await;
        let unknown = pass.loses_answer() || pass.too_late(limit);
        let answer = |_| if unknown { Deleted::Kept(lost()) } else { Deleted::Gone };
        items.iter().map(answer).collect()
    }
}

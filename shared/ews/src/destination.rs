//! The destination port over EWS.

use std::sync::Arc;

use futures_util::future::try_join_all;
use mailcrane_core::fault::Fault;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Deleted, Destination, Features, ItemId, ListPage, ListedItem, Stored};
use mailcrane_core::uid::UidRange;

use crate::access::Access;
use crate::capabilities::Capabilities;
use crate::folders::{self, Known};
use crate::gate::Gate;
use crate::listing::{self, Bookmark};
use crate::search::{self, By};
use crate::session::{Session, Settings};
use crate::soap::delete_item::{DeleteItem, DeleteType};
use crate::soap::{Class, FolderRef, Item, Reply, Version};
use crate::store;
use crate::transport::Endpoint;

/// Items deleted by one request.
const DELETIONS: usize = 100;

/// How a mailbox is to be opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Where EWS listens.
    pub endpoint: Endpoint,
    /// The way in.
    pub access: Access,
    /// The gate of the principal that signs in; shared by all its mailboxes.
    pub gate: Arc<Gate>,
    /// Durations.
    pub settings: Settings,
    /// What the self-test found out; [`Capabilities::default`] believes in everything.
    pub capabilities: Capabilities,
}

/// One `WorkMail` mailbox, opened over EWS.
#[derive(Debug)]
pub struct WorkMail {
    pub(crate) session: Session,
    pub(crate) known: Known,
    features: Features,
    keeps_received: bool,
}

impl WorkMail {
    /// Signs in and asks for the system folders; takes at most one request limit.
    ///
    /// # Errors
    /// A fault with a code `destination.*`: `wrong_password`, `no_permission`, `permission_spreads` (again later),
    /// `no_such_mailbox`, `not_primary`, `disabled`, `unreachable`, `no_ews`, `version`, `busy`, `unavailable`.
    pub async fn open(opening: Opening) -> Result<Self, Fault> {
        let Opening { endpoint, access, gate, settings, capabilities } = opening;
        let features = capabilities.features(settings.request_limit);
        let version = Version::named(&capabilities.version).unwrap_or(Version::NEWEST);
        let session = Session::new(&endpoint, access, gate, settings, version).map_err(|e| {
            Fault::give_up("destination.set_up", "The connection to WorkMail cannot be set up").because(e)
        })?;
        let known = Known::ask(&session).await.map_err(|e| session.fault(e))?;
        Ok(Self { session, known, features, keeps_received: capabilities.keeps_received })
    }
}

impl Destination for WorkMail {
    fn features(&self) -> &Features {
        &self.features
    }

    async fn folders(&self) -> Result<Vec<DestinationFolder>, Fault> {
        folders::list(&self.session, &self.known).await.map_err(|e| self.session.fault(e))
    }

    async fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        folders::create(&self.session, &self.known, parent, name, role).await
    }

    async fn store(&self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        store::store(&self.session, &self.features, folder, items).await
    }

    async fn list(&self, folder: &FolderId, page: Option<&str>) -> Result<ListPage, Fault> {
        let at = page
            .map_or(Some(Bookmark::default()), Bookmark::parse)
            .ok_or_else(|| Fault::give_up("destination.bad_page", "The page of the listing is none of ours"))?;
        let place = FolderRef::Id(folder.0.clone());
        let (entries, next) = listing::pages(&self.session, &place, &at).await.map_err(|e| self.session.fault(e))?;
        let items = entries.into_iter().map(|i| self.listed(i, Some(folder))).collect();
        Ok(ListPage { items, next: next.map(|n| n.to_string()) })
    }

    async fn find(&self, prefix: KeyPrefix, range: UidRange) -> Result<Vec<ListedItem>, Fault> {
        let folders = folders::of_mail(&self.session).await.map_err(|e| self.session.fault(e))?;
        let restrictions = search::restrictions(prefix, range);
        let searches = restrictions.iter().map(|one| search::everywhere(&self.session, &folders, one, By::Each));
        let found = try_join_all(searches).await.map_err(|e| self.session.fault(e))?;
        let mut items: Vec<_> = found.into_iter().flatten().map(|item| self.listed(item, None)).collect();
        items.retain(|i| i.key.is_some_and(|k| k.prefix == prefix && range.contains(k.uid)));
        Ok(items)
    }

    async fn delete(&self, items: &[ItemId]) -> Vec<Deleted> {
        let mut outcomes = Vec::with_capacity(items.len());
        let deadline = self.session.deadline();
        for some in items.chunks(DELETIONS) {
            let ids: Vec<_> = some.iter().map(|i| crate::soap::ItemId::new(&i.0)).collect();
            let request = DeleteItem { items: &ids, how: DeleteType::Soft };
            match self.session.call(&request, deadline).await {
                Ok(replies) => {
                    let mut replies = replies.into_iter();
                    outcomes.extend(some.iter().map(|_| self.deleted(replies.next())));
                }
                Err(failure) => {
                    let fault = self.session.fault(failure);
                    let same = || Fault::new(fault.remedy, fault.code.clone(), fault.message.clone());
                    outcomes.extend(some.iter().map(|_| Deleted::Kept(same())));
                }
            }
        }
        outcomes
    }
}

impl WorkMail {
    fn deleted(&self, reply: Option<Reply<()>>) -> Deleted {
        match reply.map(Reply::done) {
            Some(Ok(())) => Deleted::Gone,
            Some(Err(refusal)) if refusal.code.class() == Class::ItemGone => Deleted::Gone,
            Some(Err(refusal)) => {
                self.session.report_item(&refusal);
                Deleted::Kept(self.session.item_fault(&refusal))
            }
            None => {
                let text = "WorkMail left the item out of its answer";
                Deleted::Kept(Fault::retry(self.session.settings().pause, "destination.no_answer", text))
            }
        }
    }

    /// A received date that is not the message's own says nothing, and is left out.
    fn listed(&self, item: Item, folder: Option<&FolderId>) -> ListedItem {
        ListedItem {
            key: search::key_of(&item),
            touched: item.worked_on(),
            folder: item.parent.map(FolderId).or_else(|| folder.cloned()),
            message_id: item.message_id.map(|id| id.split_whitespace().collect()),
            size: item.size,
            received: item.received.filter(|_| self.keeps_received),
            id: ItemId(item.id.id),
        }
    }
}

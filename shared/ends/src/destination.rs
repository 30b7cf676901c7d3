//! The adapters of a destination, one of which is chosen at run time.

use mailcrane_core::Fault;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Deleted, Destination, Features, ItemId, ListPage, ListedItem, Stored};
use mailcrane_core::uid::UidRange;
use mailcrane_ews::WorkMail;
use mailcrane_imap::ImapDestination;

/// A mailbox at one of the destinations that we can write into.
#[allow(clippy::large_enum_variant, reason = "one value per lane; it is not moved about")]
pub enum AnyDestination {
    /// Amazon WorkMail over EWS.
    Workmail(WorkMail),
    /// An IMAP server.
    Imap(ImapDestination),
}

impl Destination for AnyDestination {
    fn features(&self) -> &Features {
        match self {
            Self::Workmail(mailbox) => mailbox.features(),
            Self::Imap(mailbox) => mailbox.features(),
        }
    }

    async fn folders(&self) -> Result<Vec<DestinationFolder>, Fault> {
        match self {
            Self::Workmail(mailbox) => mailbox.folders().await,
            Self::Imap(mailbox) => mailbox.folders().await,
        }
    }

    async fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        match self {
            Self::Workmail(mailbox) => mailbox.create_folder(parent, name, role).await,
            Self::Imap(mailbox) => mailbox.create_folder(parent, name, role).await,
        }
    }

    async fn store(&self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        match self {
            Self::Workmail(mailbox) => mailbox.store(folder, items).await,
            Self::Imap(mailbox) => mailbox.store(folder, items).await,
        }
    }

    async fn list(&self, folder: &FolderId, page: Option<&str>) -> Result<ListPage, Fault> {
        match self {
            Self::Workmail(mailbox) => mailbox.list(folder, page).await,
            Self::Imap(mailbox) => mailbox.list(folder, page).await,
        }
    }

    async fn find(&self, prefix: KeyPrefix, range: UidRange) -> Result<Vec<ListedItem>, Fault> {
        match self {
            Self::Workmail(mailbox) => mailbox.find(prefix, range).await,
            Self::Imap(mailbox) => mailbox.find(prefix, range).await,
        }
    }

    async fn delete(&self, items: &[ItemId]) -> Vec<Deleted> {
        match self {
            Self::Workmail(mailbox) => mailbox.delete(items).await,
            Self::Imap(mailbox) => mailbox.delete(items).await,
        }
    }
}

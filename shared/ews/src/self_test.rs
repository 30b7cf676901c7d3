//! Tries the destination with one item in a scratch folder: what is kept, what is found, how long that takes.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use mailcrane_core::digest::short;
use mailcrane_core::fault::Fault;
use mailcrane_core::folder::FolderId;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::uid::Uid;
use tokio::time::Instant;

use crate::capabilities::Capabilities;
use crate::destination::WorkMail;
use crate::folders;
use crate::search::{By, everywhere};
use crate::soap::create_item::{CreateItem, Message, Verb};
use crate::soap::delete_folder::DeleteFolder;
use crate::soap::find_item::Restriction;
use crate::soap::get_item::{GetItem, Mime, STATE};
use crate::soap::{Class, FolderRef, Item, ItemId};

/// Name of the folder that the self-test makes and takes away again.
pub const SCRATCH: &str = "Mailcrane self-test";
/// The pause between two searches.
const PAUSE: Duration = Duration::from_millis(250);
const RECEIVED: &str = "2001-02-03T04:05:06Z";
const CATEGORY: &str = "Mailcrane";
const MIME: &[u8] = b"From: info@example.org\r\nTo: info@example.org\r\nSubject: Mailcrane self-test\r\n\
    Date: Sat, 3 Feb 2001 04:05:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
    This item is deleted again at once.\r\n";

impl WorkMail {
    /// Stores, reads, searches and deletes one item; searches for at most `patience`.
    ///
    /// Makes the folder [`SCRATCH`] and deletes it, also after a failure and also one that an earlier test left behind.
    ///
    /// # Errors
    /// The fault of the first step that failed; the clean-up is then tried all the same.
    pub async fn self_test(&self, patience: Duration) -> Result<Capabilities, Fault> {
        let scratch = folders::create(&self.session, &self.known, None, SCRATCH, None).await?;
        let outcome = self.try_out(&scratch, patience).await;
        let cleaned = self.remove(&scratch).await;
        let capabilities = outcome?;
        cleaned?;
        Ok(capabilities)
    }

    async fn try_out(&self, scratch: &FolderId, patience: Duration) -> Result<Capabilities, Fault> {
        let key = fresh_key()?;
        let id = self.put(scratch, key).await?;
        let stored = Instant::now();
        let item = self.read_back(&id).await?;
        let keeps_key = item.key.as_deref() == Some(key.to_string().as_str());
        let search_lag = if keeps_key { self.measure_lag(scratch, key, stored, patience).await? } else { None };
        Ok(Capabilities {
            version: self.session.version().name().into(),
            keeps_state: item.read == Some(true) && item.draft != Some(true),
            keeps_received: item.received.is_some() && item.received == RECEIVED.parse().ok(),
            keeps_flag: item.flag_status == Some(2),
            keeps_verb: item.last_verb == Verb::Answered.code().parse().ok(),
            keeps_categories: item.categories == [CATEGORY],
            keeps_key,
            keeps_mime: item.mime.as_deref() == Some(MIME),
            search_lag,
        })
    }

    async fn put(&self, scratch: &FolderId, key: MessageKey) -> Result<ItemId, Fault> {
        let message = Message {
            mime: Bytes::from_static(MIME),
            read: true,
            draft: false,
            flagged: true,
            verb: Some(Verb::Answered),
            received: RECEIVED.parse().unwrap_or(Timestamp::UNIX_EPOCH),
            sent: None,
            categories: vec![CATEGORY.into()],
            key: key.to_string(),
            as_note: true,
            without_receipt: false,
        };
        let folder = FolderRef::Id(scratch.0.clone());
        let request = CreateItem { folder: &folder, messages: &[message] };
        let reply = self.session.one(&request, self.session.deadline()).await.map_err(|e| self.session.fault(e))?;
        let id = reply.map_err(|refusal| self.session.item_fault(&refusal))?;
        id.ok_or_else(|| Fault::give_up("destination.self_test", "WorkMail stored an item without telling its id"))
    }

    async fn read_back(&self, id: &ItemId) -> Result<Item, Fault> {
        let request = GetItem { items: std::slice::from_ref(id), fields: &STATE, mime: Mime::Include };
        let reply = self.session.one(&request, self.session.deadline()).await.map_err(|e| self.session.fault(e))?;
        reply.map_err(|refusal| self.session.item_fault(&refusal))
    }

    /// Searches by the whole key and by its beginning until both find the item.
    async fn measure_lag(
        &self,
        scratch: &FolderId,
        key: MessageKey,
        stored: Instant,
        patience: Duration,
    ) -> Result<Option<Duration>, Fault> {
        let whole = Restriction::Key(key.to_string());
        let beginning = Restriction::KeyPrefix(format!("{}:", key.prefix));
        loop {
            if self.finds(scratch, &whole).await? && self.finds(scratch, &beginning).await? {
                return Ok(Some(stored.elapsed()));
            }
            if stored.elapsed() >= patience {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE.min(patience)).await;
        }
    }

    /// A search that the server refuses as such finds nothing; trouble that passes is a fault.
    async fn finds(&self, scratch: &FolderId, restriction: &Restriction) -> Result<bool, Fault> {
        let folder = [FolderRef::Id(scratch.0.clone())];
        match everywhere(&self.session, &folder, restriction, By::Each).await {
            Ok(found) => Ok(found.len() == 1),
            Err(failure) if failure.class() == Some(Class::Unknown) => Ok(false),
            Err(failure) => Err(self.session.fault(failure)),
        }
    }

    async fn remove(&self, scratch: &FolderId) -> Result<(), Fault> {
        let folder = FolderRef::Id(scratch.0.clone());
        let reply = self.session.one(&DeleteFolder { folder: &folder }, self.session.deadline()).await;
        match reply.map_err(|e| self.session.fault(e))? {
            Err(refusal) if refusal.code.class() != Class::FolderGone => Err(self.session.item_fault(&refusal)),
            _ => Ok(()),
        }
    }
}

/// Makes a key that no message and no other self-test has.
fn fresh_key() -> Result<MessageKey, Fault> {
    let now = Timestamp::now().as_nanosecond().to_be_bytes();
    let prefix = format!("{:016x}", short(&[b"self-test", &now, &std::process::id().to_be_bytes()]));
    let prefix = KeyPrefix::try_from(prefix)
        .map_err(|e| Fault::give_up("destination.self_test", "No key could be made").because(e))?;
    Ok(MessageKey { prefix, uid: Uid::MIN })
}

//! A destination: one mailbox that messages are stored into.

use crate::fault::Fault;
use crate::folder::{DestinationFolder, FolderId, Role};
use crate::key::{KeyPrefix, MessageKey};
use crate::message::NewItem;
use crate::uid::UidRange;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

/// The identity of a stored item, in the destination's own form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub String);

/// What a destination can do, known when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Whether [`Destination::find`] works; otherwise folders are listed.
    pub find_by_key: bool,
    /// Whether items keep our key, so that a listing gives it back.
    pub keeps_key: bool,
    /// Whether several lanes may store at once. Otherwise one lane does, and a request may wait for those before it.
    pub parallel: bool,
    /// Whether item ids stay valid, so that an undo may use them.
    pub stable_ids: bool,
    /// The most octets of a message; larger ones are not sent.
    pub max_message: u64,
    /// An attachment of that many decoded octets, or more, is not sent.
    pub max_attachment: u64,
    /// The most messages of one request.
    pub max_batch_items: usize,
    /// The most octets of messages of one request; a larger message goes alone.
    pub max_batch_octets: u64,
    /// How long one request may take before its effect is unknown.
    pub request_limit: Duration,
    /// How long a stored item may stay hidden from [`Destination::find`].
    pub search_lag: Duration,
    /// What messages lose here, in words for people; empty when nothing is known to be lost.
    pub not_kept: Vec<String>,
}

/// What became of one item of a request.
#[derive(Debug)]
pub enum Stored {
    /// It is there.
    Created(ItemId),
    /// The destination answered that it is not there, and why.
    Refused(Fault),
    /// Certainly without effect: not sent, or not looked at. Its fault has the remedy `RetryAfter` or `GiveUp`.
    NotTried(Fault),
    /// It may be there, or may still come: no answer, or none that can be read.
    Unknown(Fault),
}

/// One item of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// Its identity.
    pub id: ItemId,
    /// The folder it was found in, when known.
    pub folder: Option<FolderId>,
    /// Our key, when it carries one.
    pub key: Option<MessageKey>,
    /// The Message-ID without blanks and brackets kept as they are.
    pub message_id: Option<String>,
    /// The size in octets as the destination counts it; no byte identity.
    pub size: Option<u64>,
    /// The received date.
    pub received: Option<Timestamp>,
    /// Whether it was answered, forwarded or otherwise worked on since, when known.
    pub touched: bool,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The items.
    pub items: Vec<ListedItem>,
    /// Where the next page begins; nothing after the last one.
    pub next: Option<String>,
}

/// What became of one item that was to be deleted.
#[derive(Debug)]
pub enum Deleted {
    /// It is gone, or was gone before.
    Gone,
    /// It is still there, and why.
    Kept(Fault),
}

/// One opened mailbox. All calls take `&self`: several requests may be in flight.
///
/// No call waits longer than its request limit; waiting and trying again is the caller's (by the remedy).
pub trait Destination: Send + Sync {
    /// Tells what it can do.
    fn features(&self) -> &Features;

    /// Lists every folder for e-mail, parents before children. The INBOX is always among them.
    fn folders(&self) -> impl Future<Output = Result<Vec<DestinationFolder>, Fault>> + Send;

    /// Makes a folder, or finds the one of that name (compared without case) in that place. Twice gives the same id.
    fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> impl Future<Output = Result<FolderId, Fault>> + Send;

    /// Stores messages into a folder, in one request where it can. Gives exactly one outcome for each item, in order.
    fn store(&self, folder: &FolderId, items: &[NewItem]) -> impl Future<Output = Vec<Stored>> + Send;

    /// Lists a folder page by page, in any order. An item may come twice; callers make it unique by its id.
    fn list(&self, folder: &FolderId, page: Option<&str>) -> impl Future<Output = Result<ListPage, Fault>> + Send;

    /// Finds the items that carry a key of that prefix and range, in every mail folder (the user may have moved them).
    /// Absence counts only after the search lag.
    fn find(&self, prefix: KeyPrefix, range: UidRange) -> impl Future<Output = Result<Vec<ListedItem>, Fault>> + Send;

    /// Deletes items, softly where it can; one outcome for each, in order.
    fn delete(&self, items: &[ItemId]) -> impl Future<Output = Vec<Deleted>> + Send;
}

//! The table: items under a partition key and a sort key, written on conditions.

use jiff::Timestamp;
use std::error::Error;
use std::future::Future;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place in the partition; items of a partition sort by it in byte order.
    pub sk: String,
}

impl Key {
    /// Joins a key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// What an item holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A JSON document.
    Json(String),
    /// Packed octets (manifest pages, digests).
    Packed(Vec<u8>),
}

/// An item of the table; at most 400 KB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub key: Key,
    /// Counts its changes, from 1. A writer stores the version that it read plus one.
    pub version: u64,
    /// What it holds.
    pub body: Body,
    /// When the sweeper must look at it; puts it into the `due` index.
    pub due: Option<Timestamp>,
    /// When the table may forget it, with up to two days of delay.
    pub expires: Option<Timestamp>,
}

/// On what condition a write is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such item.
    Absent,
    /// The item has that version.
    Version(u64),
    /// Whatever is there.
    Anything,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Stores the item.
    Put(Item, Expect),
    /// Removes the item; removing what is not there succeeds under `Anything`.
    Delete(Key, Expect),
    /// Changes nothing, but must hold.
    Check(Key, Expect),
}

impl Write {
    /// Returns the key that is written.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(item, _) => &item.key,
            Self::Delete(key, _) | Self::Check(key, _) => key,
        }
    }
}

/// Why a write did not, or perhaps did not, happen.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A condition did not hold; nothing was written.
    #[error("another writer was faster")]
    Conflict,
    /// No answer: the write may have happened. A consistent read tells.
    #[error("the table did not answer")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
    /// The request cannot work, now or later; nothing was written.
    #[error("the table refused the request")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// One page of a query.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The items, ascending by sort key.
    pub items: Vec<Item>,
    /// The sort key to go on after; nothing at the end.
    pub next: Option<String>,
}

/// The table. Reads of [`Table::get`] and [`Table::query`] are consistent; the `due` index may lag a little.
///
/// Throttling and passing faults are retried inside for a few seconds; a transaction that collides with another is
/// retried, it is no conflict.
pub trait Table: Send + Sync {
    /// Reads one item.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Item>, TableError>> + Send;

    /// Reads the items of a partition whose sort keys begin with the prefix and lie behind `after`, at most `limit`.
    fn query(
        &self,
        pk: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page, TableError>> + Send;

    /// Makes one write.
    fn write(&self, write: Write) -> impl Future<Output = Result<(), TableError>> + Send;

    /// Makes all writes (1 to 100) or none. Repeating it with the same token within minutes writes once.
    fn transact(&self, token: &str, writes: Vec<Write>) -> impl Future<Output = Result<(), TableError>> + Send;

    /// Stores items without conditions, in any order; on an error some are perhaps stored.
    fn put_all(&self, items: Vec<Item>) -> impl Future<Output = Result<(), TableError>> + Send;

    /// Adds to a counter item and returns its new value; the first addition makes it.
    fn add(
        &self,
        key: &Key,
        by: i64,
        expires: Option<Timestamp>,
    ) -> impl Future<Output = Result<i64, TableError>> + Send;

    /// Returns keys of items that are due at that time, earliest first, at most `limit`.
    fn due(&self, until: Timestamp, limit: usize) -> impl Future<Output = Result<Vec<Key>, TableError>> + Send;
}

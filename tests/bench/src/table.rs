//! A table that counts what DynamoDB would bill and takes as long as DynamoDB does.

use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::table::{Body, Item, Key, Page, Table, TableError, Write};
use mailcrane_testkit::ManualClock;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a read takes within a region.
const READ: Duration = Duration::from_millis(4);
/// What a write takes.
const WRITE: Duration = Duration::from_millis(6);
/// What a transaction takes.
const TRANSACTION: Duration = Duration::from_millis(12);

/// What was asked for, and the units of it that are billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bill {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) transactions: u64,
    /// Read request units.
    pub(crate) read_units: u64,
    /// Write request units.
    pub(crate) write_units: u64,
}

/// A table with a meter.
#[derive(Debug, Clone)]
pub(crate) struct Metered<T> {
    inner: T,
    bill: Arc<Mutex<Bill>>,
    waits: bool,
    keys: Option<Arc<Keys>>,
}

/// Who is written how often.
#[derive(Debug)]
struct Keys {
    clock: ManualClock,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// The minute that is counted, and its writes by key.
    minute: i64,
    of_minute: HashMap<Key, u64>,
    /// The most that a key was written in a minute.
    hottest: (String, u64),
    /// Whether a migration was written as ended.
    ended: bool,
    /// Calls by what they do and what they are about.
    kinds: BTreeMap<String, u64>,
}

impl<T> Metered<T> {
    /// Puts a meter before a table; with `waits` every call takes its time.
    pub(crate) fn new(inner: T, waits: bool) -> Self {
        Self { inner, bill: Arc::default(), waits, keys: None }
    }

    /// Counts the writes of each key too.
    pub(crate) fn counting_keys(mut self, clock: &ManualClock) -> Self {
        self.keys = Some(Arc::new(Keys { clock: clock.clone(), counts: Mutex::default() }));
        self
    }

    /// Returns the key that was written most within a minute, and how often a second.
    pub(crate) fn hottest(&self) -> (String, f64) {
        let Some(keys) = &self.keys else { return (String::new(), 0.0) };
        let counts = keys.counts.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "counts are small enough")]
        let rate = counts.hottest.1 as f64 / 60.0;
        (counts.hottest.0.clone(), rate)
    }

    /// Tells whether a migration was written as ended.
    pub(crate) fn ended(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.counts.lock().unwrap_or_else(PoisonError::into_inner).ended)
    }

    /// Returns the calls by what they do and what they are about.
    pub(crate) fn kinds(&self) -> BTreeMap<String, u64> {
        self.keys
            .as_ref()
            .map_or_else(BTreeMap::new, |keys| keys.counts.lock().unwrap_or_else(PoisonError::into_inner).kinds.clone())
    }

    fn tally(&self, call: &str, about: &str) {
        let Some(keys) = &self.keys else { return };
        let about = about.split('#').next().unwrap_or_default();
        let mut counts = keys.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.kinds.entry(format!("{call} {about}")).or_default() += 1;
    }

    fn count(&self, write: &Write) {
        let Some(keys) = &self.keys else { return };
        let minute = keys.clock.now().as_second() / 60;
        let mut counts = keys.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute {
            counts.minute = minute;
            counts.of_minute.clear();
        }
        let key = write.key();
        let writes = counts.of_minute.entry(key.clone()).or_default();
        *writes += 1;
        let writes = *writes;
        if writes > counts.hottest.1 {
            counts.hottest = (format!("{} {}", key.pk, key.sk), writes);
        }
        if let Write::Put(Item { body: Body::Json(text), .. }, _) = write
            && key.sk == "MIGRATION"
        {
            counts.ended = text.contains("\"state\":\"finished");
        }
    }

    pub(crate) fn bill(&self) -> Bill {
        *self.bill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Bill)) {
        note(&mut self.bill.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn wait(&self, time: Duration) {
        if self.waits {
            tokio::time::sleep(time).await;
        }
    }
}

fn octets(item: &Item) -> u64 {
    let body = match &item.body {
        Body::Json(text) => text.len(),
        Body::Packed(octets) => octets.len(),
    };
    // Keys, names of attributes, version and dates.
    (body + item.key.pk.len() + item.key.sk.len() + 60) as u64
}

fn read_units(octets: u64) -> u64 {
    octets.div_ceil(4096).max(1)
}

/// An item, and its second copy in the index when the sweeper looks at it: old entry out, new one in.
fn write_units(item: &Item) -> u64 {
    let units = octets(item).div_ceil(1024).max(1);
    if item.due.is_some() { units * 3 } else { units }
}

fn units_of(write: &Write) -> u64 {
    match write {
        Write::Put(item, _) => write_units(item),
        Write::Delete(..) | Write::Check(..) => 1,
    }
}

impl<T: Table> Table for Metered<T> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.wait(READ).await;
        self.tally("get", &key.sk);
        let item = self.inner.get(key).await?;
        let units = item.as_ref().map_or(1, |item| read_units(octets(item)));
        self.note(|bill| (bill.reads, bill.read_units) = (bill.reads + 1, bill.read_units + units));
        Ok(item)
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        self.wait(READ).await;
        self.tally("query", prefix);
        let page = self.inner.query(pk, prefix, after, limit).await?;
        let units = read_units(page.items.iter().map(octets).sum());
        self.note(|bill| (bill.reads, bill.read_units) = (bill.reads + 1, bill.read_units + units));
        Ok(page)
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        self.wait(WRITE).await;
        let units = units_of(&write);
        self.count(&write);
        self.tally("write", &write.key().sk);
        self.note(|bill| (bill.writes, bill.write_units) = (bill.writes + 1, bill.write_units + units));
        self.inner.write(write).await
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        self.wait(TRANSACTION).await;
        writes.iter().for_each(|write| self.count(write));
        writes.iter().for_each(|write| self.tally("transact", &write.key().sk));
        // A transaction costs double.
        let units: u64 = writes.iter().map(units_of).sum::<u64>() * 2;
        self.note(|bill| (bill.transactions, bill.write_units) = (bill.transactions + 1, bill.write_units + units));
        self.inner.transact(token, writes).await
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), TableError> {
        self.wait(WRITE).await;
        let units: u64 = items.iter().map(write_units).sum();
        items.iter().for_each(|item| self.tally("put", &item.key.sk));
        let calls = items.len() as u64;
        self.note(|bill| (bill.writes, bill.write_units) = (bill.writes + calls, bill.write_units + units));
        self.inner.put_all(items).await
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        self.wait(WRITE).await;
        self.note(|bill| (bill.writes, bill.write_units) = (bill.writes + 1, bill.write_units + 1));
        self.inner.add(key, by, expires).await
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        self.wait(READ).await;
        let keys = self.inner.due(until, limit).await?;
        let units = keys.len().div_ceil(4).max(1) as u64;
        self.note(|bill| (bill.reads, bill.read_units) = (bill.reads + 1, bill.read_units + units));
        Ok(keys)
    }
}

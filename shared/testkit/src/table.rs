//! A table in memory that keeps the contract to the letter.

use crate::clock::later;
use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Page, Table, TableError, Write};
use mailcrane_core::record::{MalformedRecord, Record, Versioned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The most octets of an item.
const LARGEST_ITEM: usize = 400 * 1024;

/// The most writes of a transaction.
const LARGEST_TRANSACTION: usize = 100;

/// How long the token of a transaction is remembered.
const TOKEN_LIFE: Duration = Duration::from_secs(600);

/// What was asked of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Single reads.
    pub gets: u64,
    /// Pages of queries.
    pub queries: u64,
    /// Items that reads gave out.
    pub items_read: u64,
    /// Single writes and additions.
    pub writes: u64,
    /// Transactions.
    pub transactions: u64,
    /// Bulk writes.
    pub bulk_writes: u64,
    /// Items put or deleted, checks not counted.
    pub items_written: u64,
}

/// A table in memory. Clones are the same table.
#[derive(Debug, Clone)]
pub struct MemoryTable {
    plan: FaultPlan,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    items: BTreeMap<Key, Item>,
    tokens: BTreeMap<String, (Timestamp, Vec<Write>)>,
    counts: Counts,
    page: Option<usize>,
}

impl MemoryTable {
    /// Returns an empty table.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), state: Arc::default() }
    }

    /// Returns what was asked so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        locked(&self.state).counts
    }

    /// Lets queries give out no more than that many items at once, whatever the limit, as a real table does when a
    /// page is full.
    pub fn page(&self, items: usize) {
        locked(&self.state).page = Some(items.max(1));
    }

    /// Returns every item as it is now; not counted.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Key, Item> {
        locked(&self.state).items.clone()
    }

    /// Returns the records of a partition whose sort keys begin so; not counted.
    ///
    /// # Errors
    /// [`MalformedRecord`] when an item is another record.
    pub fn records<R: Record>(&self, pk: &str, prefix: &str) -> Result<Vec<Versioned<R>>, MalformedRecord> {
        let state = locked(&self.state);
        let fits = |key: &Key| key.pk == pk && key.sk.starts_with(prefix);
        state.items.values().filter(|item| fits(&item.key)).map(Versioned::of).collect()
    }

    /// Forgets every item whose time has come, as a table may at any moment.
    pub fn forget_expired(&self) {
        let now = self.plan.clock().now();
        locked(&self.state).items.retain(|_, item| item.expires.is_none_or(|at| at > now));
    }

    /// Makes a call of which nothing but its effect is special.
    async fn call<T>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        self.plan.call(Port::Table, method, lost, || effect(&mut locked(&self.state))).await
    }
}

fn lost() -> TableError {
    TableError::Unknown("the answer was lost, as planned".into())
}

fn refused(why: &str) -> TableError {
    TableError::Refused(why.into())
}

impl State {
    fn holds(&self, key: &Key, expect: Expect) -> bool {
        let found = self.items.get(key).map(|item| item.version);
        match expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        }
    }

    fn check(&self, writes: &[Write]) -> Result<(), TableError> {
        writes.iter().try_for_each(sane)?;
        let holds = |write: &Write| match write {
            Write::Put(item, expect) => self.holds(&item.key, *expect),
            Write::Delete(key, expect) | Write::Check(key, expect) => self.holds(key, *expect),
        };
        if writes.iter().all(holds) { Ok(()) } else { Err(TableError::Conflict) }
    }

    fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Put(item, _) => {
                    self.items.insert(item.key.clone(), item);
                }
                Write::Delete(key, _) => {
                    self.items.remove(&key);
                }
                Write::Check(..) => continue,
            }
            self.counts.items_written += 1;
        }
    }
}

fn sane(write: &Write) -> Result<(), TableError> {
    let key = write.key();
    if key.pk.is_empty() || key.sk.is_empty() {
        return Err(refused("a key must not be empty"));
    }
    let Write::Put(item, _) = write else { return Ok(()) };
    let body = match &item.body {
        Body::Json(text) => text.len(),
        Body::Packed(octets) => octets.len(),
    };
    if key.pk.len() + key.sk.len() + body > LARGEST_ITEM {
        return Err(refused("an item must not be larger than 400 KB"));
    }
    Ok(())
}

impl Table for MemoryTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.call("get", |state| {
            let item = state.items.get(key).cloned();
            state.counts.gets += 1;
            state.counts.items_read += u64::from(item.is_some());
            Ok(item)
        })
        .await
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        self.call("query", |state| {
            let limit = limit.min(state.page.unwrap_or(usize::MAX));
            let from = Key::new(pk, prefix.max(after.unwrap_or_default()));
            let fits = |key: &Key| key.pk == pk && key.sk.starts_with(prefix);
            let behind = state.items.range(from..).skip_while(|(key, _)| Some(key.sk.as_str()) == after);
            let mut found = behind.map(|(_, item)| item).take_while(|item| fits(&item.key)).peekable();
            let items: Vec<Item> = found.by_ref().take(limit).cloned().collect();
            let next = found.peek().and_then(|_| items.last().map(|item| item.key.sk.clone()));
            state.counts.queries += 1;
            state.counts.items_read += items.len() as u64;
            Ok(Page { items, next })
        })
        .await
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        self.call("write", |state| {
            state.counts.writes += 1;
            state.check(std::slice::from_ref(&write))?;
            state.apply(vec![write]);
            Ok(())
        })
        .await
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        let now = self.plan.clock().now();
        self.call("transact", |state| {
            state.counts.transactions += 1;
            state.tokens.retain(|_, (at, _)| later(*at, TOKEN_LIFE) > now);
            if let Some((_, before)) = state.tokens.get(token) {
                return if *before == writes { Ok(()) } else { Err(refused("the token stands for other writes")) };
            }
            let mut keys: Vec<&Key> = writes.iter().map(Write::key).collect();
            keys.sort();
            keys.dedup();
            if writes.is_empty() || writes.len() > LARGEST_TRANSACTION || keys.len() < writes.len() {
                return Err(refused("a transaction makes 1 to 100 writes, each to another item"));
            }
            state.check(&writes)?;
            state.tokens.insert(token.to_owned(), (now, writes.clone()));
            state.apply(writes);
            Ok(())
        })
        .await
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), TableError> {
        let pass = self.plan.enter(Port::Table, "put_all").await;
        let share = pass.share(items.len());
        let writes: Vec<Write> = items.into_iter().take(share).map(|item| Write::Put(item, Expect::Anything)).collect();
        {
            let mut state = locked(&self.state);
            state.counts.bulk_writes += 1;
            state.check(&writes)?;
            state.apply(writes);
        }
        pass.leave().await;
        if pass.loses_answer() { Err(lost()) } else { Ok(()) }
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        self.call("add", |state| {
            let old = match state.items.get(key).map(|item| (item, &item.body)) {
                None => (0, 0, None),
                Some((item, Body::Json(text))) => {
                    (item.version, text.parse().map_err(|_| refused("the item is no counter"))?, item.expires)
                }
                Some(_) => return Err(refused("the item is no counter")),
            };
            let number = by.saturating_add(old.1);
            let (version, body) = (old.0 + 1, Body::Json(number.to_string()));
            let item = Item { key: key.clone(), version, body, due: None, expires: expires.or(old.2) };
            state.counts.writes += 1;
            state.apply(vec![Write::Put(item, Expect::Anything)]);
            Ok(number)
        })
        .await
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        self.call("due", |state| {
            let due = |item: &Item| item.due.filter(|at| *at <= until).map(|at| (at, item.key.clone()));
            let mut keys: Vec<(Timestamp, Key)> = state.items.values().filter_map(due).collect();
            keys.sort();
            state.counts.queries += 1;
            Ok(keys.into_iter().map(|(_, key)| key).take(limit).collect())
        })
        .await
    }
}

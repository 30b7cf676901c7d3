//! The suite for tables catches tables that break the contract.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use mailcrane_core::Timestamp;
use mailcrane_core::ports::table::{Expect, Item, Key, Page, Table, TableError, Write};
use mailcrane_testkit::Memory;
use mailcrane_testkit::conformance::table::conformance;
use mailcrane_testkit::table::MemoryTable;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a table does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    IgnoresConditions,
    ForgetsTokens,
    SplitsTransactions,
    SkipsTheFirstBehind,
    ReversesDue,
    LosesPartOfABatch,
    RestartsCounters,
}

struct Broken {
    table: MemoryTable,
    defect: Defect,
}

impl Table for Broken {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.table.get(key).await
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        let mut page = self.table.query(pk, prefix, after, limit).await?;
        if self.defect == Defect::SkipsTheFirstBehind && after.is_some() && !page.items.is_empty() {
            page.items.remove(0);
        }
        Ok(page)
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        match write {
            Write::Put(item, _) if self.defect == Defect::IgnoresConditions => {
                self.table.write(Write::Put(item, Expect::Anything)).await
            }
            write => self.table.write(write).await,
        }
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        match self.defect {
            Defect::ForgetsTokens => {
                let token = format!("{token} {}", self.table.counts().transactions);
                self.table.transact(&token, writes).await
            }
            Defect::SplitsTransactions if (2..=100).contains(&writes.len()) => {
                for (n, write) in writes.into_iter().enumerate() {
                    self.table.transact(&format!("{token} {n}"), vec![write]).await?;
                }
                Ok(())
            }
            _ => self.table.transact(token, writes).await,
        }
    }

    async fn put_all(&self, mut items: Vec<Item>) -> Result<(), TableError> {
        if self.defect == Defect::LosesPartOfABatch {
            items.truncate(25);
        }
        self.table.put_all(items).await
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        if self.defect == Defect::RestartsCounters {
            self.table.write(Write::Delete(key.clone(), Expect::Anything)).await?;
        }
        self.table.add(key, by, expires).await
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        let mut keys = self.table.due(until, limit).await?;
        if self.defect == Defect::ReversesDue {
            keys.reverse();
        }
        Ok(keys)
    }
}

fn passes(defect: Defect) -> bool {
    let memory = Memory::default();
    let broken = Broken { table: memory.table.clone(), defect };
    let run = || memory.clock.block_on(conformance(&broken, &memory.clock, "mutant"));
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

#[test]
fn a_table_that_breaks_the_contract_is_caught() {
    assert!(passes(Defect::None));
    for defect in [
        Defect::IgnoresConditions,
        Defect::ForgetsTokens,
        Defect::SplitsTransactions,
        Defect::SkipsTheFirstBehind,
        Defect::ReversesDue,
        Defect::LosesPartOfABatch,
        Defect::RestartsCounters,
    ] {
        assert!(!passes(defect), "{defect:?}");
    }
}

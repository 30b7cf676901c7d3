//! The table, on DynamoDB.

mod attributes;
mod back_off;
mod batch;
mod doubt;
mod due;
mod transaction;

use attributes as at;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use back_off::patiently;
use doubt::Doubt;
use jiff::Timestamp;
use mailcrane_core::ports::table::{Expect, Item, Key, Page, Table, TableError, Write};
use std::collections::HashMap;

/// One table of DynamoDB. The condition of a write is checked by DynamoDB in the same step.
///
/// Times are kept to the millisecond (`due`) and to the second (`expires`).
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    /// Joins a client and the table's name. The client must not retry by itself.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    async fn put(&self, item: &Item, expect: Expect) -> Result<(), TableError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(at::of_item(item)))
            .set_condition_expression(at::condition(expect))
            .set_expression_attribute_values(at::condition_values(expect));
        patiently(Doubt::for_expectation(expect), Doubt::judge, || request.clone().send()).await.map(|_| ())
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), TableError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(at::of_key(key)))
            .set_condition_expression(at::condition(expect))
            .set_expression_attribute_values(at::condition_values(expect));
        patiently(Doubt::for_expectation(expect), Doubt::judge, || request.clone().send()).await.map(|_| ())
    }

    async fn check(&self, key: &Key, expect: Expect) -> Result<(), TableError> {
        let found = self.get(key).await?.map(|item| item.version);
        let holds = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
            Expect::Anything => true,
        };
        if holds { Ok(()) } else { Err(TableError::Conflict) }
    }
}

impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        let request =
            self.client.get_item().table_name(&self.name).set_key(Some(at::of_key(key))).consistent_read(true);
        let answer = patiently(Doubt::repeatable(), Doubt::judge, || request.clone().send()).await?;
        answer.item().map(at::to_item).transpose()
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        // DynamoDB refuses a start outside of the prefix, and empty texts.
        let after = after.filter(|after| *after >= prefix && !after.is_empty());
        if limit == 0 || after.is_some_and(|after| !after.starts_with(prefix)) {
            return Ok(Page::default());
        }
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .set_exclusive_start_key(after.map(|after| at::of_key(&Key::new(pk, after))))
            .consistent_read(true)
            .limit(page_size(limit));
        let request = if prefix.is_empty() {
            request.key_condition_expression("pk = :pk")
        } else {
            request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
        };
        let answer = patiently(Doubt::repeatable(), Doubt::judge, || request.clone().send()).await?;
        let items = answer.items().iter().map(at::to_item).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key().map(|key| at::text(key, "sk")).transpose()?;
        Ok(Page { items, next })
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        match &write {
            Write::Put(item, expect) => self.put(item, *expect).await,
            Write::Delete(key, expect) => self.delete(key, *expect).await,
            Write::Check(key, expect) => self.check(key, *expect).await,
        }
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        self.write_together(token, &writes).await
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), TableError> {
        self.put_batches(&items).await
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        // A counter has a version too, so that it is an item like any other.
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(at::of_key(key)))
            .expression_attribute_values(":by", AttributeValue::N(by.to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        let request = match expires {
            Some(expires) => request
                .update_expression("SET #ttl = :ttl ADD n :by, v :one")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", at::seconds(expires)),
            None => request.update_expression("ADD n :by, v :one"),
        };
        let answer = patiently(Doubt::unrepeatable(), Doubt::judge, || request.clone().send()).await?;
        at::number(answer.attributes().unwrap_or(&HashMap::new()), "n")
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        self.due_keys(until, limit).await
    }
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit.max(1)).unwrap_or(i32::MAX)
}

fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TableError {
    TableError::Refused(why.into())
}

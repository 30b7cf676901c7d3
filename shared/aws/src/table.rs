//! The table, on DynamoDB.

mod attributes;
mod back_off;
mod doubt;

use attributes as at;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, DeleteRequest, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use back_off::BackOff;
use doubt::Doubt;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use mailcrane_core::ports::table::{Expect, Item, Key, Page, Table, TableError, Write};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// A transaction holds so many writes at most.
const TRANSACTION: usize = 100;

/// A batch holds so many writes at most.
const BATCH: usize = 25;

/// A client request token has so many characters at most.
const TOKEN: usize = 36;

/// One table of DynamoDB. The condition of a write is checked by DynamoDB in the same step.
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
        let mut doubt = Doubt::for_expectation(expect);
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .put_item()
                .table_name(&self.name)
                .set_item(Some(at::of_item(item)))
                .set_condition_expression(at::condition(expect))
                .set_expression_attribute_values(at::condition_values(expect))
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(()),
                Err(error) => back_off.pause(doubt.judge(error)?).await?,
            }
        }
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), TableError> {
        let mut doubt = Doubt::for_expectation(expect);
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .delete_item()
                .table_name(&self.name)
                .set_key(Some(at::of_key(key)))
                .set_condition_expression(at::condition(expect))
                .set_expression_attribute_values(at::condition_values(expect))
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(()),
                Err(error) => back_off.pause(doubt.judge(error)?).await?,
            }
        }
    }

    fn entry(&self, write: &Write) -> Result<TransactWriteItem, TableError> {
        let entry = TransactWriteItem::builder();
        let entry = match write {
            Write::Put(item, expect) => entry.put(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(at::of_item(item)))
                    .set_condition_expression(at::condition(*expect))
                    .set_expression_attribute_values(at::condition_values(*expect))
                    .build()
                    .map_err(refused)?,
            ),
            Write::Delete(key, expect) => entry.delete(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(at::of_key(key)))
                    .set_condition_expression(at::condition(*expect))
                    .set_expression_attribute_values(at::condition_values(*expect))
                    .build()
                    .map_err(refused)?,
            ),
            Write::Check(key, expect) => entry.condition_check(
                ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(at::of_key(key)))
                    .set_condition_expression(at::condition(*expect))
                    .set_expression_attribute_values(at::condition_values(*expect))
                    .build()
                    .map_err(refused)?,
            ),
        };
        Ok(entry.build())
    }

    /// Writes without conditions, 25 at a time; what the table did not take is sent again.
    async fn batches(&self, requests: Vec<WriteRequest>) -> Result<(), TableError> {
        for batch in requests.chunks(BATCH) {
            let mut waiting = batch.to_vec();
            let mut doubt = Doubt::repeatable();
            let mut back_off = BackOff::begin();
            while !waiting.is_empty() {
                let sent = self.client.batch_write_item().request_items(&self.name, waiting.clone()).send().await;
                let trouble = match sent {
                    Ok(answer) => {
                        let left = answer.unprocessed_items().and_then(|left| left.get(&self.name)).cloned();
                        waiting = left.unwrap_or_default();
                        if waiting.is_empty() {
                            break;
                        }
                        let request = answer.request_id().unwrap_or("unknown").to_owned();
                        format!("a part of the batch was not taken (request {request})").into()
                    }
                    Err(error) => doubt.judge(error)?,
                };
                back_off.pause(trouble).await?;
            }
        }
        Ok(())
    }

    /// Returns what is due in one shard, earliest first.
    async fn due_in(&self, shard: u64, until: &str, limit: usize) -> Result<Vec<(String, Key)>, TableError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let mut doubt = Doubt::repeatable();
            let mut back_off = BackOff::begin();
            let answer = loop {
                let sent = self
                    .client
                    .query()
                    .table_name(&self.name)
                    .index_name(at::DUE_INDEX)
                    .key_condition_expression("due_shard = :shard AND due_at <= :until")
                    .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
                    .expression_attribute_values(":until", AttributeValue::S(until.to_owned()))
                    .projection_expression("pk, sk, due_at")
                    .limit(page_size(limit.saturating_sub(found.len())))
                    .set_exclusive_start_key(start.clone())
                    .send()
                    .await;
                match sent {
                    Ok(answer) => break answer,
                    Err(error) => back_off.pause(doubt.judge(error)?).await?,
                }
            };
            for attributes in answer.items() {
                found.push((at::text(attributes, "due_at")?, at::to_key(attributes)?));
            }
            start = answer.last_evaluated_key().cloned();
            if start.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }
}

impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        let mut doubt = Doubt::repeatable();
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .get_item()
                .table_name(&self.name)
                .set_key(Some(at::of_key(key)))
                .consistent_read(true)
                .send()
                .await;
            match sent {
                Ok(answer) => return answer.item().map(at::to_item).transpose(),
                Err(error) => back_off.pause(doubt.judge(error)?).await?,
            }
        }
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        // DynamoDB refuses a start outside of the prefix and an empty prefix.
        let after = after.filter(|after| *after >= prefix);
        if limit == 0 || after.is_some_and(|after| !after.starts_with(prefix)) {
            return Ok(Page::default());
        }
        let condition = if prefix.is_empty() { "pk = :pk" } else { "pk = :pk AND begins_with(sk, :prefix)" };
        let values = [(":pk", pk), (":prefix", prefix)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
            .collect::<HashMap<_, _>>();
        let start = after.filter(|after| !after.is_empty()).map(|after| at::of_key(&Key::new(pk, after)));
        let mut doubt = Doubt::repeatable();
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .limit(page_size(limit))
                .send()
                .await;
            match sent {
                Ok(answer) => {
                    let items = answer.items().iter().map(at::to_item).collect::<Result<_, _>>()?;
                    let next = answer.last_evaluated_key().map(|key| at::text(key, "sk")).transpose()?;
                    return Ok(Page { items, next });
                }
                Err(error) => back_off.pause(doubt.judge(error)?).await?,
            }
        }
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        match &write {
            Write::Put(item, expect) => self.put(item, *expect).await,
            Write::Delete(key, expect) => self.delete(key, *expect).await,
            Write::Check(key, expect) => {
                let found = self.get(key).await?.map(|item| item.version);
                let holds = match expect {
                    Expect::Absent => found.is_none(),
                    Expect::Version(version) => found == Some(*version),
                    Expect::Anything => true,
                };
                if holds { Ok(()) } else { Err(TableError::Conflict) }
            }
        }
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        if writes.is_empty() || writes.len() > TRANSACTION {
            return Err(refused(format!("a transaction has 1 to {TRANSACTION} writes, not {}", writes.len())));
        }
        // What must hold under any circumstances needs no check, and DynamoDB takes no check without a condition.
        let entries = writes
            .iter()
            .filter(|write| !matches!(write, Write::Check(_, Expect::Anything)))
            .map(|write| self.entry(write))
            .collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let token = request_token(token);
        let mut doubt = Doubt::repeatable();
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(entries.clone()))
                .client_request_token(&token)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(()),
                Err(error) => back_off.pause(doubt.judge_transaction(error)?).await?,
            }
        }
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), TableError> {
        // A batch may name a key only once: the last item of a key stays.
        let unique: BTreeMap<&Key, &Item> = items.iter().map(|item| (&item.key, item)).collect();
        let requests = unique
            .values()
            .map(|item| {
                let put = PutRequest::builder().set_item(Some(at::of_item(item))).build().map_err(refused)?;
                Ok(WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<_, TableError>>()?;
        self.batches(requests).await
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        // A counter has a version too, so that it is an item like any other.
        let (set, names) = match expires {
            Some(_) => ("SET #ttl = :ttl ", Some(HashMap::from([("#ttl".to_owned(), "ttl".to_owned())]))),
            None => ("", None),
        };
        let mut values = HashMap::from([
            (":by".to_owned(), AttributeValue::N(by.to_string())),
            (":one".to_owned(), AttributeValue::N("1".to_owned())),
        ]);
        if let Some(expires) = expires {
            values.insert(":ttl".to_owned(), at::seconds(expires));
        }
        let mut doubt = Doubt::unrepeatable();
        let mut back_off = BackOff::begin();
        loop {
            let sent = self
                .client
                .update_item()
                .table_name(&self.name)
                .set_key(Some(at::of_key(key)))
                .update_expression(format!("{set}ADD n :by, v :one"))
                .set_expression_attribute_names(names.clone())
                .set_expression_attribute_values(Some(values.clone()))
                .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
                .send()
                .await;
            match sent {
                Ok(answer) => {
                    let counter = answer.attributes().ok_or_else(|| refused("a counter without a value"))?;
                    return at::number(counter, "n");
                }
                Err(error) => back_off.pause(doubt.judge(error)?).await?,
            }
        }
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let until = at::instant(until);
        let shards = (0..at::DUE_SHARDS).map(|shard| self.due_in(shard, &until, limit));
        let mut found: Vec<(String, Key)> = try_join_all(shards).await?.into_iter().flatten().collect();
        found.sort();
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }
}

impl DynamoTable {
    /// Removes items without conditions, in any order; on an error some are perhaps removed.
    ///
    /// # Errors
    /// Those of [`Table::put_all`].
    pub async fn delete_all(&self, keys: Vec<Key>) -> Result<(), TableError> {
        let requests = keys
            .iter()
            .map(|key| {
                let delete = DeleteRequest::builder().set_key(Some(at::of_key(key))).build().map_err(refused)?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            })
            .collect::<Result<_, TableError>>()?;
        self.batches(requests).await
    }
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit.max(1)).unwrap_or(i32::MAX)
}

/// Returns a token that DynamoDB takes: itself when it is short enough, else the beginning of its digest.
fn request_token(token: &str) -> String {
    if token.len() <= TOKEN && !token.is_empty() {
        return token.to_owned();
    }
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().take(TOKEN / 2).map(|octet| format!("{octet:02x}")).collect()
}

fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TableError {
    TableError::Refused(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_token_becomes_one_of_36_characters() {
        let token = request_token(&"a".repeat(37));
        assert_eq!(token.len(), 36);
        assert_eq!(token, request_token(&"a".repeat(37)));
        assert_ne!(token, request_token(&"a".repeat(38)));
    }

    #[test]
    fn a_short_token_stays_as_it_is() {
        assert_eq!(request_token("0123456789abcdef"), "0123456789abcdef");
    }
}

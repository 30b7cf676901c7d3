//! The index of what the sweeper must look at, over all of its shards.

use super::attributes::{self as at, Attributes};
use super::back_off::patiently;
use super::doubt::Doubt;
use super::{DynamoTable, page_size};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use mailcrane_core::ports::table::{Key, TableError};

impl DynamoTable {
    /// Returns what is due, earliest first.
    pub(super) async fn due_keys(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
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

    /// Returns what is due in one shard and when, earliest first.
    async fn due_in(&self, shard: u64, until: &str, limit: usize) -> Result<Vec<(String, Key)>, TableError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(at::DUE_INDEX)
            .key_condition_expression("due_shard = :shard AND due_at <= :until")
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
            .expression_attribute_values(":until", AttributeValue::S(until.to_owned()))
            .projection_expression("pk, sk, due_at");
        let mut found = Vec::new();
        let mut start: Option<Attributes> = None;
        loop {
            let page =
                request.clone().limit(page_size(limit.saturating_sub(found.len()))).set_exclusive_start_key(start);
            let answer = patiently(Doubt::repeatable(), Doubt::judge, || page.clone().send()).await?;
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

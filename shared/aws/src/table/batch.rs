//! Many items at once, without conditions.

use super::attributes as at;
use super::back_off::{BackOff, patiently};
use super::doubt::Doubt;
use super::{DynamoTable, refused};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use mailcrane_core::ports::table::{Item, Key, TableError};
use std::collections::BTreeMap;

/// A batch holds so many writes at most.
const BATCH: usize = 25;

impl DynamoTable {
    /// Stores items; what the table did not take is sent again.
    pub(super) async fn put_batches(&self, items: &[Item]) -> Result<(), TableError> {
        // A batch may name a key only once: the last item of a key stays.
        let last: BTreeMap<&Key, &Item> = items.iter().map(|item| (&item.key, item)).collect();
        let requests = last
            .values()
            .map(|item| {
                let put = PutRequest::builder().set_item(Some(at::of_item(item))).build().map_err(refused)?;
                Ok(WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<Vec<_>, TableError>>()?;
        for batch in requests.chunks(BATCH) {
            self.batch(batch.to_vec()).await?;
        }
        Ok(())
    }

    async fn batch(&self, mut waiting: Vec<WriteRequest>) -> Result<(), TableError> {
        let mut back_off = BackOff::begin();
        loop {
            let request = self.client.batch_write_item().request_items(&self.name, waiting);
            let answer = patiently(Doubt::repeatable(), Doubt::judge, || request.clone().send()).await?;
            match answer.unprocessed_items().and_then(|left| left.get(&self.name)) {
                Some(left) if !left.is_empty() => waiting = left.clone(),
                _ => return Ok(()),
            }
            back_off.pause("a part of the batch was not taken".into()).await?;
        }
    }
}

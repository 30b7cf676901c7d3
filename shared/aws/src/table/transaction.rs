//! Transactions: all writes or none, once for their token.

use super::attributes as at;
use super::back_off::patiently;
use super::doubt::Doubt;
use super::{DynamoTable, refused};
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};
use mailcrane_core::ports::table::{Expect, TableError, Write};
use sha2::{Digest, Sha256};

/// A transaction holds so many writes at most.
const LONGEST: usize = 100;

/// A client request token has so many characters at most.
const TOKEN: usize = 36;

impl DynamoTable {
    /// Makes all writes or none.
    pub(super) async fn write_together(&self, token: &str, writes: &[Write]) -> Result<(), TableError> {
        if writes.is_empty() || writes.len() > LONGEST {
            return Err(refused(format!("a transaction has 1 to {LONGEST} writes, not {}", writes.len())));
        }
        // DynamoDB takes no check without a condition.
        let entries = writes
            .iter()
            .filter(|write| !matches!(write, Write::Check(_, Expect::Anything)))
            .map(|write| self.entry(write))
            .collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(entries))
            .client_request_token(request_token(token));
        let sent = patiently(Doubt::repeatable(), Doubt::judge_transaction, || request.clone().send());
        sent.await.map(|_| ())
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
}

/// Returns a token that DynamoDB takes: itself when it is short enough, else the beginning of its digest.
fn request_token(token: &str) -> String {
    if (1..=TOKEN).contains(&token.len()) {
        return token.to_owned();
    }
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().take(TOKEN / 2).map(|octet| format!("{octet:02x}")).collect()
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

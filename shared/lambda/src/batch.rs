//! Batches of a queue with partial failures: what was done is deleted, what failed is delivered again.

use serde::{Deserialize, Serialize};
use std::future::Future;

/// A batch as SQS delivers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    /// Its messages.
    #[serde(rename = "Records", default)]
    pub records: Vec<Message>,
}

/// One message of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Names the message within the batch.
    pub message_id: String,
    /// What was sent.
    pub body: String,
    /// The queue it came from.
    #[serde(rename = "eventSourceARN", default)]
    pub queue: String,
}

/// The messages that are to be delivered again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Their names.
    pub batch_item_failures: Vec<Failed>,
}

/// One message that is to be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Its name.
    pub item_identifier: String,
}

impl Batch {
    /// Hands over every message, one after the other; a failure is logged with its whole chain, and the message
    /// is delivered again.
    pub async fn each<F, E>(self, handle: impl Fn(Message) -> F) -> Answer
    where
        F: Future<Output = Result<(), E>>,
        E: AsRef<dyn std::error::Error + Send + Sync>,
    {
        let mut answer = Answer::default();
        for message in self.records {
            let id = message.message_id.clone();
            if let Err(error) = handle(message).await {
                let chain = chain(error.as_ref());
                tracing::error!(message.id = id, error = chain, "a message failed and is delivered again");
                answer.batch_item_failures.push(Failed { item_identifier: id });
            }
        }
        answer
    }
}

/// Writes an error and its causes in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    type Boxed = Box<dyn std::error::Error + Send + Sync>;

    #[tokio::test]
    async fn only_failed_messages_come_again() {
        let sample = r#"{"Records":[{"messageId":"1","body":"good"},{"messageId":"2","body":"bad"}]}"#;
        let batch: Batch = serde_json::from_str(sample).unwrap();
        let answer = batch
            .each(|message| async move { if message.body == "good" { Ok(()) } else { Err(Boxed::from("it failed")) } })
            .await;
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#);
    }
}

//! The queues, on SQS.

use crate::answer;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use mailcrane_core::fault::Fault;
use mailcrane_core::ports::queue::{LONGEST_DELAY, Queues};
use mailcrane_core::token::{ContinuationToken, LaneKind, Task};
use std::time::Duration;

/// SQS takes so many messages in one request.
const BATCH: usize = 10;

/// How often the messages of a batch that were not taken are sent again.
const ATTEMPTS: u32 = 4;

/// Where the functions' queues are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrls {
    /// The queue of the check function.
    pub check: String,
    /// The queue of the analyze function.
    pub analyze: String,
    /// The queue of the migrate-chunk function.
    pub migrate: String,
    /// The queue of the notify function.
    pub notify: String,
}

impl QueueUrls {
    fn of_lane(&self, kind: LaneKind) -> &str {
        match kind {
            LaneKind::Analyze => &self.analyze,
            LaneKind::Plan | LaneKind::Copy | LaneKind::Verify | LaneKind::Undo | LaneKind::Export => &self.migrate,
        }
    }

    fn of_task(&self, task: &Task) -> &str {
        match task {
            Task::Check { .. } | Task::CheckAll { .. } | Task::Permit { .. } => &self.check,
            Task::Notify { .. } => &self.notify,
        }
    }
}

/// Sends tokens and tasks, each as one JSON document.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    client: Client,
    urls: QueueUrls,
}

impl SqsQueues {
    /// Joins a client and the queues' addresses.
    #[must_use]
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    /// Sends up to ten messages; those that the queue could not take are sent again.
    async fn send_batch(&self, url: &str, bodies: &[String], delay: i32) -> Result<(), Fault> {
        let mut waiting = bodies
            .iter()
            .enumerate()
            .map(|(no, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(no.to_string())
                    .message_body(body)
                    .delay_seconds(delay)
                    .build()
                    .map_err(|error| unwritten().because(error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut attempt = 1;
        loop {
            let answer = self
                .client
                .send_message_batch()
                .queue_url(url)
                .set_entries(Some(waiting.clone()))
                .send()
                .await
                .map_err(|error| answer::fault("queue", "tasks could not be queued", error))?;
            let Some(first) = answer.failed().first() else { return Ok(()) };
            let reason = first.code().to_owned();
            if answer.failed().iter().any(aws_sdk_sqs::types::BatchResultErrorEntry::sender_fault) {
                return Err(Fault::give_up("queue.refused", format!("the queue refused a task ({reason})")));
            }
            if attempt == ATTEMPTS {
                let message = format!("the queue did not take a task ({reason})");
                return Err(Fault::retry(Duration::from_secs(10), "queue.unavailable", message));
            }
            waiting.retain(|entry| answer.failed().iter().any(|failed| failed.id() == entry.id()));
            tokio::time::sleep(Duration::from_millis(100) * attempt).await;
            attempt += 1;
        }
    }
}

impl Queues for SqsQueues {
    async fn continue_lane(&self, token: &ContinuationToken, delay: Duration) -> Result<(), Fault> {
        let body = serde_json::to_string(token).map_err(|error| unwritten().because(error))?;
        self.client
            .send_message()
            .queue_url(self.urls.of_lane(token.kind))
            .message_body(body)
            .delay_seconds(whole_seconds(delay))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| answer::fault("queue", "the continuation could not be queued", error))
    }

    async fn send(&self, tasks: &[Task], delay: Duration) -> Result<(), Fault> {
        let mut queues: Vec<(&str, Vec<String>)> = Vec::new();
        for task in tasks {
            let url = self.urls.of_task(task);
            let body = serde_json::to_string(task).map_err(|error| unwritten().because(error))?;
            match queues.iter_mut().find(|(known, _)| *known == url) {
                Some((_, bodies)) => bodies.push(body),
                None => queues.push((url, vec![body])),
            }
        }
        for (url, bodies) in queues {
            for batch in bodies.chunks(BATCH) {
                self.send_batch(url, batch, whole_seconds(delay)).await?;
            }
        }
        Ok(())
    }
}

/// Rounds up to whole seconds, at most what a queue takes: a message must not come too early.
fn whole_seconds(delay: Duration) -> i32 {
    let seconds = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
    i32::try_from(seconds.min(LONGEST_DELAY.as_secs())).unwrap_or(0)
}

fn unwritten() -> Fault {
    Fault::give_up("queue.refused", "a message for a queue could not be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_to_whole_seconds() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
    }

    #[test]
    fn a_delay_is_at_most_a_quarter_of_an_hour() {
        assert_eq!(whole_seconds(Duration::from_secs(901)), 900);
        assert_eq!(whole_seconds(Duration::from_secs(86_400)), 900);
    }
}

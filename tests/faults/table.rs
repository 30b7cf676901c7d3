//! The table: a DynamoDB that throttles, collides and loses answers, the adapter on it, and a port that fails.

use crate::dynamodb;
use crate::luck::Luck;
use crate::server::{Answer, Request, Server};
use dynoxide::Database;
use mailcrane_aws::{Clients, DynamoTable};
use mailcrane_core::Timestamp;
use mailcrane_core::ports::table::{Item, Key, Page, Table, TableError, Write};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// A DynamoDB behind HTTP. Each schedule finds it empty.
pub(crate) struct Desk {
    server: Server,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    database: Arc<Database>,
    trouble: Option<Trouble>,
}

/// What goes wrong with requests of one schedule.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) throttled: Luck,
    pub(crate) answer_lost: Luck,
}

impl Desk {
    pub(crate) fn start() -> Self {
        let inside = Arc::new(Mutex::new(Inside { database: Arc::new(dynamodb::database()), trouble: None }));
        let asked = inside.clone();
        let server = Server::start(move |request| {
            if request.operation().is_empty() {
                // Cut off in the middle of its headers.
                return Answer::Hangup;
            }
            let (database, trouble) = {
                let inside = asked.lock().unwrap();
                (inside.database.clone(), inside.trouble.clone())
            };
            if let Some(refusal) = trouble.as_ref().and_then(|t| t.before(request)) {
                return refusal;
            }
            let answer = dynamodb::answer(&database, request);
            trouble.as_ref().and_then(|t| t.after(request)).unwrap_or(answer)
        });
        Self { server, inside }
    }

    /// Forgets everything; the trouble is that of the next schedule.
    pub(crate) fn clear(&self, trouble: Trouble) {
        *self.inside.lock().unwrap() = Inside { database: Arc::new(dynamodb::database()), trouble: Some(trouble) };
        self.server.forget();
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The table as the adapter shows it, through a relay on that port or directly.
    pub(crate) fn table(&self, relay: Option<u16>) -> DynamoTable {
        let port = relay.unwrap_or_else(|| self.address().port());
        let config = self.server.config().into_builder().endpoint_url(format!("http://127.0.0.1:{port}")).build();
        Clients::new(config).table(dynamodb::MAIN)
    }
}

impl Trouble {
    fn before(&self, request: &Request) -> Option<Answer> {
        let mut random = self.throttled.strikes()?;
        let transaction = request.operation() == "TransactWriteItems";
        let (name, answer) = match random.u8(0..6) {
            0 => ("throttled", Answer::error(400, "ProvisionedThroughputExceededException")),
            1 => ("throttled", Answer::error(400, "ThrottlingException")),
            2 => ("broken", Answer::error(500, "InternalServerError")),
            3 => ("cut off before it was looked at", Answer::Hangup),
            _ if transaction => ("in conflict with another one", conflict(request)),
            _ => ("throttled", Answer::error(400, "RequestLimitExceeded")),
        };
        self.throttled.tell(format!("table: {} was {name}", request.operation()));
        Some(answer)
    }

    fn after(&self, request: &Request) -> Option<Answer> {
        let mut random = self.answer_lost.strikes()?;
        self.answer_lost.tell(format!("table: the answer to {} was lost", request.operation()));
        Some(if random.bool() { Answer::Hangup } else { Answer::error(500, "InternalServerError") })
    }
}

/// A transaction that collided: the first of its items is in conflict.
fn conflict(request: &Request) -> Answer {
    let items = request.json()["TransactItems"].as_array().map_or(1, Vec::len);
    let reasons: Vec<_> =
        (0..items).map(|n| json!({ "Code": if n == 0 { "TransactionConflict" } else { "None" } })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
        "CancellationReasons": reasons,
    });
    Answer::Status(400, body.to_string())
}

/// A table whose calls fail before or after their effect.
pub(crate) struct FailingTable<T> {
    pub(crate) inner: T,
    pub(crate) before: Luck,
    pub(crate) after: Luck,
}

impl<T: Table> FailingTable<T> {
    async fn call<A>(
        &self,
        name: &str,
        call: impl Future<Output = Result<A, TableError>> + Send,
    ) -> Result<A, TableError> {
        if self.before.hits(&format!("table port: {name} failed before its effect")) {
            return Err(unknown());
        }
        let done = call.await?;
        if self.after.hits(&format!("table port: {name} failed after its effect")) {
            return Err(unknown());
        }
        Ok(done)
    }
}

fn unknown() -> TableError {
    TableError::Unknown("as the schedule wants it".into())
}

impl<T: Table> Table for FailingTable<T> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.call("get", self.inner.get(key)).await
    }

    async fn query(&self, pk: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, TableError> {
        self.call("query", self.inner.query(pk, prefix, after, limit)).await
    }

    async fn write(&self, write: Write) -> Result<(), TableError> {
        self.call("write", self.inner.write(write)).await
    }

    async fn transact(&self, token: &str, writes: Vec<Write>) -> Result<(), TableError> {
        self.call("transact", self.inner.transact(token, writes)).await
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), TableError> {
        self.call("put_all", self.inner.put_all(items)).await
    }

    async fn add(&self, key: &Key, by: i64, expires: Option<Timestamp>) -> Result<i64, TableError> {
        self.call("add", self.inner.add(key, by, expires)).await
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Key>, TableError> {
        self.call("due", self.inner.due(until, limit)).await
    }
}

//! A DynamoDB in process, behind HTTP as the SDK wants it, with tables as the template makes them.

use crate::server::{Answer, Request, Server};
use dynoxide::{Database, DynoxideError};
use mailcrane_aws::DynamoTable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// The main table's name.
pub(crate) const MAIN: &str = "main";

/// The name of the table of secrets, which has no index.
pub(crate) const SECRETS: &str = "secrets";

/// Starts a DynamoDB with both tables, empty.
pub(crate) fn start() -> Server {
    start_behind(|_| None)
}

/// Starts a DynamoDB behind something that may give an answer of its own before the request arrives.
pub(crate) fn start_behind(before: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Server {
    let database = database();
    Server::start(move |request| before(request).unwrap_or_else(|| answer(&database, request)))
}

/// Starts a DynamoDB whose answers are not always given as they are.
pub(crate) fn start_with(after: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> Server {
    let database = database();
    Server::start(move |request| after(request, answer(&database, request)))
}

/// Returns the main table of a server.
pub(crate) fn main_table(server: &Server) -> DynamoTable {
    server.clients().table(MAIN)
}

/// Makes both tables, with the keys and the index of the template.
pub(crate) fn database() -> Database {
    let database = Database::memory().unwrap();
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let main = json!({
        "TableName": MAIN,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("sk"), attribute("due_shard"), attribute("due_at")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "due",
            "KeySchema": [key("due_shard", "HASH"), key("due_at", "RANGE")],
            "Projection": { "ProjectionType": "ALL" },
        }],
    });
    let secrets = json!({
        "TableName": SECRETS,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("sk")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
    });
    for table in [main, secrets] {
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
    }
    database
}

/// Does what a request asks for.
pub(crate) fn answer(database: &Database, request: &Request) -> Answer {
    let body = &request.body;
    let done = match request.operation() {
        "GetItem" => call(body, |r| database.get_item(r)),
        "PutItem" => call(body, |r| database.put_item(r)),
        "DeleteItem" => call(body, |r| database.delete_item(r)),
        "UpdateItem" => call(body, |r| database.update_item(r)),
        "Query" => call(body, |r| database.query(r)),
        "BatchWriteItem" => call(body, |r| database.batch_write_item(r)),
        "TransactWriteItems" => call(body, |r| database.transact_write_items(r)),
        other => panic!("the table asks for {other}, which the roles of the template do not permit"),
    };
    match done {
        Ok(body) => Answer::ok(body),
        Err(error) => Answer::Status(error.status_code(), error.to_json()),
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request = serde_json::from_slice(body).unwrap();
    operation(request).map(|answer| serde_json::to_string(&answer).unwrap())
}

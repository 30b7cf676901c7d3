//! The table against a DynamoDB, and when DynamoDB does not answer well.

use crate::dynamodb::{main_table, start, start_behind, start_with};
use crate::server::{Answer, Server};
use mailcrane_aws::SystemClock;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table, TableError, Write};
use mailcrane_testkit::conformance;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn item(sk: &str, version: u64) -> Item {
    let body = Body::Json(format!("{{\"version\":{version}}}"));
    Item { key: Key::new("M#0123456789", sk), version, body, due: None, expires: None }
}

fn put(sk: &str, version: u64, expect: Expect) -> Write {
    Write::Put(item(sk, version), expect)
}

/// Counts requests of an operation and gives the answer for the first of them.
fn once(operation: &'static str, answer: Answer) -> (Arc<AtomicUsize>, impl Fn(&str) -> Option<Answer>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let first = move |asked: &str| {
        let first = asked == operation && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| answer.clone())
    };
    (seen, first)
}

#[tokio::test]
async fn the_table_keeps_the_contract() {
    conformance::table::conformance(&main_table(&start()), &SystemClock, "dynamodb").await;
}

#[tokio::test]
async fn a_query_goes_on_where_a_page_of_a_megabyte_ends() {
    let table = main_table(&start());
    let large = |no: usize| Item { body: Body::Packed(vec![7; 300_000]), ..item(&format!("X#{no:04}"), 1) };
    table.put_all((0..10).map(large).collect()).await.unwrap();
    let (mut found, mut pages, mut after) = (0, 0, None::<String>);
    loop {
        let page = table.query("M#0123456789", "X#", after.as_deref(), 1000).await.unwrap();
        found += page.items.len();
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, 10);
    assert!(pages >= 3, "{pages} pages");
}

#[tokio::test]
async fn a_query_behind_a_key_outside_of_the_prefix_is_answered() {
    let table = main_table(&start());
    table.put_all(vec![item("A#1", 1), item("B#1", 1), item("B#2", 1)]).await.unwrap();
    let keys = async |after: &str| {
        let page = table.query("M#0123456789", "B#", Some(after), 10).await.unwrap();
        page.items.into_iter().map(|item| item.key.sk).collect::<Vec<_>>()
    };
    assert_eq!(keys("A#9").await, ["B#1", "B#2"]);
    assert_eq!(keys("B#1").await, ["B#2"]);
    assert_eq!(keys("C").await, [""; 0]);
}

#[tokio::test]
async fn more_is_due_than_one_page_of_the_index_holds() {
    let table = main_table(&start());
    let due = |no: i64| Item {
        body: Body::Packed(vec![7; 200_000]),
        due: Some(jiff::Timestamp::from_second(1000 + no).unwrap()),
        ..item(&format!("X#{no:04}"), 1)
    };
    table.put_all((0..60).map(due).collect()).await.unwrap();
    let until = jiff::Timestamp::from_second(5000).unwrap();
    let keys = async |limit| {
        let keys = table.due(until, limit).await.unwrap();
        keys.into_iter().map(|key| key.sk).collect::<Vec<_>>()
    };
    let all: Vec<String> = (0..60).map(|no| format!("X#{no:04}")).collect();
    assert_eq!(keys(1000).await, all);
    assert_eq!(keys(7).await, all[..7]);
    assert_eq!(keys(0).await, [""; 0]);
}

#[tokio::test]
async fn a_counter_reads_as_an_item() {
    let table = main_table(&start());
    let key = Key::new("RATE#host", "2026-11-23T12");
    table.add(&key, 3, None).await.unwrap();
    table.add(&key, 4, Some(jiff::Timestamp::from_second(2_000_000_000).unwrap())).await.unwrap();
    let read = table.get(&key).await.unwrap().unwrap();
    assert_eq!((read.body, read.version), (Body::Json("7".to_owned()), 2));
    assert_eq!(read.expires.map(jiff::Timestamp::as_second), Some(2_000_000_000));
    assert_eq!(table.query("RATE#host", "", None, 10).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn throttling_and_conflicts_of_transactions_are_waited_out() {
    let cancelled = |reason: &str| {
        let reasons = json!([{ "Code": "None" }, { "Code": reason, "Message": "m" }]);
        let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled", "CancellationReasons": reasons });
        Answer::Status(400, body.to_string())
    };
    for trouble in [
        cancelled("TransactionConflict"),
        cancelled("ThrottlingError"),
        Answer::error(400, "TransactionInProgressException"),
        Answer::error(400, "ThrottlingException"),
        Answer::error(400, "ProvisionedThroughputExceededException"),
        Answer::error(500, "InternalServerError"),
        Answer::Status(503, String::new()),
        Answer::Hangup,
    ] {
        let (seen, first) = once("TransactWriteItems", trouble);
        let server = start_behind(move |request| first(request.operation()));
        let writes = vec![put("a", 1, Expect::Absent), put("b", 1, Expect::Absent)];
        main_table(&server).transact("token", writes).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        let tokens: Vec<_> =
            server.requests().iter().map(|request| request.json()["ClientRequestToken"].clone()).collect();
        assert_eq!(tokens, ["token", "token"]);
    }
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_made_once() {
    let (_, first) = once("TransactWriteItems", Answer::Hangup);
    let server = start_with(move |request, answer| first(request.operation()).unwrap_or(answer));
    let table = main_table(&server);
    table.transact(&"long ".repeat(20), vec![put("a", 1, Expect::Absent)]).await.unwrap();
    assert_eq!(table.get(&item("a", 1).key).await.unwrap(), Some(item("a", 1)));
    assert!(server.requests()[0].json()["ClientRequestToken"].as_str().unwrap().len() == 36);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_never_called_a_conflict() {
    let (_, first) = once("PutItem", Answer::Hangup);
    let server = start_with(move |request, answer| first(request.operation()).unwrap_or(answer));
    let table = main_table(&server);
    let written = table.write(put("a", 1, Expect::Absent)).await;
    assert!(matches!(written, Err(TableError::Unknown(_))), "{written:?}");
    assert_eq!(table.get(&item("a", 1).key).await.unwrap(), Some(item("a", 1)));
}

#[tokio::test]
async fn a_write_that_never_arrived_is_made_by_the_next_try() {
    for operation in ["PutItem", "DeleteItem"] {
        let (seen, first) = once(operation, Answer::Hangup);
        let server = start_behind(move |request| first(request.operation()));
        let table = main_table(&server);
        table.write(put("a", 1, Expect::Absent)).await.unwrap();
        table.write(Write::Delete(item("a", 1).key, Expect::Version(1))).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        assert_eq!(table.get(&item("a", 1).key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_counter_is_not_added_to_twice_when_an_answer_is_lost() {
    let (seen, first) = once("UpdateItem", Answer::Hangup);
    let server = start_with(move |request, answer| first(request.operation()).unwrap_or(answer));
    let table = main_table(&server);
    let key = Key::new("RATE#host", "now");
    assert!(matches!(table.add(&key, 1, None).await, Err(TableError::Unknown(_))));
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(table.add(&key, 1, None).await.unwrap(), 2);
}

#[tokio::test]
async fn a_throttled_counter_is_added_to_once() {
    let (_, first) = once("UpdateItem", Answer::error(400, "ThrottlingException"));
    let server = start_behind(move |request| first(request.operation()));
    assert_eq!(main_table(&server).add(&Key::new("RATE#host", "now"), 1, None).await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_batch_did_not_take_is_sent_again_alone() {
    let taken = json!({ "UnprocessedItems": { "main": [
        { "PutRequest": { "Item": { "pk": { "S": "M#0123456789" }, "sk": { "S": "a" } } } },
    ] } });
    let server = Server::giving(vec![Answer::ok(taken), Answer::ok(json!({ "UnprocessedItems": {} }))]);
    main_table(&server).put_all(vec![item("a", 1), item("b", 1)]).await.unwrap();
    let sizes: Vec<usize> = server
        .requests()
        .iter()
        .map(|request| request.json()["RequestItems"]["main"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2, 1]);
}

#[tokio::test]
async fn a_table_that_the_role_may_not_use_refuses_at_once() {
    let server = Server::giving(vec![Answer::error(400, "AccessDeniedException")]);
    let read = main_table(&server).get(&Key::new("a", "b")).await;
    assert!(matches!(read, Err(TableError::Refused(_))), "{read:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_table_that_never_answers_is_given_up_after_some_seconds() {
    let server = Server::giving(vec![Answer::Hangup]);
    let begun = std::time::Instant::now();
    let read = main_table(&server).get(&Key::new("a", "b")).await;
    assert!(matches!(read, Err(TableError::Unknown(_))), "{read:?}");
    assert!((5..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_empty_check_of_a_transaction_is_left_out() {
    let server = start();
    let table = main_table(&server);
    let check = Write::Check(item("a", 1).key, Expect::Anything);
    table.transact("one", vec![check.clone()]).await.unwrap();
    table.transact("two", vec![check, put("b", 1, Expect::Absent)]).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(table.get(&item("b", 1).key).await.unwrap(), Some(item("b", 1)));
}

//! What goes into the queues.

use crate::server::{Answer, Server};
use mailcrane_aws::{QueueUrls, SqsQueues};
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::{AccountNo, Generation, LaneNo, MigrationId, PassNo};
use mailcrane_core::ports::queue::Queues;
use mailcrane_core::token::{ContinuationToken, LaneKind, MailEvent, Reason, Task};
use serde_json::{Value, json};
use std::time::Duration;

fn queues(server: &Server) -> SqsQueues {
    let url = |name: &str| format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
    let urls =
        QueueUrls { check: url("check"), analyze: url("analyze"), migrate: url("migrate"), notify: url("notify") };
    server.clients().queues(urls)
}

fn migration() -> MigrationId {
    MigrationId::new("0123456789abcdef").unwrap()
}

fn token(kind: LaneKind) -> ContinuationToken {
    ContinuationToken {
        v: 1,
        kind,
        migration: migration(),
        account: AccountNo(17),
        pass: PassNo(1),
        lane: LaneNo(2),
        generation: Generation(5),
        hop: 4,
        reason: Reason::Time,
        not_before: None,
    }
}

fn checks(count: u32) -> Vec<Task> {
    (0..count).map(|no| Task::Check { v: 1, migration: migration(), account: AccountNo(no) }).collect()
}

/// Takes every message of a batch, except those whose ids are named.
fn batch_answer(body: &Value, failed: &[&str], sender_fault: bool) -> Answer {
    let ids: Vec<&str> = body["Entries"].as_array().unwrap().iter().map(|e| e["Id"].as_str().unwrap()).collect();
    let (bad, good): (Vec<&str>, Vec<&str>) = ids.into_iter().partition(|id| failed.contains(id));
    Answer::ok(json!({
        "Successful": good.iter().map(|id| json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": "x"})).collect::<Vec<_>>(),
        "Failed": bad.iter().map(|id| json!({"Id": id, "SenderFault": sender_fault, "Code": "InternalError"})).collect::<Vec<_>>(),
    }))
}

#[tokio::test]
async fn a_continuation_is_one_json_document_in_the_queue_of_its_kind() {
    let server = Server::giving(vec![Answer::ok(json!({ "MessageId": "m" }))]);
    let queues = queues(&server);
    queues.continue_lane(&token(LaneKind::Copy), Duration::from_millis(1500)).await.unwrap();
    assert_eq!(
        server.requests()[0].json(),
        json!({
            "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/migrate",
            "MessageBody": r#"{"v":1,"kind":"copy","migration":"0123456789abcdef","account":17,"pass":1,"lane":2,"generation":5,"hop":4,"reason":"time"}"#,
            "DelaySeconds": 2,
        })
    );
    assert_eq!(server.requests()[0].operation(), "SendMessage");
}

#[tokio::test]
async fn only_lanes_that_analyze_go_to_the_analyze_queue() {
    use LaneKind::{Analyze, Copy, Export, Plan, Undo, Verify};
    let server = Server::giving(vec![Answer::ok(json!({ "MessageId": "m" }))]);
    let queues = queues(&server);
    for kind in [Analyze, Plan, Copy, Verify, Undo, Export] {
        queues.continue_lane(&token(kind), Duration::ZERO).await.unwrap();
    }
    let urls: Vec<String> = server.requests().iter().map(|request| request.json()["QueueUrl"].to_string()).collect();
    let ends: Vec<&str> = urls.iter().map(|url| url.rsplit('/').next().unwrap()).collect();
    assert_eq!(ends, ["analyze\"", "migrate\"", "migrate\"", "migrate\"", "migrate\"", "migrate\""]);
}

#[tokio::test]
async fn tasks_travel_ten_at_a_time_to_the_queues_of_their_functions() {
    let server = Server::start(|request| batch_answer(&request.json(), &[], false));
    let queues = queues(&server);
    let mut tasks = checks(12);
    tasks.push(Task::CheckAll { v: 1, migration: migration(), from: AccountNo(250) });
    tasks.push(Task::Notify {
        v: 1,
        migration: migration(),
        event: MailEvent::Ended,
        pass: PassNo(2),
        detail: String::new(),
    });
    queues.send(&tasks, Duration::from_hours(1)).await.unwrap();
    let sent: Vec<(String, Vec<Value>)> = server
        .requests()
        .iter()
        .map(|request| {
            let body = request.json();
            (body["QueueUrl"].as_str().unwrap().to_owned(), body["Entries"].as_array().unwrap().clone())
        })
        .collect();
    let sizes: Vec<(&str, usize)> =
        sent.iter().map(|(url, entries)| (url.rsplit('/').next().unwrap(), entries.len())).collect();
    assert_eq!(sizes, [("check", 10), ("check", 3), ("notify", 1)]);
    let bodies: Vec<&str> =
        sent.iter().flat_map(|(_, entries)| entries).map(|e| e["MessageBody"].as_str().unwrap()).collect();
    assert_eq!(bodies[11], r#"{"task":"check","v":1,"migration":"0123456789abcdef","account":11}"#);
    assert_eq!(bodies[12], r#"{"task":"check_all","v":1,"migration":"0123456789abcdef","from":250}"#);
    assert_eq!(
        bodies[13],
        r#"{"task":"notify","v":1,"migration":"0123456789abcdef","event":"ended","pass":2,"detail":""}"#
    );
    assert!(sent.iter().flat_map(|(_, entries)| entries).all(|entry| entry["DelaySeconds"] == 900));
}

#[tokio::test]
async fn what_the_queue_did_not_take_is_sent_again_alone() {
    let server = Server::start(|request| {
        let body = request.json();
        let all = body["Entries"].as_array().unwrap().len() == 3;
        batch_answer(&body, if all { &["1"] } else { &[] }, false)
    });
    queues(&server).send(&checks(3), Duration::ZERO).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let again = requests[1].json();
    assert_eq!(again["Entries"].as_array().unwrap().len(), 1);
    assert_eq!(
        again["Entries"][0]["MessageBody"],
        r#"{"task":"check","v":1,"migration":"0123456789abcdef","account":1}"#
    );
}

#[tokio::test]
async fn a_task_that_is_never_taken_is_a_fault_that_may_pass() {
    let server = Server::start(|request| batch_answer(&request.json(), &["0"], false));
    let fault = queues(&server).send(&checks(1), Duration::ZERO).await.unwrap_err();
    assert_eq!(fault.code, "queue.unavailable");
    assert!(matches!(fault.remedy, Remedy::RetryAfter(_)));
}

#[tokio::test]
async fn a_task_that_the_queue_refuses_is_not_sent_again() {
    let server = Server::start(|request| batch_answer(&request.json(), &["0"], true));
    let fault = queues(&server).send(&checks(1), Duration::ZERO).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("queue.refused", Remedy::GiveUp));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_role_without_permission_is_told_as_such() {
    let server = Server::giving(vec![Answer::error(400, "AccessDeniedException")]);
    let fault = queues(&server).continue_lane(&token(LaneKind::Copy), Duration::ZERO).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("queue.not_permitted", Remedy::GiveUp));
}

#[tokio::test]
async fn nothing_to_send_asks_nothing() {
    let server = Server::giving(vec![Answer::error(500, "InternalError")]);
    queues(&server).send(&[], Duration::ZERO).await.unwrap();
    assert!(server.requests().is_empty());
}

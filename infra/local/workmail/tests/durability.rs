//! The store survives SIGKILL, does not slow down, and can be read without a server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

mod harness;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{ANNA, StandIn, by_key, create, find};
use serde_json::{Value, json};

fn start(data: &Path, seed: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_workmail"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .arg("--seed")
        .arg(seed)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("workmail ready ").unwrap_or_else(|| panic!("{line}")).to_owned();
    (child, url)
}

async fn post(url: &str, body: String) -> reqwest::Result<String> {
    let request = reqwest::Client::new()
        .post(format!("{url}/EWS/Exchange.asmx"))
        .header("authorization", harness::basic(ANNA, harness::PASSWORD));
    request.body(harness::envelope("Exchange2010_SP2", "", &body)).send().await?.text().await
}

fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_workmail")).args(arguments).output().unwrap();
    (
        output.status.success(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

#[tokio::test]
async fn what_was_answered_is_there_after_sigkill() {
    let folder = harness::fresh_folder();
    std::fs::create_dir_all(&folder).unwrap();
    let (data, seed) = (folder.join("data"), folder.join("seed.json"));
    std::fs::write(&seed, harness::seed().to_string()).unwrap();
    let (mut child, url) = start(&data, &seed);
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let writer = tokio::spawn(async move {
        while let Ok(answer) = post(&url, create(10)).await {
            counting.fetch_add(answer.matches("NoError").count(), Ordering::SeqCst);
        }
    });
    harness::eventually("twenty batches", async || count.load(Ordering::SeqCst) >= 200).await;
    child.kill().unwrap();
    child.wait().unwrap();
    writer.await.unwrap();
    let answered = count.load(Ordering::SeqCst);
    let (mut child, url) = start(&data, &seed);
    let rows: Value = reqwest::get(format!("{url}/_workmail/mailboxes"))
        .await
        .unwrap()
        .text()
        .await
        .map(|t| serde_json::from_str(&t).unwrap())
        .unwrap();
    let items = rows.as_array().unwrap().iter().find(|r| r["mailbox"] == ANNA).unwrap()["items"].as_u64().unwrap();
    // One batch may have been stored whose answer was lost, never a part of one.
    assert!(
        items >= answered as u64 && items <= answered as u64 + 10 && items % 10 == 0,
        "{items} stored, {answered} answered"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let (well, listed) = run(&["list", "--data", data.to_str().unwrap()]);
    assert!(well && listed.contains(&format!("{ANNA}: {items} items")), "{listed}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_items_do_not_slow_a_mailbox() {
    let server = StandIn::start().await;
    let many = |count: usize| create(count);
    // The quickest of ten: what else the machine does must not count.
    let time = async |operation: String| {
        let mut quickest = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            assert!(!server.ews(ANNA, &operation).await.text.contains("ResponseClass=\"Error\""));
            quickest = quickest.min(start.elapsed());
        }
        quickest
    };
    let view = |offset: usize| {
        format!("<m:IndexedPageItemView MaxEntriesReturned=\"500\" Offset=\"{offset}\" BasePoint=\"Beginning\"/>")
    };
    server.control("POST", "mailboxes/anna@example.org/fill", json!({"count": 1000, "bytes": 400})).await;
    let storing = (time(many(20)).await, "CreateItem of 20");
    let searching = (time(find("", &by_key("key:0007"))).await, "FindItem by key");
    let listing = (time(find(harness::KEY, &view(500))).await, "a page");
    server.control("POST", "mailboxes/anna@example.org/fill", json!({"count": 99_000, "bytes": 400})).await;
    let after = [
        time(many(20)).await,
        time(find("", &by_key("key:0007"))).await,
        time(find(harness::KEY, &view(99_000))).await,
    ];
    for ((before, what), after) in [storing, searching, listing].into_iter().zip(after) {
        eprintln!("{what}: {before:?} at 1,000 items, {after:?} at 100,000");
        assert!(after < before * 3 + Duration::from_millis(60), "{what}: {before:?} before, {after:?} after");
    }
    assert!(after[0] < Duration::from_millis(20), "a batch of 20 takes {:?}", after[0]);
}

#[tokio::test]
async fn a_mailbox_is_exported_as_maildir_with_flags_dates_and_content() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(3)).await;
    let (data, to) = (server.folder.to_str().unwrap().to_owned(), server.folder.join("export"));
    let (well, text) = run(&["export", "--data", &data, "--mailbox", ANNA, "--to", to.to_str().unwrap()]);
    assert!(well && text.starts_with("3 messages in "), "{text}");
    let mut files: Vec<_> = std::fs::read_dir(to.join("cur")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3);
    assert!(files[0].to_str().unwrap().ends_with(":2,S"), "{files:?}");
    assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), harness::mime(0));
    let age = std::fs::metadata(&files[0]).unwrap().modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(age.as_secs(), 883_645_205);
    assert!(to.join(".Sent Items/cur").is_dir());
    let (again, text) = run(&["export", "--data", &data, "--mailbox", ANNA, "--to", to.to_str().unwrap()]);
    assert!(!again && text.contains("cannot write to"), "{text}");
    let (nobody, text) = run(&["export", "--data", &data, "--mailbox", "x@example.org", "--to", "/tmp/never"]);
    assert!(!nobody && text.contains("no mailbox x@example.org"), "{text}");
}

#[tokio::test]
async fn every_exchange_is_recorded_and_what_is_wrong_on_purpose_lies_apart() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(1)).await;
    server.ews(ANNA, "<m:Nonsense/>").await;
    server.rule(json!({"level": "item", "code": "ErrorMoonPhase", "count": 1})).await;
    server.ews(ANNA, &create(1)).await;
    let names = |part: &str| {
        let folder = server.folder.join("record").join(part);
        let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap());
        let mut names: Vec<_> = files
            .filter(|f| f.file_type().unwrap().is_file())
            .map(|f| f.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(""), ["000001-request.xml", "000001-response.xml"]);
    assert_eq!(names("refused"), ["000002-request.xml", "000002-response.xml"]);
    assert_eq!(names("deliberate"), ["000003-request.xml", "000003-response.xml"]);
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let folder = harness::fresh_folder();
    let (well, text) = run(&["--listen", "0.0.0.0:0", "--data", folder.to_str().unwrap()]);
    assert!(!well && text.contains("not a loopback address"), "{text}");
    let _ = std::fs::remove_dir_all(folder);
}

//! Each knob and each rule shows its effect at the stand-in itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use std::time::{Duration, Instant};

use base64::Engine;
use harness::{ANNA, BEN, StandIn, by_key, create, eventually, find, folder_of, get};
use serde_json::json;

fn paged(size: usize, offset: usize) -> String {
    format!("<m:IndexedPageItemView MaxEntriesReturned=\"{size}\" Offset=\"{offset}\" BasePoint=\"Beginning\"/>")
}

#[tokio::test]
async fn latency_and_service_time_per_item_add_up() {
    let server = StandIn::start().await;
    server.knobs(json!({"latency_ms": 300, "item_ms": 20})).await;
    let start = Instant::now();
    assert_eq!(server.ews(ANNA, &create(10)).await.plain_codes(), ["NoError"; 10]);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    server.knobs(json!({"latency_ms": null, "item_ms": null})).await;
    let start = Instant::now();
    server.ews(ANNA, &create(10)).await;
    assert!(start.elapsed() < Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_knob_of_one_mailbox_leaves_the_others_alone() {
    let server = StandIn::start().await;
    server.control("PUT", "knobs/anna@example.org", json!({"drop_properties": ["0x0E07"]})).await;
    server.ews(ANNA, &create(1)).await;
    server.ews(BEN, &create(1)).await;
    assert_eq!(
        (&server.items(ANNA).await[0]["draft"], &server.items(BEN).await[0]["draft"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn busy_items_carry_a_back_off_and_have_no_effect() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "item", "code": "ErrorServerBusy", "back_off_ms": 700, "count": 2})).await;
    let answer = server.ews(ANNA, &create(5)).await;
    assert_eq!(answer.plain_codes(), ["ErrorServerBusy", "ErrorServerBusy", "NoError", "NoError", "NoError"]);
    let told = answer
        .all("Value")
        .iter()
        .map(|v| (v.attribute("Name").unwrap().to_owned(), v.text.clone()))
        .collect::<Vec<_>>();
    assert_eq!(told, vec![("BackOffMilliseconds".to_owned(), "700".to_owned()); 2]);
    assert_eq!(server.items(ANNA).await.len(), 3);
    let log = server.log().await;
    assert_eq!((&log[0]["back_off_ms"], &log[0]["codes"]["ErrorServerBusy"]), (&json!(700), &json!(2)));
}

#[tokio::test]
async fn a_busy_fault_carries_a_back_off_and_the_log_tells_who_came_too_early() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "fault", "code": "ErrorServerBusy", "back_off_ms": 1000, "count": 1})).await;
    let answer = server.ews(ANNA, &create(1)).await;
    assert_eq!((answer.status, answer.fault().as_str()), (500, "ErrorServerBusy"));
    assert_eq!(answer.all("Value")[0].text, "1000");
    assert!(server.items(ANNA).await.is_empty());
    server.ews(ANNA, &create(1)).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.ews(ANNA, &create(1)).await;
    let early: Vec<i64> = server.log().await.iter().map(|e| e["early_ms"].as_i64().unwrap()).collect();
    assert!(early[0] == 0 && early[1] > 0 && early[2] == 0, "{early:?}");
}

#[tokio::test]
async fn any_code_can_be_told_for_an_item_a_batch_or_a_request() {
    let server = StandIn::start().await;
    for code in
        ["ErrorTimeoutExpired", "ErrorMailboxStoreUnavailable", "ErrorCorruptData", "ErrorItemSave", "ErrorMoonPhase"]
    {
        server.rule(json!({"level": "item", "code": code, "count": 1, "skip": 1})).await;
        assert_eq!(server.ews(ANNA, &create(3)).await.plain_codes(), ["NoError", code, "NoError"]);
        server.control("DELETE", "rules", json!(null)).await;
        server.rule(json!({"level": "batch", "code": code, "count": 1})).await;
        assert_eq!(server.ews(ANNA, &create(3)).await.plain_codes(), [code; 3]);
        server.rule(json!({"level": "fault", "code": code, "count": 1})).await;
        assert_eq!(server.ews(ANNA, &create(3)).await.fault(), code);
        server.control("DELETE", "rules", json!(null)).await;
    }
    assert_eq!(server.items(ANNA).await.len(), 10);
}

#[tokio::test]
async fn a_stopped_batch_says_what_was_not_tried() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "stop", "code": "ErrorInternalServerError", "skip": 2, "count": 1})).await;
    let codes = server.ews(ANNA, &create(5)).await.codes();
    let classes: Vec<&str> = codes.iter().map(|(class, _)| class.as_str()).collect();
    assert_eq!(classes, ["Success", "Success", "Error", "Warning", "Warning"]);
    assert_eq!((codes[2].1.as_str(), codes[3].1.as_str()), ("ErrorInternalServerError", "ErrorBatchProcessingStopped"));
    assert_eq!(server.items(ANNA).await.len(), 2);
}

#[tokio::test]
async fn an_error_may_be_told_although_the_effect_took_place() {
    let server = StandIn::start().await;
    for rule in [
        json!({"level": "item", "code": "ErrorTimeoutExpired", "effect": true}),
        json!({"level": "batch", "code": "ErrorTimeoutExpired", "effect": true}),
        json!({"level": "fault", "code": "ErrorTimeoutExpired", "effect": true}),
        json!({"level": "http", "status": 504, "effect": true}),
    ] {
        server.control("DELETE", "mailboxes/anna@example.org", json!(null)).await;
        server.rule(rule.clone()).await;
        let answer = server.ews(ANNA, &create(2)).await;
        assert!(!answer.text.contains("NoError"), "{rule}");
        assert_eq!(server.items(ANNA).await.len(), 2, "{rule}");
        server.control("DELETE", "rules", json!(null)).await;
    }
}

#[tokio::test]
async fn answers_without_soap_have_the_status_and_the_body_asked_for() {
    let server = StandIn::start().await;
    for (status, body, sign) in [
        (503, "html", "<!DOCTYPE html"),
        (502, "empty", ""),
        (200, "html", "<html"),
        (500, "text", "temporarily"),
        (200, "garbage", "Envelope"),
    ] {
        server.rule(json!({"level": "http", "status": status, "body": body, "retry_after_s": 7, "count": 1})).await;
        let answer = server.ews(ANNA, &create(1)).await;
        assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (status, "7"));
        assert!(answer.text.contains(sign) && (body != "empty" || answer.text.is_empty()), "{}", answer.text);
    }
    assert!(server.items(ANNA).await.is_empty());
    assert_eq!(server.log().await[0]["back_off_ms"], json!(7000));
}

#[tokio::test]
async fn a_401_in_the_middle_names_the_realm_and_then_all_is_well_again() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "http", "status": 401, "skip": 1, "count": 1})).await;
    assert_eq!(server.ews(ANNA, &create(1)).await.status, 200);
    let refused = server.ews(ANNA, &create(1)).await;
    assert_eq!((refused.status, refused.headers["www-authenticate"].to_str().unwrap()), (401, "Basic realm=\"EWS\""));
    assert_eq!(server.ews(ANNA, &create(1)).await.status, 200);
    assert_eq!(server.items(ANNA).await.len(), 2);
}

#[tokio::test]
async fn a_closed_connection_has_an_effect_or_none_as_asked_for() {
    let server = StandIn::start().await;
    for (when, stored) in [("unread", 0), ("before", 0), ("lost", 2), ("within", 2)] {
        server.control("DELETE", "mailboxes/anna@example.org", json!(null)).await;
        server.rule(json!({"level": "close", "when": when, "count": 1})).await;
        let result = server.try_ews(ANNA, &create(2)).await;
        assert!(result.is_err(), "{when}: an answer came");
        assert_eq!(server.items(ANNA).await.len(), stored, "{when}");
        assert_eq!(server.log().await.last().unwrap()["outcome"], format!("closed:{when}"));
        server.control("DELETE", "rules", json!(null)).await;
    }
}

#[tokio::test]
async fn half_an_answer_is_really_sent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = StandIn::start().await;
    server.rule(json!({"level": "close", "when": "within"})).await;
    let body = harness::envelope("Exchange2010_SP2", "", &create(2));
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n",
        harness::basic(ANNA, harness::PASSWORD),
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    let text = String::from_utf8_lossy(&received);
    assert!(text.contains("<soap:Envelope") && !text.contains("</soap:Envelope>"), "{text}");
}

#[tokio::test]
async fn a_connection_closed_after_the_answer_delivers_it_first() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = StandIn::start().await;
    server.rule(json!({"level": "close", "when": "after"})).await;
    let body = harness::envelope("Exchange2010_SP2", "", &create(1));
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n",
        harness::basic(ANNA, harness::PASSWORD),
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut received)).await;
    assert!(ended.is_ok(), "the connection stayed open");
    let text = String::from_utf8_lossy(&received).to_lowercase();
    assert!(text.contains("</soap:envelope>") && !text.contains("connection: close"), "{text}");
}

#[tokio::test]
async fn a_late_effect_lands_after_the_disconnect() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "late", "after_ms": 1500, "count": 1})).await;
    assert!(server.try_ews(ANNA, &create(2)).await.is_err());
    assert!(server.items(ANNA).await.is_empty());
    eventually("the late effect", async || server.items(ANNA).await.len() == 2).await;
    eventually("its log entry", async || server.log().await.len() == 2).await;
    let outcomes: Vec<_> = server.log().await.iter().map(|e| e["outcome"].as_str().unwrap().to_owned()).collect();
    assert_eq!(outcomes, ["late", "late:landed"]);
}

#[tokio::test]
async fn a_hanging_answer_outlives_a_client_that_does_not_wait() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "hang", "after_ms": 30_000, "count": 1})).await;
    let waited = tokio::time::timeout(Duration::from_millis(400), server.try_ews(ANNA, &create(2))).await;
    assert!(waited.is_err());
    eventually("the effect", async || server.items(ANNA).await.len() == 2).await;
}

#[tokio::test]
async fn what_a_client_began_goes_on_without_it() {
    let server = StandIn::start().await;
    server.knobs(json!({"latency_ms": 1500})).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), server.try_ews(ANNA, &create(2))).await.is_err());
    assert!(server.items(ANNA).await.is_empty());
    eventually("the effect", async || server.items(ANNA).await.len() == 2).await;
}

#[tokio::test]
async fn only_the_first_items_of_a_broken_batch_take_effect() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "partial", "items": 3, "count": 1})).await;
    assert!(server.try_ews(ANNA, &create(5)).await.is_err());
    assert_eq!(server.items(ANNA).await.len(), 3);
}

#[tokio::test]
async fn a_search_lags_behind_and_a_listing_does_not() {
    let server = StandIn::start().await;
    server.knobs(json!({"search_lag_ms": 1500})).await;
    server.ews(ANNA, &create(2)).await;
    assert_eq!(server.ews(ANNA, &find("", &by_key("key:0001"))).await.all("Message").len(), 0);
    assert_eq!(server.ews(ANNA, &find("", "")).await.all("Message").len(), 2);
    let search = find("", &by_key("key:0001"));
    eventually("the search", async || server.ews(ANNA, &search).await.all("Message").len() == 1).await;
    server.knobs(json!({"listing_lag_ms": 60_000})).await;
    assert_eq!(server.ews(ANNA, &find("", "")).await.all("Message").len(), 0);
}

#[tokio::test]
async fn rows_of_a_listing_are_repeated() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(20)).await;
    server.knobs(json!({"repeat_item_ids": 0.5})).await;
    let rows = server.ews(ANNA, &find("", &paged(100, 0))).await.all("ItemId");
    let mut ids: Vec<_> = rows.iter().map(|r| r.attribute("Id").unwrap().to_owned()).collect();
    assert!(ids.len() > 22 && ids.len() < 38, "{}", ids.len());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    server.knobs(json!({"repeat_item_ids": null})).await;
    server.rule(json!({"level": "duplicate", "operation": "FindItem"})).await;
    assert_eq!(server.ews(ANNA, &find("", &paged(100, 0))).await.all("ItemId").len(), 40);
}

#[tokio::test]
async fn a_doubled_store_leaves_two_items_of_one_key() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "duplicate", "operation": "CreateItem", "count": 1})).await;
    server.ews(ANNA, &create(1)).await;
    let rows = server.ews(ANNA, &find("", &by_key("key:0000"))).await.all("ItemId");
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].attribute("Id"), rows[1].attribute("Id"));
}

#[tokio::test]
async fn content_comes_back_rebuilt() {
    let server = StandIn::start().await;
    let created = server.ews(ANNA, &create(1)).await;
    let content = |answer: harness::Answer| {
        let text = answer.all("MimeContent")[0].text.clone();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
    };
    let wanted = get(&created.all("ItemId"), "<t:IncludeMimeContent>true</t:IncludeMimeContent>");
    assert_eq!(content(server.ews(ANNA, &wanted).await), harness::mime(0));
    server.knobs(json!({"rewrite_mime": true})).await;
    let rebuilt = content(server.ews(ANNA, &wanted).await);
    assert_ne!(rebuilt, harness::mime(0));
    assert!(rebuilt.contains("Message-ID: <0@example.org>") && rebuilt.starts_with("Received: "), "{rebuilt}");
}

#[tokio::test]
async fn properties_that_are_not_kept_do_not_come_back() {
    let server = StandIn::start().await;
    server.knobs(json!({"drop_properties": ["0x0E07", "0x0E06", "X-Mailcrane-Key", "IsRead", "Categories", "Importance", "0x0039"]})).await;
    server.ews(ANNA, &create(1)).await;
    let item = server.items(ANNA).await[0].clone();
    assert_eq!(
        (&item["draft"], &item["categories"], &item["importance"]),
        (&json!(true), &json!([]), &json!("Normal"))
    );
    assert_eq!(item["properties"], json!({}));
    assert!(item["received"].as_str().unwrap() > "2020");
    server.knobs(json!({"drop_properties": null})).await;
    server.ews(ANNA, &create(1)).await;
    let item = server.items(ANNA).await[1].clone();
    assert_eq!((&item["draft"], &item["received"]), (&json!(false), &json!("1998-01-01T09:00:05Z")));
    assert_eq!(item["properties"]["PublicStrings/X-Mailcrane-Key"], json!("key:0000"));
}

#[tokio::test]
async fn a_property_that_cannot_be_searched_finds_nothing_but_is_listed() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(2)).await;
    server.knobs(json!({"unsearchable": ["X-Mailcrane-Key"]})).await;
    assert_eq!(server.ews(ANNA, &find("", &by_key("key:0001"))).await.all("ItemId").len(), 0);
    assert_eq!(server.ews(ANNA, &find(harness::KEY, "")).await.all("ExtendedProperty").len(), 2);
}

#[tokio::test]
async fn answers_come_without_a_header_and_faults_with_another_status() {
    let server = StandIn::start().await;
    assert!(server.ews(ANNA, &folder_of(None, "inbox")).await.envelope().child("Header").is_some());
    server.knobs(json!({"no_headers": true, "fault_status": 200})).await;
    assert!(server.ews(ANNA, &folder_of(None, "inbox")).await.envelope().child("Header").is_none());
    let fault = server.ews(ANNA, "<m:Nonsense/>").await;
    assert_eq!((fault.status, fault.fault().as_str()), (200, "ErrorSchemaValidation"));
}

#[tokio::test]
async fn the_highest_level_can_be_lowered() {
    let server = StandIn::start().await;
    server.knobs(json!({"max_version": "Exchange2007_SP1"})).await;
    let answer = server.ews(ANNA, &folder_of(None, "inbox")).await;
    assert_eq!((answer.status, answer.fault().as_str()), (500, "ErrorInvalidServerVersion"));
    assert!(answer.envelope().child("Header").is_none());
    let auth = harness::basic(ANNA, harness::PASSWORD);
    assert_eq!(
        server.send(&auth, "Exchange2007_SP1", "", &folder_of(None, "inbox")).await.unwrap().plain_codes(),
        ["NoError"]
    );
}

#[tokio::test]
async fn too_many_requests_at_a_time_are_refused() {
    let server = StandIn::start().await;
    server.knobs(json!({"max_connections": 1, "latency_ms": 300})).await;
    let (one, other) = (folder_of(None, "inbox"), folder_of(None, "inbox"));
    let (first, second) = tokio::join!(server.ews(ANNA, &one), server.ews(ANNA, &other));
    let refused: Vec<u16> = [first.status, second.status].into_iter().filter(|s| *s == 500).collect();
    assert_eq!(refused.len(), 1);
    let fault = if first.status == 500 { first } else { second };
    assert_eq!(fault.fault(), "ErrorExceededConnectionCount");
}

#[tokio::test]
async fn thirty_percent_is_thirty_percent_and_repeats_with_the_seed() {
    let server = StandIn::start().await;
    server
        .rule(json!({"level": "item", "code": "ErrorServerBusy", "probability": 0.3, "operation": "CreateItem"}))
        .await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        server.knobs(json!({"seed": 42})).await;
        let mut codes = Vec::new();
        for _ in 0..10 {
            codes.extend(server.ews(ANNA, &create(20)).await.plain_codes());
        }
        let busy = codes.iter().filter(|c| *c == "ErrorServerBusy").count();
        assert!((40..80).contains(&busy), "{busy} of 200");
        runs.push(codes);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn jitter_makes_requests_wait_for_different_times() {
    let server = StandIn::start().await;
    server.knobs(json!({"latency_jitter_ms": 400, "seed": 3})).await;
    for _ in 0..6 {
        server.ews(ANNA, &folder_of(None, "inbox")).await;
    }
    let took: Vec<i64> =
        server.log().await.iter().map(|e| e["ended_ms"].as_i64().unwrap() - e["at_ms"].as_i64().unwrap()).collect();
    assert!(took.iter().max().unwrap() - took.iter().min().unwrap() > 60, "{took:?}");
}

#[tokio::test]
async fn a_hang_without_effect_ends_in_a_closed_connection() {
    let server = StandIn::start().await;
    server.rule(json!({"level": "hang", "after_ms": 100, "effect": false, "count": 1})).await;
    assert!(server.try_ews(ANNA, &create(1)).await.is_err());
    assert!(server.items(ANNA).await.is_empty());
    assert_eq!(server.log().await[0]["outcome"], json!("hang"));
}

#[tokio::test]
async fn message_flags_tell_of_attachments_unless_told_not_to() {
    let server = StandIn::start().await;
    let mime = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nx\r\n";
    let encoded = base64::engine::general_purpose::STANDARD.encode(mime);
    let flags = harness::tagged("0x0E07", "Integer", "1");
    let item = format!("<t:Message><t:MimeContent>{encoded}</t:MimeContent>{flags}</t:Message>");
    server.ews(ANNA, &harness::create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[item])).await;
    let asked = find("<t:ExtendedFieldURI PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/>", "");
    let shown = async || server.ews(ANNA, &asked).await.all("ExtendedProperty")[0].child("Value").unwrap().text.clone();
    assert_eq!(shown().await, "17");
    server.knobs(json!({"mime_attachment_flag": false})).await;
    assert_eq!(shown().await, "1");
}

#[tokio::test]
async fn putting_everything_back_ends_all_troubles_and_reset_forgets_all() {
    let server = StandIn::start().await;
    server.knobs(json!({"fault_status": 200})).await;
    server.rule(json!({"level": "fault", "code": "ErrorServerBusy"})).await;
    assert_eq!(server.ews(ANNA, &create(1)).await.status, 200);
    assert_eq!(server.control("GET", "rules", json!(null)).await[0]["applied"], json!(1));
    server.control("DELETE", "knobs", json!(null)).await;
    assert_eq!(server.ews(ANNA, &create(1)).await.plain_codes(), ["NoError"]);
    server.control("POST", "reset", json!(null)).await;
    assert_eq!(server.ews(ANNA, &create(1)).await.status, 401);
    server.control("POST", "seed", harness::seed()).await;
    assert_eq!(server.ews(ANNA, &folder_of(None, "inbox")).await.all("TotalCount")[0].text, "0");
}

//! What HTTP does to a request: answered, certainly not sent, or nobody knows.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mailcrane_core::Remedy;
use mailcrane_core::fault::Fault;
use mailcrane_core::ports::destination::{Destination, Stored};
use mailcrane_core::secret::Secret;
use mailcrane_ews::{Access, Settings, TokenSource, WorkMail};
use support::{Reply, Server, fault, inbox, items, open, opening, settings, user};

/// Stores one message into a server that answers `CreateItem` like this.
async fn stored_with(reply: Reply) -> Stored {
    let server = Server::start(move |r| if r.operation == "CreateItem" { reply.clone() } else { Reply::Well }).await;
    let short = Settings { request_limit: Duration::from_millis(600), ..settings() };
    let mailbox = WorkMail::open(opening(&server.url, user(), short)).await.expect("an open mailbox");
    mailbox.store(&inbox(), &items(1)).await.remove(0)
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_item_in_doubt() {
    let garbage = [String::new(), "<!DOCTYPE html><html>hello</html>".into(), "OK".into(), "<s:Envelope".into()];
    for body in garbage {
        let stored = stored_with(Reply::Http(200, "", body.clone())).await;
        let Stored::Unknown(fault) = stored else { panic!("{body:?}: {stored:?}") };
        assert_eq!(fault.code, "destination.no_answer");
    }
}

#[tokio::test]
async fn a_cut_connection_and_a_silent_server_leave_the_item_in_doubt() {
    for reply in [Reply::Cut, Reply::Hang] {
        let stored = stored_with(reply.clone()).await;
        assert!(matches!(stored, Stored::Unknown(_)), "{reply:?}: {stored:?}");
    }
}

#[tokio::test]
async fn http_says_whether_trouble_passes() {
    for status in [408, 429, 502, 503, 504, 500] {
        let stored = stored_with(Reply::Http(status, "Retry-After: 17\r\n", "<html>no</html>".into())).await;
        let Stored::Unknown(fault) = stored else { panic!("{status}: {stored:?}") };
        assert_eq!(fault.remedy, Remedy::RetryAfter(Duration::from_secs(17)), "{status}");
    }
    for (status, code) in [(401, "wrong_password"), (403, "no_permission"), (404, "no_ews"), (302, "no_ews")] {
        let stored = stored_with(Reply::Http(status, "", String::new())).await;
        let Stored::NotTried(fault) = stored else { panic!("{status}: {stored:?}") };
        assert_eq!(
            (fault.code.as_ref(), fault.remedy),
            (format!("destination.{code}").as_str(), Remedy::GiveUp),
            "{status}"
        );
    }
    let stored = stored_with(Reply::Http(413, "", String::new())).await;
    assert!(matches!(&stored, Stored::Refused(f) if f.code == "destination.too_large"), "{stored:?}");
}

#[tokio::test]
async fn a_refused_connection_is_certain_to_have_had_no_effect() {
    let server = Server::start(|_| Reply::Well).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let fault =
        WorkMail::open(opening(&format!("http://{free}/"), user(), settings())).await.expect_err("nobody listens");
    assert_eq!(
        (fault.code.as_ref(), fault.remedy),
        ("destination.unreachable", Remedy::RetryAfter(Duration::from_secs(1)))
    );
    drop(server);
}

#[tokio::test]
async fn requests_carry_length_type_anchor_credentials_and_the_cookies_of_the_mailbox() {
    let server = Server::start(|r| match r.operation.as_str() {
        "GetFolder" if r.nth == 0 => Reply::Http(401, "Set-Cookie: session=abc; path=/\r\n", String::new()),
        _ => Reply::Well,
    })
    .await;
    let fault = WorkMail::open(opening(&server.url, user(), settings())).await.expect_err("401");
    assert_eq!(fault.code, "destination.wrong_password");
    let server = Server::start(|r| match r.operation.as_str() {
        "GetFolder" => Reply::Http(200, "Set-Cookie: session=abc; path=/\r\n", String::new()),
        _ => Reply::Well,
    })
    .await;
    assert!(WorkMail::open(opening(&server.url, user(), settings())).await.is_err());
    let first = &server.log("GetFolder")[0];
    assert_eq!(first.headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(first.headers["x-anchormailbox"], "anna@example.org");
    assert_eq!(first.headers["authorization"], "Basic YW5uYUBleGFtcGxlLm9yZzpnZWhlaW0=");
    assert_eq!(first.headers["content-length"], first.body.len().to_string());
    assert!(!first.headers.contains_key("transfer-encoding") && !first.headers.contains_key("cookie"));
}

#[tokio::test]
async fn one_connection_and_its_cookie_serve_many_requests() {
    let server = Server::start(|r| match (r.operation.as_str(), r.nth) {
        ("CreateItem", 0) => Reply::Http(503, "Set-Cookie: session=abc; path=/\r\n", String::new()),
        _ => Reply::Well,
    })
    .await;
    let mailbox = open(&server).await;
    for _ in 0..4 {
        mailbox.store(&inbox(), &items(1)).await;
    }
    let cookies: Vec<_> = server.log("CreateItem").iter().map(|r| r.headers.get("cookie").cloned()).collect();
    assert_eq!(cookies, [None, Some("session=abc".into()), Some("session=abc".into()), Some("session=abc".into())]);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

fn tokens() -> (Access, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    let token: TokenSource = Arc::new(move || {
        let n = counter.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(Secret::new(format!("token-{n}"))) })
    });
    (Access::Impersonation { token, mailbox: "anna@example.org".into() }, count)
}

#[tokio::test]
async fn a_token_refused_in_the_middle_is_replaced_once() {
    let server = Server::start(|r| match r.headers.get("authorization").map(String::as_str) {
        Some("Bearer token-0") if r.operation == "CreateItem" => Reply::Http(401, "", String::new()),
        _ => Reply::Well,
    })
    .await;
    let (access, count) = tokens();
    let mailbox = WorkMail::open(opening(&server.url, access, settings())).await.expect("an open mailbox");
    let stored = mailbox.store(&inbox(), &items(1)).await;
    assert!(matches!(stored[0], Stored::Created(_)), "{stored:?}");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let body = &server.log("CreateItem")[0].body;
    assert!(body.contains("<t:PrimarySmtpAddress>anna@example.org</t:PrimarySmtpAddress>"), "{body}");
}

#[tokio::test]
async fn a_second_token_refused_ends_the_account() {
    let server = Server::start(|_| Reply::Http(401, "", String::new())).await;
    let (access, count) = tokens();
    let fault = WorkMail::open(opening(&server.url, access, settings())).await.expect_err("always 401");
    assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.no_permission", Remedy::GiveUp));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_the_fault_of_the_token() {
    let server = Server::start(|_| Reply::Well).await;
    let token: TokenSource =
        Arc::new(|| Box::pin(async { Err(Fault::give_up("destination.role_gone", "The role is gone")) }));
    let access = Access::Impersonation { token, mailbox: "anna@example.org".into() };
    let fault = WorkMail::open(opening(&server.url, access, settings())).await.expect_err("no token");
    assert_eq!(fault.code, "destination.role_gone");
    assert!(server.log("GetFolder").is_empty());
}

#[tokio::test]
async fn the_version_ladder_is_gone_down_once_and_remembered() {
    let server = Server::start(|r| {
        if r.body.contains("Exchange2007_SP1") {
            Reply::Well
        } else {
            Reply::Http(500, "", fault("ErrorInvalidServerVersion"))
        }
    })
    .await;
    let mailbox = open(&server).await;
    assert_eq!(server.log("GetFolder").len(), 3);
    mailbox.store(&inbox(), &items(1)).await;
    assert_eq!(server.log("CreateItem").len(), 1, "the accepted version is used from then on");
}

#[tokio::test]
async fn a_server_that_takes_no_version_says_so() {
    let server = Server::start(|_| Reply::Http(500, "", fault("ErrorInvalidServerVersion"))).await;
    let fault = WorkMail::open(opening(&server.url, user(), settings())).await.expect_err("no version");
    assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.version", Remedy::GiveUp));
    assert_eq!(server.log("GetFolder").len(), 3);
}

#[tokio::test]
async fn a_fresh_permission_is_waited_for_and_an_old_one_is_not() {
    let server = Server::start(|_| Reply::Http(500, "", fault("ErrorAccessDenied"))).await;
    let until = |text: &str| text.parse().ok();
    for (spreads, code) in
        [(until("2999-01-01T00:00:00Z"), "permission_spreads"), (until("2001-01-01T00:00:00Z"), "no_permission")]
    {
        let settings = Settings { permission_spreads_until: spreads, ..settings() };
        let fault = WorkMail::open(opening(&server.url, user(), settings)).await.expect_err("denied");
        assert_eq!(fault.code, format!("destination.{code}"));
        assert_eq!(fault.remedy == Remedy::GiveUp, code == "no_permission");
    }
}

#[tokio::test]
async fn no_call_takes_longer_than_its_limit() {
    let server = Server::start(|r| if r.operation == "CreateItem" { Reply::Hang } else { Reply::Well }).await;
    let short = Settings { request_limit: Duration::from_millis(400), ..settings() };
    let mailbox = WorkMail::open(opening(&server.url, user(), short)).await.expect("an open mailbox");
    let began = std::time::Instant::now();
    let stored = mailbox.store(&inbox(), &items(45)).await;
    assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
    assert_eq!(stored.len(), 45);
    assert!(matches!(stored[0], Stored::Unknown(_)) && matches!(stored[44], Stored::NotTried(_)), "{stored:?}");
}

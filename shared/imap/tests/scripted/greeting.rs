//! What servers do before anybody signs in.

use crate::server::{Server, password};
use mailcrane_core::ports::source::{Security, Source as _};

async fn greeted(security: Security, script: &str) -> String {
    let server = Server::with_security(&[script], security);
    let outcome = server.open_as(&password()).await;
    let code = match &outcome {
        Ok(_) => "in".to_owned(),
        Err(fault) => fault.code.to_string(),
    };
    drop(outcome);
    server.finished().await;
    code
}

#[tokio::test]
async fn a_greeting_of_preauth_needs_no_sign_in() {
    let server = Server::new(&[
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello anna\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1\ndone\nexamine 0",
    ]);
    let (session, examined) = server.open_inbox().await;
    assert_eq!(examined.exists, 0);
    drop(session);
    server.finished().await;
}

#[tokio::test]
async fn a_greeting_of_bye_is_told_apart_by_its_words() {
    for (bye, code) in [
        ("Too many connections from your address", "source.too_many_connections"),
        ("[UNAVAILABLE] maintenance", "source.busy"),
        ("go away", "source.connection_lost"),
    ] {
        assert_eq!(greeted(Security::None, &format!("S: * BYE {bye}\nclose")).await, code, "{bye}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_imap_server_is_named_so() {
    assert_eq!(greeted(Security::None, "S: 220 mail.example.org ESMTP\nhang").await, "source.protocol");
    assert_eq!(greeted(Security::None, "S: +OK POP3 ready\nhang").await, "source.protocol");
}

#[tokio::test]
async fn a_server_that_never_greets_is_left() {
    assert_eq!(greeted(Security::None, "hang").await, "source.silent");
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_lost() {
    assert_eq!(greeted(Security::None, "close").await, "source.connection_lost");
}

#[tokio::test]
async fn starttls_is_asked_for_even_if_its_announcement_was_stripped() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\nC: STARTTLS\nS: {tag} BAD unknown command";
    assert_eq!(greeted(Security::Starttls, script).await, "source.no_tls");
}

#[tokio::test]
async fn preauth_before_starttls_is_refused_since_it_would_keep_us_unprotected() {
    assert_eq!(greeted(Security::Starttls, "S: * PREAUTH welcome\nhang").await, "source.no_tls");
}

#[tokio::test]
async fn commands_injected_behind_the_ok_of_starttls_end_the_session() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] x\nC: STARTTLS\nR: {tag} OK begin\\r\\n* CAPABILITY IMAP4rev1 EVIL\\r\\n\nhang";
    assert_eq!(greeted(Security::Starttls, script).await, "source.protocol");
}

#[tokio::test]
async fn a_server_that_says_ok_to_starttls_and_speaks_no_tls_gets_no_password() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] x\nC: STARTTLS\nS: {tag} OK begin\nwait\nS: * OK no TLS here\nhang";
    assert_eq!(greeted(Security::Starttls, script).await, "source.no_tls");
}

#[tokio::test]
async fn a_server_that_speaks_plain_imap_on_the_tls_port_gets_no_password() {
    assert_eq!(greeted(Security::Tls, "S: * OK [CAPABILITY IMAP4rev1] x\nhang").await, "source.no_tls");
}

#[tokio::test]
async fn a_capability_command_that_is_refused_is_no_obstacle() {
    let script =
        "S: * OK hello\nC: CAPABILITY\nS: {tag} BAD no\nC: LOGIN *\nS: {tag} OK in\nC: CAPABILITY\nS: {tag} BAD no";
    assert_eq!(greeted(Security::None, script).await, "in");
}

#[tokio::test]
async fn closing_says_logout_and_waits_for_the_bye() {
    let server = Server::new(&["login\nC: LOGOUT\nS: * BYE see you\ndone"]);
    server.open().await.unwrap().close().await;
    server.finished().await;
}

#[tokio::test]
async fn a_server_that_never_answers_logout_does_not_hold_us() {
    let server = Server::new(&["login\nC: LOGOUT\nhang"]);
    server.open().await.unwrap().close().await;
    server.finished().await;
}

//! What servers do when somebody signs in.

use crate::server::{Server, password};
use mailcrane_core::Remedy;
use mailcrane_core::ports::source::{AdminScheme, Credentials};
use mailcrane_core::secret::Secret;

/// Signs in and gives the code of the refusal, or "in".
async fn sign_in(credentials: &Credentials, script: &str) -> String {
    let server = Server::new(&[script]);
    let outcome = server.open_as(credentials).await;
    let code = match &outcome {
        Ok(_) => "in".to_owned(),
        Err(fault) => fault.code.to_string(),
    };
    drop(outcome);
    server.finished().await;
    code
}

fn token() -> Credentials {
    Credentials::Token { user: "anna".to_owned(), token: Secret::new("t") }
}

fn with_password(password: &str) -> Credentials {
    Credentials::Password { user: "anna".to_owned(), password: Secret::new(password) }
}

#[tokio::test]
async fn a_password_is_quoted() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN \"anna\" \"a\\\"b\\\\c d\"\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&with_password("a\"b\\c d"), script).await, "in");
}

#[tokio::test]
async fn a_non_ascii_password_travels_by_plain() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\nC: AUTHENTICATE PLAIN\nS: + 
        L: AGFubmEAcMOkc3M=\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&with_password("p\u{e4}ss"), script).await, "in");
}

#[tokio::test]
async fn a_server_with_sasl_ir_gets_the_response_at_once() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LOGINDISABLED] x\nC: AUTHENTICATE PLAIN AGFubmEAc2VjcmV0
        S: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&password(), script).await, "in");
}

#[tokio::test]
async fn a_server_that_ignores_the_initial_response_gets_it_again() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LOGINDISABLED] x\nC: AUTHENTICATE PLAIN AGFubmEAc2VjcmV0
        S: +\nL: AGFubmEAc2VjcmV0\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&password(), script).await, "in");
}

#[tokio::test]
async fn a_continuation_with_words_is_taken_for_a_go_ahead() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] x\nC: AUTHENTICATE PLAIN\nS: + go ahead, please
        L: AGFubmEAc2VjcmV0\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&password(), script).await, "in");
}

#[tokio::test]
async fn a_random_refusal_is_tried_once_more() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} NO [AUTHENTICATIONFAILED] Invalid credentials
        C: LOGIN *\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&password(), script).await, "in");
}

#[tokio::test]
async fn two_refusals_are_a_wrong_password() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} NO Invalid\nC: LOGIN *\nS: {tag} NO Invalid";
    assert_eq!(sign_in(&password(), script).await, "source.wrong_password");
}

#[tokio::test]
async fn a_server_that_closes_after_a_refusal_still_says_what_was_wrong() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} NO [AUTHENTICATIONFAILED] Invalid\nclose";
    assert_eq!(sign_in(&password(), script).await, "source.wrong_password");
}

#[tokio::test]
async fn an_alert_before_the_refusal_explains_it() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: * NO [ALERT] Please log in via your web browser and enable IMAP: not enabled
        S: {tag} NO failed";
    assert_eq!(sign_in(&password(), script).await, "source.imap_disabled");
}

#[tokio::test]
async fn every_kind_of_refusal_has_its_code() {
    for (no, code) in [
        ("[ALERT] Application-specific password required: https://example.org", "source.app_password_needed"),
        ("[CONTACTADMIN] blocked", "source.imap_disabled"),
        ("[UNAVAILABLE] Temporary authentication failure.", "source.busy"),
        ("[LIMIT] too many", "source.too_many_connections"),
        ("[INUSE] locked", "source.busy"),
        ("[PRIVACYREQUIRED] use TLS", "source.no_tls"),
        ("User is authenticated but not connected.", "source.no_right"),
        ("AADSTS50126: basic authentication is disabled", "source.oauth_needed"),
    ] {
        let script = format!("S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {{tag}} NO {no}");
        assert_eq!(sign_in(&password(), &script).await, code, "{no}");
    }
}

#[tokio::test]
async fn a_server_that_takes_only_oauth_is_named_before_a_password_is_sent() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2 AUTH=OAUTHBEARER] x\nhang";
    assert_eq!(sign_in(&password(), script).await, "source.oauth_needed");
}

#[tokio::test]
async fn logindisabled_without_protection_asks_for_tls() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] x\nhang";
    assert_eq!(sign_in(&password(), script).await, "source.no_tls");
}

#[tokio::test]
async fn a_refused_token_is_answered_with_an_empty_line() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] x\nC: AUTHENTICATE XOAUTH2\nS: + 
        L: dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHQBAQ==\nS: + eyJzdGF0dXMiOiI0MDAifQ==\nL: \nS: {tag} NO [AUTHENTICATIONFAILED] Invalid";
    assert_eq!(sign_in(&token(), script).await, "source.token_refused");
}

#[tokio::test]
async fn a_token_signs_in_by_oauthbearer_where_only_that_is_offered() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER SASL-IR] x\nC: AUTHENTICATE OAUTHBEARER bixhPWFubmEsAWhvc3Q9*
        S: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&token(), script).await, "in");
}

#[tokio::test]
async fn an_administrator_is_refused_by_identity_and_let_in_as_master() {
    let credentials = Credentials::Administrator {
        user: "anna".to_owned(),
        admin_user: "root".to_owned(),
        admin_password: Secret::new("pw"),
        scheme: AdminScheme::Auto,
    };
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\nC: AUTHENTICATE PLAIN\nS: + \nL: YW5uYQByb290AHB3
        S: {tag} NO [AUTHORIZATIONFAILED] no\nC: LOGIN \"anna*root\" \"pw\"\nS: {tag} OK [CAPABILITY IMAP4rev1] in";
    assert_eq!(sign_in(&credentials, script).await, "in");
}

#[tokio::test]
async fn capabilities_come_in_the_ok_untagged_or_not_at_all() {
    for answer in [
        "S: {tag} OK [CAPABILITY IMAP4rev1 ID] in",
        "S: * CAPABILITY IMAP4rev1 ID\nS: {tag} OK in",
        "S: {tag} OK in\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1  ID \ndone",
    ] {
        let script = format!(
            "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\n{answer}\nC: ID (\"name\" \"Mailcrane\"*\nS: * ID NIL\ndone"
        );
        assert_eq!(sign_in(&password(), &script).await, "in");
    }
}

#[tokio::test]
async fn id_is_said_where_it_is_advertised_and_its_refusal_counts_for_nothing() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} OK [CAPABILITY IMAP4rev1 ID] in\nC: ID *\nS: {tag} BAD what";
    assert_eq!(sign_in(&password(), script).await, "in");
}

#[tokio::test]
async fn a_server_that_falls_silent_at_the_sign_in_is_left() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nhang";
    assert_eq!(sign_in(&password(), script).await, "source.silent");
}

#[tokio::test]
async fn the_throttling_of_a_sign_in_names_the_delay() {
    let server = Server::new(&[
        "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} NO Request is throttled. Suggested Backoff Time: 7000 milliseconds",
    ]);
    let fault = server.open().await.err().unwrap();
    assert_eq!(fault.remedy, Remedy::RetryAfter(std::time::Duration::from_secs(7)));
}

#[tokio::test]
async fn no_secret_is_in_the_fault() {
    let server =
        Server::new(&["S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} NO bad\nC: LOGIN *\nS: {tag} NO bad"]);
    let fault = server.open().await.err().unwrap();
    assert!(!format!("{fault:?} {fault}").contains("secret"));
}

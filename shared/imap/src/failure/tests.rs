use super::*;

fn said(text: &str) -> String {
    text.to_owned()
}

fn host() -> String {
    "imap.example.org".to_owned()
}

/// Asserts what a person is told: the code, what is wrong, and what to do about it.
#[track_caller]
fn check(failure: Failure, code: &str, wrong: &str, remedy: &str) {
    let fault = Fault::from(failure);
    assert_eq!(fault.code, code);
    for words in [wrong, remedy] {
        assert!(fault.message.contains(words), "{words:?} is not in {:?}", fault.message);
    }
}

#[test]
fn an_unknown_host_is_told() {
    check(
        Failure::HostUnknown { host: host() },
        "source.host_unknown",
        "imap.example.org is not known",
        "Check its spelling",
    );
}

#[test]
fn a_forbidden_address_is_told() {
    let failure =
        Failure::AddressRefused { host: host(), address: "10.0.0.1".parse().unwrap(), kind: "a private address" };
    check(
        failure,
        "source.address_refused",
        "10.0.0.1, which is a private address",
        "Only public addresses are allowed",
    );
}

#[test]
fn a_forbidden_port_is_told() {
    check(Failure::PortRefused { port: 25 }, "source.port_refused", "Port 25 is not allowed", "993 (TLS) and 143");
}

#[test]
fn a_refused_connection_is_told() {
    let failure = Failure::ConnectionRefused { host: host(), port: 993 };
    check(
        failure,
        "source.connection_refused",
        "refuses connections to port 993",
        "Check the server name and the port",
    );
}

#[test]
fn a_server_that_does_not_answer_is_told() {
    let failure = Failure::Unreachable { host: host(), port: 993, cause: None };
    check(failure, "source.unreachable", "does not answer on port 993", "a firewall is in the way");
}

#[test]
fn missing_tls_is_told() {
    let failure = Failure::NoTls { host: host(), cause: None };
    check(failure, "source.no_tls", "offers no TLS on this port", "Choose TLS on port 993 or STARTTLS on port 143");
}

#[test]
fn a_certificate_is_shown_and_asked_about() {
    let failure =
        Failure::Certificate { host: host(), reason: said("has expired"), fingerprint: Some("ab".repeat(32)) };
    check(
        failure,
        "source.certificate",
        "imap.example.org has expired",
        &format!("{}. Enter the server name", "ab".repeat(32)),
    );
    let failure = Failure::Certificate { host: host(), reason: said("has expired"), fingerprint: Some(said("abcd")) };
    assert_eq!(Fault::from(failure).fingerprint.as_deref(), Some("abcd"), "the page can offer to confirm it");
}

#[test]
fn a_wrong_password_is_told() {
    let failure = Failure::WrongPassword { text: said("LOGIN failed.") };
    check(failure, "source.wrong_password", "does not accept this user and password", "Enter them again");
}

#[test]
fn a_missing_app_password_is_told() {
    let failure = Failure::AppPasswordNeeded { text: said("no") };
    check(
        failure,
        "source.app_password_needed",
        "needs an app password",
        "Create one in the provider's security settings",
    );
}

#[test]
fn a_server_that_wants_oauth_is_told() {
    let failure = Failure::OauthNeeded { text: said("no") };
    check(failure, "source.oauth_needed", "takes no passwords from programs", "Sign in with OAuth");
}

#[test]
fn a_refused_token_is_told() {
    let failure = Failure::TokenRefused { text: said("no") };
    check(failure, "source.token_refused", "does not accept this access token", "the token needs the scope for IMAP");
}

#[test]
fn disabled_imap_is_told() {
    let failure = Failure::ImapDisabled { text: said("no") };
    check(failure, "source.imap_disabled", "IMAP is switched off", "Switch it on in the settings");
}

#[test]
fn an_unknown_way_to_sign_in_is_told() {
    let failure = Failure::NoMechanism { offered: said("GSSAPI") };
    check(failure, "source.no_mechanism", "it offers: GSSAPI", "Choose another one");
}

#[test]
fn too_many_connections_are_told() {
    let failure = Failure::TooManyConnections { text: said("[LIMIT]") };
    check(failure, "source.too_many_connections", "allows no more connections", "Close other mail programs");
}

#[test]
fn a_busy_server_is_told() {
    let failure = Failure::Busy { after: Duration::from_secs(30), text: said("later") };
    check(failure, "source.busy", "is busy or limits the speed", "Check again later");
}

#[test]
fn a_missing_right_is_told() {
    let failure = Failure::NoRight { text: said("authenticated but not connected") };
    check(
        failure,
        "source.no_right",
        "gives no right to read this mailbox",
        "Give the administrator or delegate access to it",
    );
}

#[test]
fn an_inbox_that_cannot_be_opened_is_told() {
    let failure = Failure::InboxNotReadable { text: said("no") };
    check(
        failure,
        "source.inbox_not_readable",
        "INBOX cannot be opened",
        "ask its administrator for the right to read INBOX",
    );
}

#[test]
fn a_broken_connection_is_told() {
    let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    check(Failure::Lost(broken()), "source.connection_lost", "The connection to the server broke", "Check again");
    check(
        Failure::Closed { text: said("bye") },
        "source.connection_lost",
        "closed the connection",
        "Check again later",
    );
    check(Failure::Silent(broken()), "source.silent", "stopped answering", "check the server name and the port");
    check(Failure::Protocol("it greets oddly"), "source.protocol", "it greets oddly", "Check the server name");
}

#[test]
fn the_words_of_a_server_come_last_cut_short_and_without_control_characters() {
    let fault = Fault::from(Failure::WrongPassword { text: format!("a\r\nb\u{1b}[31m{}", "x".repeat(40_000_000)) });
    assert!(fault.message.contains("The server said: a  b [31mxxx"), "{}", fault.message);
    assert_eq!(fault.message.chars().count(), LONGEST + 1);
}

//! What a refusal means, from its code and its words.

use super::Before;
use super::attempt::Attempt;
use crate::failure::Failure;
use crate::wire::status::Status;
use std::time::Duration;

const OFF: [&str; 9] = [
    "disabled",
    "not enabled",
    "not activated",
    "not allowed",
    "turned off",
    "deactivated",
    "not active",
    "switched off",
    "not permitted",
];

/// Recognises a server that wants to be asked later, in any status response.
#[must_use]
pub fn later(status: &Status) -> Option<Failure> {
    let text = status.text.clone();
    let lower = format!("{} {}", status.code.as_deref().unwrap_or_default(), text).to_ascii_lowercase();
    if let Some(after) = suggested(&lower) {
        return Some(Failure::Busy { after, text });
    }
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match status.code_word().as_deref() {
        Some("LIMIT") => return Some(Failure::TooManyConnections { text }),
        Some("UNAVAILABLE") => return Some(Failure::Busy { after: Duration::from_secs(60), text }),
        Some("INUSE" | "THROTTLED") => return Some(Failure::Busy { after: Duration::from_secs(30), text }),
        _ => {}
    }
    if says(&[
        "too many simultaneous",
        "too many connections",
        "too many concurrent",
        "maximum number of connections",
        "connection limit",
        "connections exceeded",
    ]) {
        return Some(Failure::TooManyConnections { text });
    }
    if says(&["bandwidth limit", "bandwidth limits"]) {
        return Some(Failure::Busy { after: Duration::from_secs(3600), text });
    }
    if says(&[
        "throttled",
        "rate limit",
        "try again later",
        "try again in",
        "temporarily",
        "server busy",
        "server is busy",
        "too busy",
        "server unavailable",
        "overloaded",
    ]) {
        return Some(Failure::Busy { after: Duration::from_secs(60), text });
    }
    None
}

/// Reads `Suggested Backoff Time: 299961 milliseconds`.
fn suggested(lower: &str) -> Option<Duration> {
    let (_, rest) = lower.split_once("suggested backoff time")?;
    let number = rest.trim_start_matches([':', ' ']);
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let number: u64 = number.get(..end)?.parse().ok()?;
    let seconds = !rest.contains("millisecond") && rest.contains("second");
    let wait = if seconds { Duration::from_secs(number) } else { Duration::from_millis(number) };
    Some(wait.min(Duration::from_secs(24 * 3600)))
}

/// Explains a BYE, or a greeting that sends us away.
#[must_use]
pub fn goodbye(status: &Status) -> Failure {
    later(status).unwrap_or_else(|| Failure::Closed { text: status.text.clone() })
}

/// Explains the NO or BAD to a sign-in, by an administrator or not; `alert` is what the server said before it.
pub(super) fn sign_in(
    status: &Status,
    alert: Option<&Status>,
    (attempt, by_administrator): (&Attempt, bool),
    before: &Before<'_>,
) -> Failure {
    let mut text = status.text.clone();
    if let Some(alert) = alert {
        text = format!("{} {text}", alert.text);
    }
    let code = status.code_word().unwrap_or_default();
    let lower = format!("{} {text}", status.code.as_deref().unwrap_or_default()).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(failure) = later(status).or_else(|| alert.and_then(later)) {
        return failure;
    }
    if code == "PRIVACYREQUIRED" {
        return Failure::NoTls { host: before.endpoint.host.clone(), cause: None };
    }
    if says(&[
        "application-specific password",
        "app password",
        "app-specific password",
        "application password",
        "authorization code",
        "authcode",
        "\u{6388}\u{6743}\u{7801}",
    ]) {
        return Failure::AppPasswordNeeded { text };
    }
    if lower.contains("imap") && says(&OFF) || code == "CONTACTADMIN" {
        return Failure::ImapDisabled { text };
    }
    if says(&["authenticated but not connected"]) {
        return Failure::NoRight { text };
    }
    if let Attempt::Sasl { mechanism: "XOAUTH2" | "OAUTHBEARER", .. } = attempt {
        return Failure::TokenRefused { text };
    }
    let microsoft = ["office365.com", "outlook.com"].iter().any(|end| before.endpoint.host.ends_with(end));
    if microsoft
        || says(&[
            "oauth",
            "basic authentication is disabled",
            "basicauthblocked",
            "web login required",
            "log in via your web browser",
            "webalert",
        ])
    {
        return Failure::OauthNeeded { text };
    }
    if matches!(code.as_str(), "AUTHORIZATIONFAILED" | "NOPERM") && by_administrator {
        return Failure::NoRight { text };
    }
    Failure::WrongPassword { text }
}

/// Explains the NO to EXAMINE.
#[must_use]
pub fn examine(status: &Status, inbox: bool) -> Failure {
    let text = status.text.clone();
    let lower = text.to_ascii_lowercase();
    if let Some(failure) = later(status) {
        return failure;
    }
    if lower.contains("authenticated but not connected") {
        return Failure::NoRight { text };
    }
    if inbox {
        return Failure::InboxNotReadable { text };
    }
    let gone = ["exist", "unknown mailbox", "unknown folder", "no such", "not found"];
    if status.code_word().as_deref() == Some("NONEXISTENT") || gone.iter().any(|words| lower.contains(words)) {
        return Failure::FolderGone { text };
    }
    Failure::FolderRefused { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Greeting;
    use crate::wire::capability::Capabilities;
    use mailcrane_core::ports::source::{Endpoint, Security};
    use mailcrane_core::secret::Secret;

    fn status(line: &str) -> Status {
        Status::parse(line.as_bytes()).unwrap()
    }

    fn code_at(host: &str, line: &str, attempt: &Attempt) -> &'static str {
        let endpoint = Endpoint { host: host.to_owned(), port: 993, security: Security::Tls, fingerprint: None };
        let capabilities = Capabilities::default();
        let before = Before { endpoint: &endpoint, greeting: Greeting::Ok, capabilities: &capabilities };
        let by_administrator = matches!(attempt, Attempt::Login { user, .. } if user.contains(['*', '\\']))
            || matches!(attempt, Attempt::Sasl { initial, .. } if !initial.expose().starts_with('\0'));
        sign_in(&status(line), None, (attempt, by_administrator), &before).code()
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let login = Attempt::Login { user: "a".to_owned(), password: Secret::new("b") };
        assert_eq!(code_at("imap.example.org", line, &login), expected, "{line}");
    }

    #[test]
    fn wrong_passwords_are_told_from_switched_off_imap_and_missing_app_passwords() {
        check("A1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "source.wrong_password");
        check("A1 NO LOGIN failed.", "source.wrong_password");
        check("A1 NO [ALERT] Application-specific password required", "source.app_password_needed");
        check("A1 NO [ALERT] Your account is not enabled for IMAP use.", "source.imap_disabled");
        check("A1 NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled", "source.imap_disabled");
        check("A1 NO [CONTACTADMIN] Ask your administrator", "source.imap_disabled");
        check("A1 NO [WEBALERT https://example.org] Web login required.", "source.oauth_needed");
        check("A1 BAD nonsense", "source.wrong_password");
    }

    #[test]
    fn a_busy_server_is_no_wrong_password() {
        check("A1 NO [UNAVAILABLE] Temporary authentication failure", "source.busy");
        check("A1 NO [LIMIT] Maximum number of connections from user+IP exceeded", "source.too_many_connections");
        check("A1 NO [ALERT] Too many simultaneous connections. (Failure)", "source.too_many_connections");
        check("A1 NO [INUSE] Mailbox is locked", "source.busy");
        check("A1 NO Service temporarily overloaded", "source.busy");
        check("A1 NO [ALERT] Account exceeded command or bandwidth limits.", "source.busy");
    }

    #[test]
    fn microsoft_takes_no_passwords() {
        let login = Attempt::Login { user: "a".to_owned(), password: Secret::new("b") };
        assert_eq!(code_at("outlook.office365.com", "A1 NO LOGIN failed.", &login), "source.oauth_needed");
        let token = Attempt::Sasl { mechanism: "XOAUTH2", initial: Secret::new("user=a") };
        assert_eq!(code_at("outlook.office365.com", "A1 NO AUTHENTICATE failed.", &token), "source.token_refused");
    }

    #[test]
    fn an_administrator_without_the_right_is_told_so() {
        let plain = Attempt::Sasl { mechanism: "PLAIN", initial: Secret::new("anna\0root\0pw") };
        assert_eq!(code_at("imap.example.org", "A1 NO [AUTHORIZATIONFAILED] no", &plain), "source.no_right");
        check("A1 NO [AUTHORIZATIONFAILED] LOGIN Invalid credentials", "source.wrong_password");
        for administrator in ["anna*root", "EXAMPLE\\root\\anna"] {
            let login = Attempt::Login { user: administrator.to_owned(), password: Secret::new("b") };
            let code = |line| code_at("imap.example.org", line, &login);
            assert_eq!(code("A1 NO [AUTHORIZATIONFAILED] Authorization failed"), "source.no_right");
            assert_eq!(code("A1 NO [AUTHENTICATIONFAILED] Authentication failed"), "source.wrong_password");
        }
    }

    #[test]
    fn the_suggested_backoff_becomes_the_delay() {
        let said = status("* BYE Request is throttled. Suggested Backoff Time: 299961 milliseconds");
        assert_eq!(later(&said).unwrap().retry_after(), Some(Duration::from_millis(299_961)));
        assert_eq!(goodbye(&status("* BYE see you")).code(), "source.connection_lost");
    }

    #[test]
    fn a_refused_inbox_is_a_question_of_rights_or_of_the_inbox() {
        assert_eq!(examine(&status("A1 NO User is authenticated but not connected."), true).code(), "source.no_right");
        assert_eq!(examine(&status("A1 NO Mailbox doesn't exist"), true).code(), "source.inbox_not_readable");
    }

    #[test]
    fn a_folder_that_is_gone_is_told_from_one_that_is_refused() {
        let code = |line| examine(&status(line), false).code();
        for line in ["A1 NO [NONEXISTENT] x", "A1 NO Mailbox doesn't exist", "A1 NO Unknown Mailbox: Old (now)"] {
            assert_eq!(code(line), "source.folder_gone", "{line}");
        }
        for line in ["A1 NO [SERVERBUG] internal error", "A1 NO [NOPERM] Permission denied", "A1 BAD [CORRUPTION] x"] {
            assert_eq!(code(line), "source.folder_refused", "{line}");
        }
    }
}

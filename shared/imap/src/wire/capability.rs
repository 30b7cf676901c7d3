//! What a server says it can do.

use crate::wire::status::Status;
use std::collections::BTreeSet;

/// The capabilities of a server, in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Tells whether the server has a capability such as `LITERAL+` or `AUTH=PLAIN`.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.0.contains(&word.to_ascii_uppercase())
    }

    /// Returns the capabilities in alphabetic order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the mechanisms of AUTHENTICATE.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.words().filter_map(|word| word.strip_prefix("AUTH="))
    }

    /// Tells whether the server offers OAuth and no password at all.
    #[must_use]
    pub fn only_oauth(&self) -> bool {
        let passwords = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM", "GSSAPI"];
        let oauth = self.has("AUTH=XOAUTH2") || self.has("AUTH=OAUTHBEARER");
        oauth && self.has("LOGINDISABLED") && !self.mechanisms().any(|name| passwords.contains(&name))
    }
}

impl<'a> FromIterator<&'a str> for Capabilities {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        Self(words.into_iter().filter(|word| !word.is_empty()).map(str::to_ascii_uppercase).collect())
    }
}

/// Reads an untagged CAPABILITY, or the CAPABILITY code of a status response, whatever blanks it has.
#[must_use]
pub fn parse(response: &[u8]) -> Option<Capabilities> {
    if let Some(status) = Status::parse(response) {
        return of_status(&status);
    }
    let text = String::from_utf8_lossy(response);
    let mut words = text.split_whitespace();
    let untagged = words.next() == Some("*");
    let named = words.next().is_some_and(|word| word.eq_ignore_ascii_case("CAPABILITY"));
    (untagged && named).then(|| words.collect())
}

/// Reads the CAPABILITY code of a status response.
#[must_use]
pub fn of_status(status: &Status) -> Option<Capabilities> {
    status.code_value("CAPABILITY").map(|words| words.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_a_line_with_odd_blanks() {
        let got = parse(b"* CAPABILITY IMAP4rev1  auth=plain IDLE ").unwrap();
        assert!(got.has("IMAP4rev1") && got.has("AUTH=PLAIN") && !got.has(""));
    }

    #[test]
    fn capabilities_are_read_from_the_code_of_a_greeting_or_an_ok() {
        assert!(parse(b"* OK [CAPABILITY IMAP4rev1 ID] hello").unwrap().has("ID"));
        assert!(parse(b"A1 OK [CAPABILITY IMAP4rev1 NAMESPACE] in").unwrap().has("NAMESPACE"));
        assert_eq!(parse(b"* OK hello"), None);
    }

    #[test]
    fn only_oauth_means_that_no_password_mechanism_is_left() {
        assert!(parse(b"* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2").unwrap().only_oauth());
        assert!(!parse(b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2").unwrap().only_oauth());
        assert!(!parse(b"* CAPABILITY LOGINDISABLED AUTH=XOAUTH2 AUTH=PLAIN").unwrap().only_oauth());
    }
}

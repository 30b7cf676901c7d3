//! The client's side of AUTHENTICATE (RFC 4616, RFC 7628, XOAUTH2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest initial response that goes on the command line.
const MAX_INLINE: usize = 900;

/// One exchange.
pub(super) struct Exchange {
    mechanism: &'static str,
    initial: Vec<u8>,
    said: bool,
}

impl Exchange {
    pub(super) fn new(mechanism: &'static str, initial: &str) -> Self {
        Self { mechanism, initial: initial.as_bytes().to_vec(), said: false }
    }

    /// Returns what stands behind AUTHENTICATE: the mechanism, and the initial response where the server takes it there.
    pub(super) fn command(&self, initial_response: bool) -> String {
        let encoded = STANDARD.encode(&self.initial);
        if initial_response && encoded.len() <= MAX_INLINE {
            format!("{} {encoded}", self.mechanism)
        } else {
            self.mechanism.to_owned()
        }
    }
}

impl async_imap::Authenticator for Exchange {
    type Response = Vec<u8>;

    /// Answers an empty challenge with the initial response and everything else, an error message, with the
    /// mechanism's way to say "understood".
    fn process(&mut self, challenge: &[u8]) -> Vec<u8> {
        if challenge.is_empty() && !self.said {
            self.said = true;
            return self.initial.clone();
        }
        if self.mechanism == "OAUTHBEARER" { vec![1] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_imap::Authenticator as _;

    #[test]
    fn an_error_challenge_is_answered_with_an_empty_line() {
        let mut exchange = Exchange::new("XOAUTH2", "x");
        assert_eq!(exchange.process(b""), b"x");
        assert_eq!(exchange.process(b"{\"status\":\"400\"}"), b"");
        assert_eq!(Exchange::new("OAUTHBEARER", "x").process(b"{}"), [1]);
    }

    #[test]
    fn a_long_initial_response_does_not_go_on_the_command_line() {
        assert_eq!(Exchange::new("PLAIN", &"x".repeat(900)).command(true), "PLAIN");
        assert_eq!(Exchange::new("PLAIN", "x").command(true), "PLAIN eA==");
        assert_eq!(Exchange::new("PLAIN", "x").command(false), "PLAIN");
    }
}

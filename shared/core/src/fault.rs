//! Faults: what failed, for a person to read, and what may be done about it.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// What may be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    /// The same may work after this time.
    RetryAfter(Duration),
    /// This message cannot be copied; the others can.
    SkipMessage,
    /// Nothing more can be done for this account until a person acts.
    GiveUp,
}

/// A fault of a source, a destination or a service.
///
/// The code is stable and part of the API (`source.wrong_password`); the message says what failed and what
/// to do next; the cause is kept in the chain.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What may be done.
    pub remedy: Remedy,
    /// A stable name in dots and small letters, for programs.
    pub code: Cow<'static, str>,
    /// A sentence for people that says what to do next; never contains a secret.
    pub message: String,
    /// The SHA-256 of a certificate that was not accepted, so that its owner can confirm it.
    pub fingerprint: Option<String>,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// Describes a fault.
    pub fn new(remedy: Remedy, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { remedy, code: code.into(), message: message.into(), fingerprint: None, cause: None }
    }

    /// Describes a fault that may pass after a time.
    pub fn retry(after: Duration, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Remedy::RetryAfter(after), code, message)
    }

    /// Describes a fault of one message.
    pub fn skip(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Remedy::SkipMessage, code, message)
    }

    /// Describes a fault that needs a person.
    pub fn give_up(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Remedy::GiveUp, code, message)
    }

    /// Adds the fingerprint of the certificate that was not accepted.
    #[must_use]
    pub fn showing(mut self, fingerprint: Option<String>) -> Self {
        self.fingerprint = fingerprint;
        self
    }

    /// Tells whether the other side asked for a pause, as opposed to having failed. By convention such codes end in
    /// `busy`, `too_many_connections` or `spreads`.
    #[must_use]
    pub fn asks_to_wait(&self) -> bool {
        let last = self.code.rsplit(['.', '_']).next().unwrap_or_default();
        let asks = matches!(last, "busy" | "connections" | "spreads");
        asks && matches!(self.remedy, Remedy::RetryAfter(_))
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_asks_to_wait_and_a_broken_one_does_not() {
        let asks = |code: &'static str| Fault::retry(Duration::ZERO, code, "").asks_to_wait();
        assert!(asks("destination.busy") && asks("source.too_many_connections"));
        assert!(asks("destination.permission_spreads"));
        assert!(!asks("source.connection_lost") && !asks("destination.no_answer"));
        assert!(!Fault::give_up("destination.busy", "").asks_to_wait());
    }
}

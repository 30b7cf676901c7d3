//! The mailer: status e-mails.

use crate::fault::Fault;
use std::future::Future;

/// An e-mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The receivers.
    pub to: Vec<String>,
    /// The subject, one line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
}

/// Sends e-mails.
pub trait Mailer: Send + Sync {
    /// Sends one mail. A fault never harms a migration.
    fn send(&self, mail: &Mail) -> impl Future<Output = Result<(), Fault>> + Send;
}

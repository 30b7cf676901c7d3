//! A mailbox that a migration created at the destination.

use super::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A mailbox that was created, or was about to be; only its user's password is ever reset. The password itself is kept
/// nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedMailbox {
    /// The version of this form, 1.
    pub v: u8,
    /// The address.
    pub email: String,
    /// The name to sign in with.
    pub user: String,
    /// When it was about to be created.
    pub intended: Timestamp,
    /// The entity id of the user, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// When the user was given the mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<Timestamp>,
    /// When a password was set last, or was about to be, and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// Until when one request works on it and no other may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<Timestamp>,
}

impl Record for CreatedMailbox {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_version_1_reads_as_it_was_written() {
        let sample =
            r#"{"v":1,"email":"anna@example.org","user":"anna","intended":"2026-01-01T00:00:00Z","entity":"e1"}"#;
        let record = serde_json::from_str::<CreatedMailbox>(sample).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), sample);
    }
}

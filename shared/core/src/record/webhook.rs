//! A webhook: the address of a program that is told what people are told by e-mail.

use crate::id::{MigrationId, PassNo};
use crate::record::Record;
use crate::token::MailEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a migration's events are told; the secret that signs them is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The https URL.
    pub url: String,
    /// The last event that was given up, until another one is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<WebhookTrouble>,
}

/// An event that a webhook did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTrouble {
    /// When it was given up.
    pub at: Timestamp,
    /// What was to be told.
    pub event: String,
    /// The code of the last fault.
    pub code: String,
    /// The same for people.
    pub message: String,
}

/// An event on its way to a webhook; due when it is to be tried next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The version of this form, 1.
    pub v: u8,
    /// The migration.
    pub migration: MigrationId,
    /// The event.
    pub event: MailEvent,
    /// The pass it belongs to; 0 for none.
    pub pass: PassNo,
    /// Says more of the event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What every try sends.
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it may be tried again; nothing when it was taken or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// The code of the fault it was given up with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
}

impl Record for Telling {
    fn due(&self) -> Option<Timestamp> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_on_its_way_is_due_until_it_was_taken() {
        let sample = r#"{"v":1,"migration":"0123456789ab","event":"ended","pass":2,"body":"{}","tries":3,"next":"2026-01-01T00:00:00Z"}"#;
        let mut telling = serde_json::from_str::<Telling>(sample).unwrap();
        assert_eq!(serde_json::to_string(&telling).unwrap(), sample);
        assert_eq!(telling.due(), telling.next);
        telling.next = None;
        assert_eq!(telling.due(), None);
    }
}

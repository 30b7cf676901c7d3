//! A migration: one customer's order.

use super::{Counters, PassKind, Record, Right, Webhook};
use crate::id::{MigrationId, PassNo};
use crate::ports::source::Endpoint;
use crate::state::MigrationState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a destination is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DestinationKind {
    /// Amazon WorkMail over EWS.
    Workmail {
        /// Who writes.
        access: Access,
    },
    /// Any IMAP server.
    Imap {
        /// Where it is.
        endpoint: Endpoint,
    },
}

/// Who writes into a WorkMail mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The mailbox's user, with its password.
    #[default]
    User,
    /// The migration administrator, by a permission that is granted and taken back.
    Administrator,
    /// A role that may impersonate the mailboxes, made and deleted for this migration.
    Impersonation,
}

/// What is copied, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Copies messages with `\Deleted` too.
    pub include_deleted: bool,
    /// Only folders that match one of these patterns (`*` stands for anything); empty means all.
    pub include_folders: Vec<String>,
    /// No folder that matches one of these patterns.
    pub exclude_folders: Vec<String>,
    /// Only messages received at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only messages received before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// No message of more octets than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_octets: Option<u64>,
    /// Source folder path to destination folder path, both with `/`.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub folder_map: std::collections::BTreeMap<String, String>,
    /// Puts everything under this folder of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_folder: Option<String>,
    /// Copies a message once for each of its Gmail labels instead of once with categories.
    pub copy_per_label: bool,
    /// Keeps messages that are too large for the destination in the bucket, and puts stubs with links in their places.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rescue_oversize: bool,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The version of this form, 1.
    pub v: u8,
    /// The order number.
    pub id: MigrationId,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// The state; changed by [`MigrationState::apply`] alone.
    pub state: MigrationState,
    /// When it was submitted.
    pub created: Timestamp,
    /// Who is told by e-mail.
    #[serde(default)]
    pub notify: Vec<String>,
    /// Which program is told of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The language of mails and page: `en` or `de`.
    #[serde(default)]
    pub language: String,
    /// The destination of all accounts.
    pub destination: DestinationKind,
    /// What is copied.
    #[serde(default)]
    pub options: Options,
    /// How many accounts it has; their numbers are 0 up to this.
    pub accounts: u32,
    /// How many accounts were checked, well or not, since the last change.
    #[serde(default)]
    pub checked: u32,
    /// How many accounts were removed; [`Self::accounts`] counts them.
    #[serde(default)]
    pub removed: u32,
    /// The current or last pass; 0 before the first.
    #[serde(default)]
    pub pass: PassNo,
    /// What that pass is.
    #[serde(default)]
    pub pass_kind: PassKind,
    /// Only messages received at this time or later are in the pass (trial).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_since: Option<Timestamp>,
    /// Only messages received before this time are in the pass (pre-stage).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_before: Option<Timestamp>,
    /// The totals of all accounts, rolled up.
    #[serde(default)]
    pub totals: Counters,
    /// Messages found by the passes so far, rolled up.
    #[serde(default)]
    pub found: u64,
    /// The same in octets.
    #[serde(default)]
    pub found_bytes: u64,
    /// When it is to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// When the first pass began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the last pass ended, or it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When its credentials are shredded and its data deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// The SHA-256 of the capability token, in hexadecimal digits.
    pub token_hash: String,
    /// How many accounts are being undone; nothing else is begun meanwhile.
    #[serde(default)]
    pub undoing: u32,
    /// Whether the operator created it, which alone allows administrator powers over mailboxes.
    pub by_operator: bool,
    /// What entitles it when the operator did not create it.
    #[serde(default)]
    pub right: Right,
    /// When the sweeper must look at it again, besides the times above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
}

impl Migration {
    /// Returns how many accounts are there: those that were not removed.
    #[must_use]
    pub fn present(&self) -> u32 {
        self.accounts.saturating_sub(self.removed)
    }
}

impl Record for Migration {
    fn due(&self) -> Option<Timestamp> {
        let start = self.start_at.filter(|_| self.state == MigrationState::Scheduled);
        let keep = self.keep_until.filter(|_| self.state != MigrationState::Erased);
        [start, keep, self.look_at].into_iter().flatten().min()
    }
}

/// What kind of permission was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GrantKind {
    /// A permission of the migration administrator on a mailbox.
    Mailbox {
        /// The entity id of the mailbox.
        mailbox: String,
        /// The entity id of the administrator.
        grantee: String,
        /// What the administrator could do before; restored when it is taken back.
        before: Vec<String>,
    },
    /// An impersonation role.
    Role {
        /// Its name; it is found by it when the id was never learnt.
        name: String,
        /// Its id, once known.
        id: Option<String>,
        /// The mailboxes that its rules name; empty means that it opens every mailbox of the organisation.
        #[serde(default)]
        mailboxes: Vec<Opened>,
    },
}

/// A mailbox that an impersonation role opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The entity id of the mailbox.
    pub entity: String,
    /// The address as it was entered, in small letters.
    pub entered: String,
    /// The primary address, the only one that EWS takes.
    pub email: String,
    /// When the role was about to name it.
    pub granted: Timestamp,
}

/// A permission that was made, or was about to be made, and must be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The version of this form, 1.
    pub v: u8,
    /// What was granted.
    pub what: GrantKind,
    /// The address it belongs to, for the report.
    pub email: String,
    /// When it was about to be granted.
    pub granted: Timestamp,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// When the sweeper tries again to take it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_at: Option<Timestamp>,
}

impl Grant {
    /// Returns when it was changed last: from then on it spreads.
    #[must_use]
    pub fn spreads_from(&self) -> Timestamp {
        match &self.what {
            GrantKind::Role { mailboxes, .. } => {
                mailboxes.iter().map(|one| one.granted).max().unwrap_or(self.granted).max(self.granted)
            }
            GrantKind::Mailbox { .. } => self.granted,
        }
    }
}

impl Record for Grant {
    fn due(&self) -> Option<Timestamp> {
        self.revoke_at.filter(|_| self.revoked.is_none())
    }
}

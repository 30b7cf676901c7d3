//! Migrations and accounts as the API shows them: never a secret, never a hash.

use mailcrane_core::Timestamp;
use mailcrane_core::record::{Account, Check, Counters, DestinationKind, Estimate, Migration, PassKind, Voucher};
use mailcrane_core::state::{AccountState, MigrationState};
use serde::Serialize;

/// How many messages were found and how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Messages found.
    pub found: u64,
    /// Stored by us.
    pub copied: u64,
    /// Equal ones were there.
    pub duplicate: u64,
    /// Left out by rule.
    pub skipped: u64,
    /// Could not be copied.
    pub failed: u64,
    /// Disappeared before they were read.
    pub vanished: u64,
    /// Not ended yet.
    pub pending: u64,
    /// Octets found, as announced by the source.
    pub bytes_found: u64,
    /// Octets of the messages that ended.
    pub bytes_done: u64,
}

impl Totals {
    /// Joins what was found and how it ended.
    #[must_use]
    pub fn of(found: u64, bytes_found: u64, counters: &Counters) -> Self {
        Self {
            found,
            copied: counters.copied,
            duplicate: counters.duplicate,
            skipped: counters.skipped,
            failed: counters.failed,
            vanished: counters.vanished,
            pending: found.saturating_sub(counters.accounted()),
            bytes_found,
            bytes_done: counters.bytes,
        }
    }

    /// Returns the totals of an account: its passes together, or its analysis before the first of them.
    #[must_use]
    pub fn of_account(account: &Account) -> Self {
        if account.pass.no.0 == 0 {
            return Self::of(account.analysis.messages, account.analysis.bytes, &Counters::default());
        }
        let mut counters = account.before;
        counters += account.pass.counters;
        let found = account.before_found.saturating_add(account.pass.found);
        Self::of(found, account.before_bytes.saturating_add(account.pass.found_bytes), &counters)
    }

    /// Adds the totals of another account.
    pub fn add(&mut self, other: &Self) {
        self.found += other.found;
        self.copied += other.copied;
        self.duplicate += other.duplicate;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.vanished += other.vanished;
        self.pending += other.pending;
        self.bytes_found += other.bytes_found;
        self.bytes_done += other.bytes_done;
    }
}

/// What an active account waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// The account.
    pub account: u32,
    /// The code of the fault.
    pub code: String,
    /// The same for people.
    pub message: String,
    /// Until when, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The pass of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassView {
    /// Its number; 0 before the first.
    pub no: u32,
    /// What it is.
    pub kind: PassKind,
    /// Only messages received at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only messages received before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

/// Where more is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The migration.
    pub this: String,
    /// Its accounts.
    pub accounts: String,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationView {
    /// The order number.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The state.
    pub state: MigrationState,
    /// When it was submitted.
    pub created: Timestamp,
    /// Who is told by e-mail.
    pub notify: Vec<String>,
    /// Which program is told of the same, and what it did not take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<mailcrane_core::record::Webhook>,
    /// The language of page and mails.
    pub language: String,
    /// The destination.
    pub destination: DestinationKind,
    /// What is copied.
    pub options: mailcrane_core::record::Options,
    /// How many accounts it has.
    pub accounts: u32,
    /// How many of them were checked.
    pub checked: u32,
    /// The current or last pass.
    pub pass: PassView,
    /// The messages of its accounts.
    pub totals: Totals,
    /// How long what is left will take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// How many accounts an undo is at work on; until it has ended nothing else begins.
    pub undoing: u32,
    /// When it is to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// When the first pass began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the last pass ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When passwords and data are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// How many accounts are in which state; counted for the page, when asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<std::collections::BTreeMap<String, u32>>,
    /// Whether its address must be confirmed before anything is signed in to.
    pub unconfirmed: bool,
    /// Whether a pass that is no trial needs a voucher.
    pub needs_voucher: bool,
    /// What its active accounts wait for.
    pub waits: Vec<Waits>,
    /// Where more is found.
    pub links: Links,
}

impl MigrationView {
    /// Shows a migration with the totals that were rolled up last.
    #[must_use]
    pub fn of(migration: &Migration) -> Self {
        let this = format!("/v1/migrations/{}", migration.id);
        Self {
            id: migration.id.to_string(),
            name: migration.name.clone(),
            state: migration.state,
            created: migration.created,
            notify: migration.notify.clone(),
            webhook: migration.webhook.clone(),
            language: migration.language.clone(),
            destination: migration.destination.clone(),
            options: migration.options.clone(),
            accounts: migration.present(),
            checked: migration.checked.saturating_sub(migration.removed),
            pass: PassView {
                no: migration.pass.0,
                kind: migration.pass_kind,
                since: migration.pass_since,
                before: migration.pass_before,
            },
            totals: Totals::of(migration.found, migration.found_bytes, &migration.totals),
            estimate: None,
            undoing: migration.undoing,
            start_at: migration.start_at,
            started: migration.started,
            ended: migration.ended,
            keep_until: migration.keep_until,
            states: None,
            unconfirmed: migration.right.unconfirmed,
            needs_voucher: !migration.by_operator
                && migration.right.offered.is_none()
                && migration.right.payments.is_empty(),
            waits: Vec::new(),
            links: Links { accounts: format!("{this}/accounts"), this },
        }
    }
}

/// A voucher; its code was told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoucherView {
    /// Its name.
    pub id: String,
    /// A note of the operator.
    pub note: String,
    /// For how many mailboxes it was made out.
    pub mailboxes: u32,
    /// How many of them were redeemed.
    pub used: u32,
    /// How many may still be redeemed.
    pub left: u32,
    /// When it was made out.
    pub created: Timestamp,
    /// Until when it may be redeemed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

impl VoucherView {
    /// Shows a voucher as it is at that time.
    #[must_use]
    pub fn of(voucher: &Voucher, now: Timestamp) -> Self {
        Self {
            id: voucher.id.clone(),
            note: voucher.note.clone(),
            mailboxes: voucher.mailboxes,
            used: voucher.used,
            left: voucher.left(now),
            created: voucher.created,
            expires: voucher.expires,
            revoked: voucher.revoked,
        }
    }
}

/// One end of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The protection.
    pub security: mailcrane_core::ports::source::Security,
    /// The user.
    pub user: String,
    /// How it is signed in to.
    pub auth: mailcrane_core::record::SourceAuth,
    /// What kind of OAuth 2 that is, when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth_kind: Option<mailcrane_core::record::OauthKind>,
    /// Its check.
    pub check: Check,
}

/// The other end of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DestinationView {
    /// The mailbox.
    pub mailbox: String,
    /// The user, when it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its check.
    pub check: Check,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its number in the migration.
    pub no: u32,
    /// The state.
    pub state: AccountState,
    /// Whether it takes part.
    pub selected: bool,
    /// The source.
    pub source: SourceView,
    /// The destination.
    pub destination: DestinationView,
    /// What the analysis found.
    pub analysis: mailcrane_core::record::Analysis,
    /// How long what is left will take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// The messages of its passes together.
    pub totals: Totals,
    /// The number of its current or last pass.
    pub pass: u32,
    /// When that pass began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When that pass ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How the last pass was graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<mailcrane_core::record::Grade>,
    /// The code of what needs a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error_code: String,
    /// What needs a person, and what to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// What it waits for.
    pub waits: Vec<Waits>,
}

impl AccountView {
    /// Shows an account.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let endpoint = &account.source.endpoint;
        Self {
            no: account.no.0,
            state: account.state,
            selected: account.selected,
            source: SourceView {
                host: endpoint.host.clone(),
                port: endpoint.port,
                security: endpoint.security,
                user: account.source.user.clone(),
                auth: account.source.auth,
                oauth_kind: account.source_oauth,
                check: account.source_check.clone(),
            },
            destination: DestinationView {
                mailbox: account.destination.mailbox.clone(),
                user: account.destination.user.clone(),
                check: account.destination_check.clone(),
            },
            analysis: account.analysis.clone(),
            estimate: None,
            totals: Totals::of_account(account),
            pass: account.pass.no.0,
            started: account.pass.started,
            ended: account.pass.ended,
            grade: account.grade,
            error_code: account.error_code.clone(),
            error: account.error.clone(),
            waits: Vec::new(),
        }
    }
}

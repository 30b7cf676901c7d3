//! What a mail tells of a migration.

use mailcrane_core::Timestamp;
use mailcrane_core::record::PassKind;
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::MailEvent;
use mailcrane_lambda::view::Totals;

/// The facts that a mail is written from.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) event: MailEvent,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: MigrationState,
    pub(crate) kind: PassKind,
    pub(crate) accounts: u32,
    pub(crate) totals: Totals,
    pub(crate) created: Timestamp,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) keep_until: Option<Timestamp>,
    /// Accounts that did not end well, each with what to do; the first of them.
    pub(crate) exceptions: Vec<Exception>,
    /// How many accounts did not end well.
    pub(crate) exceptions_total: usize,
    pub(crate) link: String,
}

/// An account that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) mailbox: String,
    /// What failed and what to do; empty when single messages failed.
    pub(crate) message: String,
    pub(crate) failed: u64,
}

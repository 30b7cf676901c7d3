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
    /// What a mail that asks for attention is about.
    pub(crate) trouble: Trouble,
}

/// The kinds of trouble that ask for different things to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trouble {
    /// A mailbox of the destination has no room.
    Full,
    /// Somebody is not let in.
    SignIn,
    /// A server is busy, slow or silent for too long.
    Server,
    /// Anything else.
    #[default]
    Other,
}

impl Trouble {
    /// Tells what a code of the engine is about.
    pub(crate) fn of(code: &str) -> Self {
        let (_, what) = code.split_once('.').unwrap_or_default();
        match what {
            "full" => Self::Full,
            "wrong_password"
            | "credentials_missing"
            | "app_password_needed"
            | "imap_disabled"
            | "no_right"
            | "no_permission"
            | "token_refused"
            | "no_mechanism"
            | "forbidden" => Self::SignIn,
            "busy"
            | "too_many_connections"
            | "day_budget"
            | "too_slow"
            | "silent"
            | "no_answer"
            | "unreachable"
            | "unavailable"
            | "connection_lost"
            | "connection_refused"
            | "no_progress" => Self::Server,
            _ if what.starts_with("oauth_") => Self::SignIn,
            _ => Self::Other,
        }
    }
}

/// An account that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) mailbox: String,
    /// The code of what failed; empty when single messages failed.
    pub(crate) code: String,
    /// What failed and what to do; empty when single messages failed.
    pub(crate) message: String,
    pub(crate) failed: u64,
}

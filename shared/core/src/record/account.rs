//! An account: one pair of source mailbox and destination mailbox.

use super::{Access, Counters, OauthKind, Record};
use crate::id::{AccountNo, PassNo};
use crate::key::SourceId;
use crate::ports::source::{AdminScheme, Endpoint};
use crate::state::AccountState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the source is signed in to; the secrets themselves are in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceAuth {
    /// The user's password.
    #[default]
    Password,
    /// An administrator's password.
    Administrator(AdminScheme),
    /// An OAuth 2 refresh token, service account or application.
    Oauth,
    /// A mailbox of the stack's WorkMail organisation, read over EWS; the user is its address.
    Workmail(Access),
}

/// The source of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEnd {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The user as entered.
    pub user: String,
    /// How to sign in.
    #[serde(default)]
    pub auth: SourceAuth,
}

/// The destination of an account; its kind is the migration's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationEnd {
    /// The address of the mailbox.
    pub mailbox: String,
    /// The user to sign in as, when it is not the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How the check of one end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Not looked at yet.
    #[default]
    Pending,
    /// Well.
    Passed,
    /// Refused.
    Failed,
}

/// The check of one end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Check {
    /// How it went.
    pub state: CheckState,
    /// The code of the fault.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What failed and what to do next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The SHA-256 of the server's certificate, when only that certificate stands in the way: it may be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What the provider of a source allows for one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Allowance {
    /// How many connections at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u16>,
    /// How many octets may be read in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_octets: Option<u64>,
}

impl Allowance {
    /// Returns how many lanes read at the same time: as many as wanted, and one connection less than allowed, which the
    /// mailbox's user keeps.
    #[must_use]
    pub fn lanes(&self, wanted: u16) -> u16 {
        self.connections.map_or(wanted, |allowed| wanted.min(allowed.saturating_sub(1))).max(1)
    }
}

/// How fast the ends of an account answered while it was analyzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Speeds {
    /// Octets that one connection to the source brought in a second; 0 when nothing was read.
    pub source_octets: u64,
    /// Milliseconds of one request to the destination; 0 when none was measured.
    pub request_milliseconds: u64,
}

/// What the analysis found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// Folders with messages or children that would be copied.
    pub folders: u32,
    /// Messages.
    pub messages: u64,
    /// Octets as announced.
    pub bytes: u64,
    /// Messages received within the last 10 days.
    pub recent_messages: u64,
    /// Their octets.
    pub recent_bytes: u64,
    /// Messages that are announced larger than the destination takes.
    pub too_large: u64,
    /// Items that the destination's mailbox holds already.
    pub destination_items: u64,
    /// Free octets at the destination, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_free: Option<u64>,
    /// Whether it has ended.
    pub complete: bool,
    /// Milliseconds that it took.
    pub milliseconds: u64,
    /// How fast both ends answered, the base of the estimate.
    pub speeds: Speeds,
}

/// What a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Everything.
    #[default]
    Full,
    /// The last 10 days.
    Trial,
    /// What is older than a time; the rest comes with the next full pass.
    Prestage,
    /// What came, or failed, since the last pass.
    Delta,
}

/// How a pass over an account is graded after verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Every message is at the destination.
    Complete,
    /// Every message is, but for exceptions that the protocol names.
    CompleteWithExceptions,
    /// Messages that were copied are not there any more.
    Missing,
}

/// The current or last pass over an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pass {
    /// Its number; 0 before the first.
    pub no: PassNo,
    /// What it is.
    pub kind: PassKind,
    /// Only messages received at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only messages received before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Whether every slice of it is known.
    pub planned: bool,
    /// How many slices are known.
    pub slices: u32,
    /// Messages in its slices.
    pub found: u64,
    /// Octets in its slices, as announced.
    pub found_bytes: u64,
    /// How many copy lanes it has.
    pub lanes: u16,
    /// How many lanes, the planning one included, have not ended.
    pub lanes_open: u16,
    /// Whether UIDVALIDITY changed under way, so that it must be planned again.
    pub replan: bool,
    /// How often it was planned anew for that reason.
    #[serde(skip_serializing_if = "is_zero")]
    pub round: u32,
    /// Whether it had its turn and gives its place up: its lanes end, and it waits behind those that had none.
    pub yields: bool,
    /// Whether a lane was stopped since its lanes were begun last: it may have left slices that nobody looks at any more.
    pub stopped: bool,
    /// How many folders it has.
    pub folders: u32,
    /// What it counted, rolled up from its lanes.
    pub counters: Counters,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The version of this form, 1.
    pub v: u8,
    /// Its number in the migration.
    pub no: AccountNo,
    /// Names the source for good.
    pub source_id: SourceId,
    /// The source.
    pub source: SourceEnd,
    /// What kind of OAuth 2 its source is signed in to by, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_oauth: Option<OauthKind>,
    /// The destination.
    pub destination: DestinationEnd,
    /// The state; changed by [`AccountState::apply`] alone.
    pub state: AccountState,
    /// Whether the user has ticked it.
    pub selected: bool,
    /// Whether the user has removed it, before anything was copied. Its number is not given again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// The check of the source.
    #[serde(default)]
    pub source_check: Check,
    /// The check of the destination.
    #[serde(default)]
    pub destination_check: Check,
    /// The analysis.
    #[serde(default)]
    pub analysis: Analysis,
    /// What the provider of its source allows, as the last check found it.
    #[serde(default)]
    pub allowance: Allowance,
    /// The current or last pass.
    #[serde(default)]
    pub pass: Pass,
    /// Whether it is queued as soon as its check has passed.
    #[serde(default)]
    pub queue_when_checked: bool,
    /// What the passes before the current one counted, together.
    #[serde(default)]
    pub before: Counters,
    /// What the passes before the current one found, together.
    #[serde(default)]
    pub before_found: u64,
    /// The same in octets.
    #[serde(default)]
    pub before_bytes: u64,
    /// The grade of the last verified pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// The code of what needs a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error_code: String,
    /// What failed and what to do next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl Account {
    /// Tells whether messages of it may be at the destination.
    #[must_use]
    pub fn has_copied(&self) -> bool {
        self.pass.slices > 0 || self.before_found > 0
    }
}

impl Record for Account {}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_no_more_lanes_than_its_provider_allows_connections() {
        let lanes = |connections| Allowance { connections, daily_octets: None }.lanes(4);
        assert_eq!([None, Some(15), Some(5), Some(3), Some(1), Some(0)].map(lanes), [4, 4, 4, 2, 1, 1]);
    }
}

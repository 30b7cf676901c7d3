//! A slice: UIDs of one folder, the unit that is leased.

use super::{Counters, Record};
use crate::id::{FolderNo, Generation, LaneNo, PassNo, SliceNo};
use crate::uid::{Uid, UidSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a slice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceState {
    /// Nobody works on it.
    Free,
    /// A lane works on it.
    Leased,
    /// A request was not answered; nobody may work on it before the quarantine is over.
    Uncertain,
    /// Every UID of it has an outcome.
    Done,
}

/// What a slice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceKind {
    /// Messages to be copied.
    #[default]
    Plain,
    /// Messages that look like others of the folder; copied unless their digest equals the leader's. Waits for all
    /// plain slices of the pass.
    Suspects,
}

/// The time-limited right to work on a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The lane.
    pub lane: LaneNo,
    /// The lane's generation.
    pub generation: Generation,
    /// Until when.
    pub until: Timestamp,
}

/// A slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The version of this form, 1.
    pub v: u8,
    /// Its number in the pass.
    pub no: SliceNo,
    /// The pass.
    pub pass: PassNo,
    /// The folder.
    pub folder: FolderNo,
    /// The epoch of the folder that its UIDs belong to.
    pub epoch: u32,
    /// What it holds.
    #[serde(default)]
    pub kind: SliceKind,
    /// Its lowest UID.
    pub first: Uid,
    /// Its highest UID.
    pub last: Uid,
    /// How many messages the plan saw in it.
    pub found: u64,
    /// Their octets as announced.
    pub bytes: u64,
    /// Where it stands.
    pub state: SliceState,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Until when an unanswered request may still take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertain_until: Option<Timestamp>,
    /// Whether a request for it was ever left unanswered; verification then looks for late copies.
    #[serde(default)]
    pub doubted: bool,
    /// Every UID up to this one has its outcome in the named pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_to: Option<Uid>,
    /// No UID above this one was ever sent to the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended_to: Option<Uid>,
    /// The pages of the manifest that count, in their order.
    #[serde(default)]
    pub pages: Vec<String>,
    /// What the named pages count.
    #[serde(default)]
    pub counters: Counters,
    /// The UIDs that failed.
    #[serde(default, skip_serializing_if = "UidSet::is_empty")]
    pub failed: UidSet,
    /// The UIDs that were too large for the destination and are kept nowhere.
    #[serde(default, skip_serializing_if = "UidSet::is_empty")]
    pub too_large: UidSet,
}

impl Record for Slice {}

/// One message of a slice as the plan saw it. The messages of a slice are kept packed in an item of their own,
/// since the slice itself is written with every window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The message.
    #[serde(rename = "u")]
    pub uid: Uid,
    /// Its octets as announced.
    #[serde(rename = "s")]
    pub octets: u64,
    /// The message that it looks like, for suspects.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<Uid>,
}

//! The protocol: what a customer should know of an account besides its messages. What became of each message is a row of
//! the manifest; the protocol that people read joins both.

use crate::id::FolderNo;
use crate::uid::Uid;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A message equals one that is there.
    Duplicate,
    /// A message was left out by rule.
    Skipped,
    /// A message could not be copied.
    Failed,
    /// A message disappeared before it was read.
    Vanished,
    /// A folder has another name at the destination.
    Renamed,
    /// A folder was left out.
    FolderSkipped,
    /// A server asked for a pause.
    Pause,
    /// A connection broke and was made again.
    Reconnect,
    /// A copy that came late was removed.
    LateCopyRemoved,
    /// A folder's UIDVALIDITY changed.
    Renumbered,
    /// Something else that a person should know.
    Note,
    /// The account cannot go on without a person.
    Stalled,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub kind: EntryKind,
    /// A stable code in dots.
    pub code: String,
    /// What happened, for people.
    pub text: String,
    /// The folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderNo>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Its Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Its octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<u64>,
}

//! A folder of an account, at both ends.

use super::Record;
use crate::folder::{FolderId, Role, WireName};
use crate::id::{FolderNo, PassNo};
use crate::key::KeyPrefix;
use crate::uid::{Uid, UidSet, UidValidity};
use serde::{Deserialize, Serialize};

/// The name that a folder has at the destination, level by level.
pub type MappedName = Vec<String>;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// The version of this form, 1.
    pub v: u8,
    /// Its number in the account.
    pub no: FolderNo,
    /// Its name on the wire.
    pub wire: WireName,
    /// Its name for people.
    pub path: Vec<String>,
    /// Its special use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The beginning of its messages' keys in this epoch.
    pub prefix: KeyPrefix,
    /// The beginnings of the keys in former epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<KeyPrefix>,
    /// UIDVALIDITY of this epoch.
    pub uidvalidity: UidValidity,
    /// How often UIDVALIDITY changed.
    #[serde(default)]
    pub epoch: u32,
    /// UIDNEXT when the folder was planned last; nothing before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_to: Option<Uid>,
    /// The pass that planned it last.
    #[serde(default)]
    pub planned_in: PassNo,
    /// Which of that pass's plans it was; there is more than one when a folder was numbered anew under way.
    #[serde(default)]
    pub planned_round: u32,
    /// What was copied up to this pass was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<PassNo>,
    /// The last pass whose verification came to this folder and found something to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<PassNo>,
    /// UIDs of this epoch that ended in earlier passes (failures are not among them), including holes.
    #[serde(default, skip_serializing_if = "UidSet::is_empty")]
    pub covered: UidSet,
    /// UIDs that the last plan answers for, holes included; they become covered when its pass has ended.
    #[serde(default, skip_serializing_if = "UidSet::is_empty")]
    pub planned: UidSet,
    /// UIDs of this epoch that were too large for the destination and are kept nowhere: a pass with the oversize rescue
    /// takes them up.
    #[serde(default, skip_serializing_if = "UidSet::is_empty")]
    pub too_large: UidSet,
    /// The last copied messages and what they are recognised by: a server that was restored from a backup, or gives
    /// out UIDs again, is found out by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<(Uid, u64)>,
    /// How many pages name its messages by X-GM-MSGID (servers whose folders are labels).
    #[serde(default)]
    pub label_pages: u32,
    /// Where its messages go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<FolderId>,
    /// The name there.
    #[serde(default)]
    pub destination_path: MappedName,
    /// Messages found by the last plan, filters applied.
    #[serde(default)]
    pub found: u64,
    /// Their octets as announced.
    #[serde(default)]
    pub bytes: u64,
    /// Why it is not copied; empty when it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub skipped: String,
    /// Whether that is because the server does not open it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

impl Record for Folder {}

//! What is kept in the table: the records, their keys, and how they become items.

mod account;
mod estimate;
mod folder;
mod lane;
mod mailbox;
mod migration;
mod outline;
mod protocol;
mod secrets;
mod slice;
mod voucher;
mod webhook;

pub use account::{
    Account, Allowance, Analysis, Check, CheckState, DestinationEnd, Grade, Pass, PassKind, SourceAuth, SourceEnd,
    Speeds,
};
pub use estimate::{Bottleneck, Estimate};
pub use folder::{Folder, MappedName};
pub use lane::{Lane, LaneState};
pub use mailbox::CreatedMailbox;
pub use migration::{Access, DestinationKind, Grant, GrantKind, Migration, Opened, Options};
pub use outline::Outline;
pub use protocol::{Entry, EntryKind};
pub use secrets::{OauthKind, OauthSecret, Secrets};
pub use slice::{Lease, Planned, Slice, SliceKind, SliceState};
pub use voucher::{ListedVoucher, Payment, Right, Voucher};
pub use webhook::{Telling, Webhook, WebhookTrouble};

use crate::ports::table::{Body, Item, Key};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// A record that is kept as one item.
pub trait Record: Serialize + DeserializeOwned {
    /// Returns when the sweeper must look at it.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// Returns when the table may forget it.
    fn expires(&self) -> Option<Timestamp> {
        None
    }
}

/// An item that is not the record it should be.
#[derive(Debug, thiserror::Error)]
#[error("the item {pk} {sk} is not the record it should be")]
pub struct MalformedRecord {
    pk: String,
    sk: String,
    #[source]
    cause: serde_json::Error,
}

/// A record as it was read: with its key and the version that a write must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Where it is.
    pub key: Key,
    /// The version that was read; 0 for one that is not stored yet.
    pub version: u64,
    /// The record.
    pub record: T,
}

impl<T: Record> Versioned<T> {
    /// Wraps a record that is not stored yet.
    pub fn fresh(key: Key, record: T) -> Self {
        Self { key, version: 0, record }
    }

    /// Reads the record of an item.
    ///
    /// # Errors
    /// [`MalformedRecord`] when the body is not that record.
    pub fn of(item: &Item) -> Result<Self, MalformedRecord> {
        let read = match &item.body {
            Body::Json(json) => serde_json::from_str(json),
            Body::Packed(octets) => serde_json::from_slice(octets),
        };
        let record =
            read.map_err(|cause| MalformedRecord { pk: item.key.pk.clone(), sk: item.key.sk.clone(), cause })?;
        Ok(Self { key: item.key.clone(), version: item.version, record })
    }

    /// Returns the item of the next version.
    ///
    /// # Errors
    /// [`MalformedRecord`] when the record cannot be written as JSON.
    pub fn next_item(&self) -> Result<Item, MalformedRecord> {
        let json = serde_json::to_string(&self.record).map_err(|cause| MalformedRecord {
            pk: self.key.pk.clone(),
            sk: self.key.sk.clone(),
            cause,
        })?;
        Ok(Item {
            key: self.key.clone(),
            version: self.version.saturating_add(1),
            body: Body::Json(json),
            due: self.record.due(),
            expires: self.record.expires(),
        })
    }
}

/// How many messages ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Stored by us.
    pub copied: u64,
    /// Equal ones were there already.
    pub duplicate: u64,
    /// Left out by rule.
    pub skipped: u64,
    /// Could not be copied.
    pub failed: u64,
    /// Disappeared before they were read.
    pub vanished: u64,
    /// Octets of the messages that ended so.
    pub bytes: u64,
}

impl Counters {
    /// Returns how many messages have an outcome.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.copied + self.duplicate + self.skipped + self.failed + self.vanished
    }

    /// Counts one row.
    pub fn count(&mut self, row: &crate::manifest::Row) {
        use crate::manifest::Outcome;
        match row.outcome {
            Outcome::Copied => self.copied += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Vanished => self.vanished += 1,
        }
        self.bytes += row.octets;
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.copied += other.copied;
        self.duplicate += other.duplicate;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.vanished += other.vanished;
        self.bytes += other.bytes;
    }
}

/// Keys of the table, in one place.
pub mod keys {
    use crate::id::{AccountNo, FolderNo, LaneNo, MigrationId, PassNo, SliceNo};
    use crate::ports::table::Key;
    use crate::token::LaneKind;

    /// The partition of a migration.
    #[must_use]
    pub fn migration_partition(id: &MigrationId) -> String {
        format!("M#{id}")
    }

    /// The migration itself.
    #[must_use]
    pub fn migration(id: &MigrationId) -> Key {
        Key::new(migration_partition(id), "MIGRATION")
    }

    /// The partition of a bucket of 250 accounts.
    #[must_use]
    pub fn bucket(id: &MigrationId, bucket: u32) -> String {
        format!("M#{id}#B#{bucket:03}")
    }

    /// An account.
    #[must_use]
    pub fn account(id: &MigrationId, no: AccountNo) -> Key {
        Key::new(bucket(id, no.bucket()), format!("A#{no}"))
    }

    /// The partition of what belongs to an account.
    #[must_use]
    pub fn account_partition(id: &MigrationId, no: AccountNo) -> String {
        format!("M#{id}#A#{no}")
    }

    /// A lane of an account.
    #[must_use]
    pub fn lane(id: &MigrationId, no: AccountNo, kind: LaneKind, lane: LaneNo) -> Key {
        Key::new(account_partition(id, no), format!("L#{}#{lane}", kind.as_str()))
    }

    /// The folders of an account's source, as its analysis saw them.
    #[must_use]
    pub fn outline(id: &MigrationId, no: AccountNo) -> Key {
        Key::new(account_partition(id, no), "OUTLINE")
    }

    /// A folder of an account.
    #[must_use]
    pub fn folder(id: &MigrationId, no: AccountNo, folder: FolderNo) -> Key {
        Key::new(account_partition(id, no), format!("F#{folder}"))
    }

    /// What the slices of a pass begin with.
    #[must_use]
    pub fn slices(pass: PassNo) -> String {
        format!("S#{pass}#")
    }

    /// What the slices of every pass begin with.
    pub const SLICES: &str = "S#";

    /// The pages of a folder's messages by their X-GM-MSGID; those count whose number the folder knows.
    #[must_use]
    pub fn label_page(id: &MigrationId, no: AccountNo, folder: FolderNo, page: u32) -> Key {
        Key::new(account_partition(id, no), format!("G#{folder}#{page:05}"))
    }

    /// What was read of a source in an hour (of those since 1970), over all migrations.
    #[must_use]
    pub fn hour(source: &crate::key::SourceId, hour: i64) -> Key {
        Key::new(format!("RATE#hour#{}", source.as_str()), hour.to_string())
    }

    /// A slice of a pass.
    #[must_use]
    pub fn slice(id: &MigrationId, no: AccountNo, pass: PassNo, slice: SliceNo) -> Key {
        Key::new(account_partition(id, no), format!("{}{slice}", slices(pass)))
    }

    /// The packed list of a slice's messages.
    #[must_use]
    pub fn slice_messages(id: &MigrationId, no: AccountNo, pass: PassNo, slice: SliceNo) -> Key {
        Key::new(account_partition(id, no), format!("T#{pass}#{slice}"))
    }

    /// A page of the manifest; counts only when its slice names it.
    #[must_use]
    pub fn manifest_page(id: &MigrationId, no: AccountNo, pass: PassNo, slice: SliceNo, page: &str) -> Key {
        Key::new(account_partition(id, no), format!("X#{pass}#{slice}#{page}"))
    }

    /// A page of the protocol.
    #[must_use]
    pub fn protocol_page(id: &MigrationId, no: AccountNo, name: &str) -> Key {
        Key::new(account_partition(id, no), format!("P#{name}"))
    }

    /// A permission to take back.
    #[must_use]
    pub fn grant(id: &MigrationId, mailbox: &str) -> Key {
        Key::new(migration_partition(id), format!("GRANT#{mailbox}"))
    }

    /// A mailbox that was created at the destination; its address in small letters.
    #[must_use]
    pub fn created_mailbox(id: &MigrationId, email: &str) -> Key {
        Key::new(migration_partition(id), format!("MAILBOX#{}", email.to_lowercase()))
    }

    /// A mail that was sent, so that it is sent once.
    #[must_use]
    pub fn mail(id: &MigrationId, event: &str) -> Key {
        Key::new(migration_partition(id), format!("MAIL#{event}"))
    }

    /// The one item that says which accounts are active.
    #[must_use]
    pub fn admission() -> Key {
        Key::new("ADMISSION", "ADMISSION")
    }

    /// An account that waits for its turn out of order.
    #[must_use]
    pub fn waiting(id: &MigrationId, no: AccountNo) -> Key {
        Key::new(format!("WAIT#{id}"), format!("A#{no}"))
    }

    /// An account that gave its place to others and waits for its next turn; sorts behind the others that wait.
    #[must_use]
    pub fn yielded(id: &MigrationId, no: AccountNo) -> Key {
        Key::new(format!("WAIT#{id}"), format!("Z#{no}"))
    }

    /// A mail that is to be sent.
    #[must_use]
    pub fn letter(id: &MigrationId, name: &str) -> Key {
        Key::new(migration_partition(id), format!("OUT#{name}"))
    }

    /// An event that a webhook is told of.
    #[must_use]
    pub fn telling(id: &MigrationId, name: &str) -> Key {
        Key::new(migration_partition(id), format!("HOOK#{name}"))
    }

    /// A voucher, by the hash of its code.
    #[must_use]
    pub fn voucher(hash: &str) -> Key {
        Key::new(format!("V#{hash}"), "VOUCHER")
    }

    /// The list of all vouchers, for the operator.
    #[must_use]
    pub fn listed_voucher(id: &str) -> Key {
        Key::new("LIST#vouchers", id)
    }

    /// The list of all migrations, for the operator.
    #[must_use]
    pub fn listed(id: &MigrationId) -> Key {
        Key::new("LIST#migrations", id.as_str())
    }
}

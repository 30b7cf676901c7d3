//! One message: as a scan lists it, as a fetch brings it, as a destination is given it.

use crate::digest::Digest;
use crate::flags::Flags;
use crate::key::MessageKey;
use crate::uid::Uid;
use bytes::Bytes;
use jiff::Timestamp;

/// What a scan tells of a message without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRow {
    /// The message.
    pub uid: Uid,
    /// RFC822.SIZE in octets: an estimate on some servers, never the truth.
    pub size: u64,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE, when the server gave a sensible one.
    pub received: Option<Timestamp>,
    /// The Message-ID without blanks, when asked for and present once.
    pub message_id: Option<String>,
    /// X-GM-MSGID, on servers with X-GM-EXT-1.
    pub gmail_id: Option<u64>,
    /// X-GM-LABELS, on servers with X-GM-EXT-1.
    pub gmail_labels: Vec<String>,
}

/// What became of one asked UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The asked UID.
    pub uid: Uid,
    /// Its outcome.
    pub outcome: FetchOutcome,
}

/// The outcomes of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchOutcome {
    /// The whole message.
    Message(RawMessage),
    /// Read through but not kept, as the admission asked for.
    Drained {
        /// The exact length in octets.
        octets: u64,
        /// The digest of the octets.
        digest: Digest,
        /// Its flags.
        flags: Flags,
        /// INTERNALDATE, when the server gave a sensible one.
        received: Option<Timestamp>,
        /// X-GM-LABELS, on servers with X-GM-EXT-1.
        gmail_labels: Vec<String>,
    },
    /// The message is no longer there; not an error.
    Vanished,
    /// The server has it but does not give it out, after every retry.
    Unreadable {
        /// Why, for the protocol.
        reason: String,
    },
}

/// A message as the source sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMessage {
    /// The octets of `BODY.PEEK[]`.
    pub raw: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE, when the server gave a sensible one.
    pub received: Option<Timestamp>,
    /// X-GM-LABELS, on servers with X-GM-EXT-1.
    pub gmail_labels: Vec<String>,
}

/// What the octets of a message say of it; made by the mime crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFacts {
    /// The SHA-256 of the octets.
    pub digest: Digest,
    /// The length in octets.
    pub octets: u64,
    /// The Message-ID without blanks, when there is exactly one.
    pub message_id: Option<String>,
    /// A hash of the whole header, for messages without a usable Message-ID.
    pub header_hash: u64,
    /// The Date header, when it can be read.
    pub sent: Option<Timestamp>,
    /// The time of the last (topmost) Received header, when it can be read.
    pub arrived: Option<Timestamp>,
    /// The decoded octets of the largest attachment, 0 without one.
    pub largest_attachment: u64,
    /// Whether it is S/MIME or otherwise signed or encrypted, so that it must not be touched.
    pub signed: bool,
}

/// One message to be stored at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Our key, stored with the item where the destination can.
    pub key: MessageKey,
    /// The octets, exactly as they came.
    pub raw: Bytes,
    /// Read, answered, flagged, draft, forwarded.
    pub flags: Flags,
    /// The names of the categories (user keywords, Gmail labels).
    pub categories: Vec<String>,
    /// The received date; never missing: INTERNALDATE, else the Date header, else the last Received, else now.
    pub received: Timestamp,
    /// The Date header.
    pub sent: Option<Timestamp>,
    /// Whether the message is signed or encrypted.
    pub signed: bool,
}

//! The manifest: one row for every asked UID, kept in packed pages.

use crate::digest::Digest;
use crate::ports::destination::ItemId;
use crate::uid::Uid;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is at the destination, stored by us.
    Copied,
    /// An equal message is at the destination already.
    Duplicate,
    /// Left out by rule; the reason names the rule.
    Skipped,
    /// Could not be copied; the reason says why. Tried again by the next delta.
    Failed,
    /// It disappeared from the source before it was read.
    Vanished,
}

/// The code of a message that was too large for the destination: its original is in the bucket, and a stub with a link
/// at its place in the mailbox.
pub const RESCUED: &str = "too_large.rescued";

/// One row: what became of one UID of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The message.
    #[serde(rename = "u")]
    pub uid: Uid,
    /// How it ended.
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// Why, as a stable code in dots; empty for what was copied.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Why, for people; empty for what was copied.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Octets as read; as announced when it was not read.
    #[serde(rename = "s")]
    pub octets: u64,
    /// The Message-ID.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The digest of the octets, when they were read.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// INTERNALDATE.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
    /// Where it is now, when it is there.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

impl Row {
    /// Tells whether an item of ours stands for the message at the destination: its copy, or its stub.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.outcome == Outcome::Copied || (self.item.is_some() && self.code == RESCUED)
    }

    /// Tells whether the message was too large for the destination and is kept nowhere else.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.outcome == Outcome::Skipped && self.code.contains("too_large") && self.code != RESCUED
    }
}

/// A page that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a manifest page cannot be read")]
pub struct MalformedPage(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The version that a packed page begins with.
const VERSION: u8 = 1;

/// No page unpacks to more than this: 200 rows with room to spare.
const LARGEST: u64 = 64 << 20;

/// Packs rows: a version octet, then deflated JSON (RFC 1950).
///
/// # Errors
/// [`MalformedPage`] when the rows cannot be written, which memory alone can cause.
pub fn pack<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, MalformedPage> {
    let mut encoder = ZlibEncoder::new(vec![VERSION], Compression::new(6));
    serde_json::to_writer(&mut encoder, rows).map_err(|e| MalformedPage(e.into()))?;
    encoder.flush().map_err(|e| MalformedPage(e.into()))?;
    encoder.finish().map_err(|e| MalformedPage(e.into()))
}

/// Unpacks what [`pack`] made.
///
/// # Errors
/// [`MalformedPage`] when the octets are of another version or damaged.
pub fn unpack<T: for<'a> Deserialize<'a>>(page: &[u8]) -> Result<Vec<T>, MalformedPage> {
    let Some((&VERSION, deflated)) = page.split_first() else {
        return Err(MalformedPage("another version".into()));
    };
    let mut json = Vec::new();
    let mut decoder = ZlibDecoder::new(deflated).take(LARGEST);
    decoder.read_to_end(&mut json).map_err(|e| MalformedPage(e.into()))?;
    serde_json::from_slice(&json).map_err(|e| MalformedPage(e.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(uid: u32) -> Row {
        Row {
            uid: Uid::new(uid).unwrap(),
            outcome: Outcome::Copied,
            code: String::new(),
            reason: String::new(),
            octets: 1234,
            message_id: Some(format!("<{uid}@example.org>")),
            digest: Some(Digest::of(&uid.to_be_bytes())),
            received: None,
            item: Some(ItemId(format!("AAMkADItem{uid:08}"))),
        }
    }

    #[test]
    fn a_page_gives_back_its_rows() {
        let rows: Vec<_> = (1..=200).map(row).collect();
        let page = pack(&rows).unwrap();
        assert_eq!(unpack::<Row>(&page).unwrap(), rows);
        assert!(page.len() < 200 * 90, "{} octets", page.len());
    }

    #[test]
    fn a_damaged_page_is_an_error() {
        let mut page = pack(&[row(1)]).unwrap();
        page.truncate(page.len() / 2);
        assert!(unpack::<Row>(&page).is_err());
        assert!(unpack::<Row>(&[]).is_err());
        assert!(unpack::<Row>(&[9, 1, 2]).is_err());
    }

    #[test]
    fn a_row_of_version_1_reads_as_it_was_written() {
        let sample = r#"{"u":7,"o":"failed","c":"source.unreadable","r":"not given out","s":10}"#;
        let row = serde_json::from_str::<Row>(sample).unwrap();
        assert_eq!(serde_json::to_string(&row).unwrap(), sample);
    }
}

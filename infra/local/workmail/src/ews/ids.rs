//! Opaque identities: base64 over kind, mailbox, number and move count, as long as the real ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::random::Random;
use crate::store::folder::Folder;
use crate::store::item::Item;

const PREFIX: usize = 76;

/// What an identity says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// A folder.
    Folder {
        /// Number of the user whose mailbox it is in.
        mailbox: i64,
        /// Number of the folder.
        folder: i64,
    },
    /// An item.
    Item {
        /// Number of the user whose mailbox it is in.
        mailbox: i64,
        /// Number of the item.
        item: i64,
        /// How often it had been moved.
        moves: i64,
    },
}

/// Gives a folder's `FolderId`.
pub fn folder(folder: &Folder) -> String {
    encode(b'F', folder.mailbox, folder.id, 0)
}

/// Gives an item's `ItemId`; it changes when the item is moved.
pub fn item(item: &Item) -> String {
    encode(b'I', item.mailbox, item.id, item.moves)
}

/// Gives a `ChangeKey`.
pub fn change_key(change: i64) -> String {
    let mut bytes = b"CQAAABYAAAA".to_vec();
    bytes.extend(change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// Reads an identity; none when it is not one of ours.
pub fn parse(text: &str) -> Option<Id> {
    let bytes = STANDARD.decode(text).ok()?;
    let (prefix, rest) = bytes.split_at_checked(PREFIX)?;
    let (kind, rest) = rest.split_first()?;
    let numbers: Vec<i64> = rest.chunks_exact(8).filter_map(|c| c.try_into().ok().map(i64::from_be_bytes)).collect();
    let [mailbox, number, moves] = numbers.as_slice() else {
        return None;
    };
    if prefix != mailbox_prefix(*mailbox) || rest.len() != 24 {
        return None;
    }
    match kind {
        b'F' => Some(Id::Folder { mailbox: *mailbox, folder: *number }),
        b'I' => Some(Id::Item { mailbox: *mailbox, item: *number, moves: *moves }),
        _ => None,
    }
}

fn encode(kind: u8, mailbox: i64, number: i64, moves: i64) -> String {
    let mut bytes = mailbox_prefix(mailbox);
    bytes.push(kind);
    for part in [mailbox, number, moves] {
        bytes.extend(part.to_be_bytes());
    }
    STANDARD.encode(bytes)
}

fn mailbox_prefix(mailbox: i64) -> Vec<u8> {
    let mut random = Random::new(mailbox.unsigned_abs().wrapping_mul(31));
    let mut bytes = Vec::with_capacity(PREFIX + 40);
    while bytes.len() < PREFIX {
        bytes.extend(random.next_u64().to_be_bytes());
    }
    bytes.truncate(PREFIX);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back() {
        let text = encode(b'I', 3, 99, 1);
        assert_eq!(parse(&text), Some(Id::Item { mailbox: 3, item: 99, moves: 1 }));
        assert!(text.len() > 120, "{}", text.len());
        assert_eq!(parse("AAA="), None);
        assert_eq!(parse(&format!("AAAA{}", text.get(4..).unwrap())), None);
        assert_eq!(parse("not base64!"), None);
    }
}

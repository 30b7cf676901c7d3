//! Turns a message of the copy into what `CreateItem` stores.

use mailcrane_core::message::NewItem;

use crate::soap::create_item::{Message, Verb};

/// Headers by which a message asks for a read receipt.
const RECEIPTS: [&str; 3] = ["disposition-notification-to", "return-receipt-to", "x-confirm-reading-to"];

/// Maps flags, dates and categories; both answered and forwarded counts as answered.
pub(crate) fn to_store(item: &NewItem) -> Message {
    let verb = match (item.flags.answered, item.flags.forwarded) {
        (true, _) => Some(Verb::Answered),
        (false, true) => Some(Verb::Forwarded),
        (false, false) => None,
    };
    Message {
        mime: item.raw.clone(),
        read: item.flags.seen,
        draft: item.flags.draft,
        flagged: item.flags.flagged,
        verb,
        received: item.received,
        sent: item.sent,
        categories: item.categories.clone(),
        key: item.key.to_string(),
        as_note: !item.signed,
        without_receipt: !item.flags.draft && asks_for_receipt(&item.raw),
    }
}

/// Looks at the header lines, up to the first empty one.
fn asks_for_receipt(raw: &[u8]) -> bool {
    raw.split(|b| *b == b'\n').take_while(|line| !matches!(line, [] | [b'\r'])).any(|line| {
        let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
        name.len() < line.len() && RECEIPTS.iter().any(|r| name.eq_ignore_ascii_case(r.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_seen_in_the_header_only() {
        assert!(asks_for_receipt(b"From: a\r\nDisposition-Notification-To: a@example.org\r\n\r\nx"));
        assert!(asks_for_receipt(b"RETURN-RECEIPT-TO : a\n\nx"));
        assert!(!asks_for_receipt(b"From: a\r\n\r\nReturn-Receipt-To: a\r\n"));
        assert!(!asks_for_receipt(b"Subject: Return-Receipt-To: a\r\n\r\n"));
        assert!(!asks_for_receipt(b""));
    }
}

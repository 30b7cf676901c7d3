//! What becomes of one message that was read: stored, or a row right away.

use super::rescue::Rescued;
use super::stub::{self, Told};
use mailcrane_core::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::flags::Flags;
use mailcrane_core::key::MessageKey;
use mailcrane_core::manifest::{Outcome, RESCUED, Row};
use mailcrane_core::message::{FetchOutcome, MessageFacts, NewItem, RawMessage};
use mailcrane_core::ports::destination::{Features, ListedItem};
use mailcrane_core::uid::Uid;

/// What is decided.
#[derive(Debug)]
pub enum Decision {
    /// To be stored; the row is complete but for the item's id.
    Store(Box<NewItem>, Row),
    /// Nothing to be stored; this is its row.
    Ended(Row),
}

/// What is known besides the message itself.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// The key that the message gets.
    pub key: MessageKey,
    /// The folder as people see it; a label of the same name is no category.
    pub folder: &'a str,
    /// What the destination can take.
    pub features: &'a Features,
    /// The item with this key that is there already, after a doubt.
    pub there: Option<&'a ListedItem>,
    /// The digest of the message that this one looks like, when it has one.
    pub leader: Option<(Uid, Digest)>,
    /// The time, for messages without any date.
    pub now: Timestamp,
    /// Messages of more octets are left out by the user's choice.
    pub max_octets: Option<u64>,
    /// Where the original is, when it is in the bucket.
    pub rescued: Option<&'a Rescued>,
    /// Whether the destination's refusal of a message as too large puts a stub in its place.
    pub rescues: bool,
    /// The language of stubs.
    pub language: &'a str,
}

/// Decides on what a fetch brought for a UID.
#[must_use]
pub fn decide(uid: Uid, announced: u64, fetched: FetchOutcome, case: &Circumstances<'_>) -> Decision {
    match fetched {
        FetchOutcome::Message(message) => decide_message(uid, message, case),
        FetchOutcome::Drained { octets, digest, flags, received, gmail_labels } => {
            let mut row = drained(uid, octets, case);
            (row.digest, row.received) = (Some(digest), received);
            match case.rescued {
                Some(rescued) => decide_stub(row, rescued, flags, gmail_labels, case),
                None => Decision::Ended(row),
            }
        }
        FetchOutcome::Vanished => {
            let text = "the message disappeared from the source before it was read";
            Decision::Ended(row(uid, Outcome::Vanished, "source.vanished", text, announced))
        }
        FetchOutcome::Unreadable { reason } => {
            Decision::Ended(row(uid, Outcome::Failed, "source.unreadable", &reason, announced))
        }
    }
}

fn decide_message(uid: Uid, message: RawMessage, case: &Circumstances<'_>) -> Decision {
    let facts = mailcrane_mime::facts(&message.raw);
    let mut row = row(uid, Outcome::Copied, "", "", facts.octets);
    row.digest = Some(facts.digest);
    row.message_id.clone_from(&facts.message_id);
    row.received = message.received;
    let is_stub = |item: &ListedItem| case.rescues && stub::may_be(item.size, facts.octets);
    let same = |item: &&ListedItem| is_same(item, facts.message_id.as_ref(), facts.octets) && !is_stub(item);
    if let Some(item) = case.there.filter(same) {
        row.item = Some(item.id.clone());
        return Decision::Ended(row);
    }
    if let Some((leader, digest)) = case.leader
        && digest == facts.digest
    {
        return Decision::Ended(twin(row, leader));
    }
    if let Some((code, reason)) = refused(&facts, case) {
        (row.outcome, row.code, row.reason) = (Outcome::Skipped, code.into(), reason);
        return Decision::Ended(row);
    }
    let item = NewItem {
        key: case.key,
        raw: message.raw,
        categories: categories(&message.flags, message.gmail_labels, case),
        flags: message.flags,
        received: message.received.or(facts.sent).or(facts.arrived).unwrap_or(case.now),
        sent: facts.sent,
        signed: facts.signed,
    };
    Decision::Store(Box::new(item), row)
}

/// Decides on a message that is in the bucket: a stub is stored in its place.
fn decide_stub(
    mut row: Row,
    rescued: &Rescued,
    flags: Flags,
    gmail_labels: Vec<String>,
    case: &Circumstances<'_>,
) -> Decision {
    let facts = mailcrane_mime::facts(&rescued.head);
    row.message_id.clone_from(&facts.message_id);
    if let Some((leader, digest)) = case.leader
        && Some(digest) == row.digest
    {
        return Decision::Ended(twin(row, leader));
    }
    let told = Told { octets: row.octets, link: &rescued.link, place: &rescued.place, language: case.language };
    let raw = stub::make(&rescued.head, &told);
    row.code = RESCUED.into();
    row.reason = format!("{}; the original is kept as {}, and a stub is in its place", rescued.why, rescued.place);
    if let Some(item) = case.there.filter(|item| is_same(item, facts.message_id.as_ref(), raw.len() as u64)) {
        row.item = Some(item.id.clone());
        return Decision::Ended(row);
    }
    let item = NewItem {
        key: case.key,
        raw,
        categories: categories(&flags, gmail_labels, case),
        flags,
        received: row.received.or(facts.sent).or(facts.arrived).unwrap_or(case.now),
        sent: facts.sent,
        signed: false,
    };
    Decision::Store(Box::new(item), row)
}

fn twin(mut row: Row, leader: Uid) -> Row {
    row.outcome = Outcome::Duplicate;
    row.code = "duplicate.source".into();
    row.reason = format!("byte for byte the same as message {leader} of this folder");
    row
}

fn categories(flags: &Flags, gmail_labels: Vec<String>, case: &Circumstances<'_>) -> Vec<String> {
    let mut categories: Vec<String> = flags.categories().map(str::to_owned).collect();
    let others = gmail_labels.into_iter().filter(|label| !label.starts_with('\\') && label != case.folder);
    categories.extend(others);
    categories
}

/// Tells whether an item with our key is really this message: a match counts only with an equal Message-ID or size,
/// or when there is no Message-ID at either end.
fn is_same(item: &ListedItem, message_id: Option<&String>, octets: u64) -> bool {
    match (&item.message_id, message_id) {
        (Some(there), Some(here)) => there == here || item.size == Some(octets),
        (None, None) => true,
        _ => item.size == Some(octets),
    }
}

/// Tells by which of its two rules the destination does not take a message, and in which words.
pub(super) fn too_large(facts: &MessageFacts, features: &Features) -> Option<(&'static str, String)> {
    let megabytes = |octets: u64| octets / 1_000_000;
    if facts.largest_attachment >= features.max_attachment {
        let (has, most) = (megabytes(facts.largest_attachment), megabytes(features.max_attachment));
        let text = format!("an attachment has {has} MB; the destination takes attachments smaller than {most} MB");
        return Some(("too_large.attachment", text));
    }
    let long = facts.octets > features.max_message;
    long.then(|| ("too_large.message", too_long(facts.octets, features.max_message)))
}

/// Says that a message is longer than the destination takes it.
pub(super) fn too_long(octets: u64, most: u64) -> String {
    let (has, most) = (octets / 1_000_000, most / 1_000_000);
    format!("the message has {has} MB; the destination takes up to {most} MB")
}

fn refused(facts: &MessageFacts, case: &Circumstances<'_>) -> Option<(&'static str, String)> {
    if let Some(refused) = too_large(facts, case.features) {
        return Some(refused);
    }
    let most = case.max_octets.filter(|most| facts.octets > *most)?;
    Some(("filter.size", format!("the message has {} octets; the migration is limited to {most}", facts.octets)))
}

fn drained(uid: Uid, octets: u64, case: &Circumstances<'_>) -> Row {
    let (code, reason) = match case.max_octets.filter(|most| octets > *most) {
        Some(most) => ("filter.size", format!("the message has {octets} octets; the migration is limited to {most}")),
        None => ("too_large.message", too_long(octets, case.features.max_message)),
    };
    row(uid, Outcome::Skipped, code, &reason, octets)
}

/// Makes a row without what only a read message has.
#[must_use]
pub fn row(uid: Uid, outcome: Outcome, code: &str, reason: &str, octets: u64) -> Row {
    Row {
        uid,
        outcome,
        code: code.to_owned(),
        reason: reason.to_owned(),
        octets,
        message_id: None,
        digest: None,
        received: None,
        item: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::key::{KeyPrefix, SourceId};
    use mailcrane_core::uid::UidValidity;

    const NOW: &str = "2026-11-01T00:00:00Z";

    /// Decides on a message with these header fields; gives the date that it gets.
    fn dated(received: Option<&str>, header: &str) -> String {
        let features = mailcrane_testkit::destination::features();
        let source = SourceId::of("anna", "imap.example.org");
        let case = Circumstances {
            key: MessageKey { prefix: KeyPrefix::of(&source, &"INBOX".into(), UidValidity(1)), uid: Uid::MIN },
            folder: "INBOX",
            features: &features,
            there: None,
            leader: None,
            now: NOW.parse().unwrap(),
            max_octets: None,
            rescued: None,
            rescues: false,
            language: "en",
        };
        let message = RawMessage {
            raw: format!("Subject: x\r\n{header}\r\nx\r\n").into(),
            flags: Flags::default(),
            received: received.map(|time| time.parse().unwrap()),
            gmail_labels: vec![],
        };
        match decide(Uid::MIN, 1, FetchOutcome::Message(message), &case) {
            Decision::Store(item, _) => item.received.to_string(),
            Decision::Ended(row) => panic!("{row:?}"),
        }
    }

    #[test]
    fn a_message_is_dated_by_the_server_else_by_its_date_else_by_its_way_else_by_now() {
        let date = "Date: Fri, 02 Feb 2024 10:00:00 +0100\r\n";
        let way = "Received: from a by b; Sat, 03 Feb 2024 12:00:00 +0000\r\n";
        assert_eq!(dated(Some("2024-02-05T00:00:00Z"), &format!("{way}{date}")), "2024-02-05T00:00:00Z");
        assert_eq!(dated(None, &format!("{way}{date}")), "2024-02-02T09:00:00Z");
        assert_eq!(dated(None, way), "2024-02-03T12:00:00Z");
        assert_eq!(dated(None, "Date: sometime\r\n"), NOW);
        assert_eq!(dated(None, ""), NOW);
    }
}

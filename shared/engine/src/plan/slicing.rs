//! Cutting a folder into slices: which messages belong to the pass, which are decided already, which look alike.

use crate::copy::decision::row;
use mailcrane_core::Timestamp;
use mailcrane_core::digest::{Digest, short};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::destination::{ItemId, ListedItem};
use mailcrane_core::record::{Planned, SliceKind};
use mailcrane_core::settings::Sizes;
use mailcrane_core::uid::{Uid, UidSet};
use std::collections::{BTreeMap, HashMap};

/// Which messages a pass is about.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub before: Option<Timestamp>,
    /// Also messages with `\Deleted`.
    pub include_deleted: bool,
}

impl Filter {
    /// Tells whether the pass is about the message; one without a date is.
    #[must_use]
    pub fn admits(&self, message: &ScanRow) -> bool {
        let Some(received) = message.received else { return true };
        self.since.is_none_or(|since| received >= since) && self.before.is_none_or(|before| received < before)
    }
}

/// What an earlier pass knows of a message's copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Where it is.
    pub item: Option<ItemId>,
    /// The digest of the message.
    pub digest: Option<Digest>,
}

/// What the destination's folder holds already.
#[derive(Debug, Default)]
pub struct There {
    /// Items with our key of this folder and epoch, stored by an earlier migration of the same mailbox.
    pub ours: BTreeMap<Uid, (ItemId, Option<String>)>,
    /// Items of others, by Message-ID and received date: how many.
    pub foreign: HashMap<u64, u32>,
    /// Items with our keys of former epochs of this folder.
    pub former: Vec<ListedItem>,
}

/// Returns what an item of others is recognised by; nothing without a Message-ID or date.
#[must_use]
pub fn likeness(message_id: Option<&str>, received: Option<Timestamp>) -> Option<u64> {
    Some(short(&[message_id?.as_bytes(), &received?.as_second().to_be_bytes()]))
}

/// Returns what messages have in common that may be the same: size and Message-ID, or size and received date.
fn alike(message: &ScanRow) -> u64 {
    let size = message.size.to_be_bytes();
    let received = message.received.map(|t| t.as_second().to_be_bytes()).unwrap_or_default();
    match &message.message_id {
        Some(id) => short(&[id.as_bytes(), &size]),
        None => short(&[&received, &size, b"none"]),
    }
}

/// A slice that is to be stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// What it holds.
    pub kind: SliceKind,
    /// Its messages, ascending.
    pub messages: Vec<Planned>,
    /// The rows of messages that are decided already; such a slice has no other messages.
    pub decided: Vec<Row>,
}

/// How many rows one item holds: they may have 400 KB together.
const ROWS: usize = 500;

/// Cuts one folder while its scan goes on.
#[derive(Debug)]
pub struct Slicer<'a> {
    sizes: &'a Sizes,
    filter: &'a Filter,
    there: There,
    leaders: HashMap<u64, Uid>,
    open: Vec<Planned>,
    octets: u64,
    suspects: Vec<Planned>,
    decided: Vec<Row>,
    done: Vec<Cut>,
    /// UIDs that are not in the pass, because of its dates.
    pub left_out: UidSet,
    /// Messages of the pass so far.
    pub found: u64,
    /// Their octets as announced.
    pub bytes: u64,
}

impl<'a> Slicer<'a> {
    /// Begins a folder.
    #[must_use]
    pub fn new(sizes: &'a Sizes, filter: &'a Filter, there: There) -> Self {
        Self {
            sizes,
            filter,
            there,
            leaders: HashMap::new(),
            open: Vec::new(),
            octets: 0,
            suspects: Vec::new(),
            decided: Vec::new(),
            done: Vec::new(),
            left_out: UidSet::new(),
            found: 0,
            bytes: 0,
        }
    }

    /// Takes the next messages of the scan, ascending.
    pub fn add(&mut self, messages: Vec<ScanRow>) {
        for message in messages {
            if !self.filter.admits(&message) {
                self.left_out.insert(message.uid);
                continue;
            }
            self.found += 1;
            self.bytes += message.size;
            match self.decide(&message) {
                Some(row) => self.decided.push(row),
                None => self.place(&message),
            }
        }
    }

    /// Decides the given messages as duplicates of items that are there, and returns the others.
    pub fn decide_as(
        &mut self,
        messages: Vec<ScanRow>,
        known: &BTreeMap<Uid, Copy>,
        code: &str,
        text: &str,
    ) -> Vec<ScanRow> {
        let (known_ones, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(|m| known.contains_key(&m.uid));
        for message in known_ones.into_iter().filter(|m| self.filter.admits(m)) {
            self.found += 1;
            self.bytes += message.size;
            let mut row = self.with(&message, row(message.uid, Outcome::Duplicate, code, text, message.size));
            let copy = known.get(&message.uid).cloned().unwrap_or_default();
            (row.item, row.digest) = (copy.item, copy.digest);
            if row.item.is_some() && row.digest.is_some() {
                // Whatever looks like it is compared with its digest.
                self.leaders.entry(alike(&message)).or_insert(message.uid);
            }
            self.decided.push(row);
        }
        others
    }

    fn decide(&mut self, message: &ScanRow) -> Option<Row> {
        let (uid, octets) = (message.uid, message.size);
        if message.flags.deleted && !self.filter.include_deleted {
            let text = "the message is marked as deleted in the source";
            return Some(self.with(message, row(uid, Outcome::Skipped, "filter.deleted", text, octets)));
        }
        if let Some((item, message_id)) = self.there.ours.remove(&uid)
            && (message_id.is_none() || message.message_id.is_none() || message_id == message.message_id)
        {
            let text =
                "an earlier migration of this mailbox, or a pass that did not come to its end, has copied the message";
            let mut row = row(uid, Outcome::Duplicate, "duplicate.earlier_migration", text, octets);
            row.item = Some(item);
            return Some(self.with(message, row));
        }
        let like = likeness(message.message_id.as_deref(), message.received)?;
        let left = self.there.foreign.get_mut(&like).filter(|n| **n > 0)?;
        *left -= 1;
        let text = "the destination held a message with this Message-ID and date before the migration";
        Some(self.with(message, row(uid, Outcome::Duplicate, "duplicate.destination", text, octets)))
    }

    fn with(&self, message: &ScanRow, mut row: Row) -> Row {
        row.message_id.clone_from(&message.message_id);
        row.received = message.received;
        row
    }

    fn place(&mut self, message: &ScanRow) {
        let alike = alike(message);
        if let Some(leader) = self.leaders.get(&alike) {
            self.suspects.push(Planned { uid: message.uid, octets: message.size, leader: Some(*leader) });
            return;
        }
        self.leaders.insert(alike, message.uid);
        let full = self.open.len() as u64 >= self.sizes.slice_messages
            || (!self.open.is_empty() && self.octets + message.size > self.sizes.slice_octets);
        if full {
            self.close();
        }
        self.open.push(Planned { uid: message.uid, octets: message.size, leader: None });
        self.octets += message.size;
    }

    fn close(&mut self) {
        self.octets = 0;
        let messages = std::mem::take(&mut self.open);
        if !messages.is_empty() {
            self.done.push(Cut { kind: SliceKind::Plain, messages, decided: Vec::new() });
        }
    }

    /// Returns the slices that are complete so far.
    pub fn take(&mut self) -> Vec<Cut> {
        std::mem::take(&mut self.done)
    }

    /// Ends the folder and returns its last slices: the open one, what is decided, and the suspects.
    #[must_use]
    pub fn finish(mut self) -> Vec<Cut> {
        self.close();
        let most = usize::try_from(self.sizes.slice_messages).unwrap_or(usize::MAX).max(1);
        for rows in self.decided.chunks(most.min(ROWS)) {
            self.done.push(Cut { kind: SliceKind::Plain, messages: Vec::new(), decided: rows.to_vec() });
        }
        for messages in self.suspects.chunks(most) {
            self.done.push(Cut { kind: SliceKind::Suspects, messages: messages.to_vec(), decided: Vec::new() });
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::flags::Flags;

    fn message(uid: u32, size: u64, id: &str) -> ScanRow {
        ScanRow {
            uid: Uid::new(uid).unwrap(),
            size,
            flags: Flags::default(),
            received: Timestamp::from_second(i64::from(uid) * 1000).ok(),
            message_id: Some(id.to_owned()).filter(|i| !i.is_empty()),
            gmail_id: None,
            gmail_labels: vec![],
        }
    }

    fn cut(filter: &Filter, there: There, messages: Vec<ScanRow>) -> (Vec<Cut>, String) {
        let sizes = Sizes { slice_messages: 3, slice_octets: 100, ..Sizes::default() };
        let mut slicer = Slicer::new(&sizes, filter, there);
        slicer.add(messages);
        let left_out = slicer.left_out.to_string();
        (slicer.finish(), left_out)
    }

    fn uids(cut: &Cut) -> Vec<u32> {
        cut.messages.iter().map(|m| m.uid.get()).collect()
    }

    #[test]
    fn a_slice_ends_by_number_and_by_octets() {
        let messages =
            (1..=4).map(|n| message(n, 10, &n.to_string())).chain([message(5, 95, "e"), message(6, 10, "f")]);
        let (cuts, _) = cut(&Filter::default(), There::default(), messages.collect());
        assert_eq!(cuts.iter().map(uids).collect::<Vec<_>>(), [vec![1, 2, 3], vec![4], vec![5], vec![6]]);
    }

    #[test]
    fn the_lowest_of_those_that_look_alike_leads() {
        let messages = vec![message(1, 10, "a"), message(2, 11, "a"), message(3, 10, "a"), message(9, 10, "a")];
        let (cuts, _) = cut(&Filter::default(), There::default(), messages);
        assert_eq!(cuts.iter().map(uids).collect::<Vec<_>>(), [vec![1, 2], vec![3, 9]]);
        assert_eq!(cuts[1].kind, SliceKind::Suspects);
        assert!(cuts[1].messages.iter().all(|m| m.leader == Uid::new(1)));
    }

    #[test]
    fn one_foreign_item_absorbs_one_message() {
        let there = There {
            foreign: likeness(Some("a"), Timestamp::from_second(1000).ok()).map(|l| (l, 1)).into_iter().collect(),
            ..There::default()
        };
        let twin = ScanRow { uid: Uid::new(7).unwrap(), ..message(1, 10, "a") };
        let (cuts, _) = cut(&Filter::default(), there, vec![message(1, 10, "a"), twin]);
        assert_eq!(cuts.iter().map(uids).collect::<Vec<_>>(), [vec![7], vec![]]);
        assert_eq!(cuts[1].decided[0].outcome, Outcome::Duplicate);
    }

    #[test]
    fn messages_marked_as_deleted_are_skipped_and_named_or_copied_when_the_user_wants_them() {
        let mut marked = message(1, 10, "a");
        marked.flags.deleted = true;
        for include_deleted in [false, true] {
            let filter = Filter { include_deleted, ..Filter::default() };
            let (cuts, left_out) = cut(&filter, There::default(), vec![marked.clone(), message(2, 10, "b")]);
            let decided: Vec<_> = cuts.iter().flat_map(|cut| &cut.decided).collect();
            assert_eq!(left_out, "", "it is accounted for");
            assert_eq!(cuts.iter().flat_map(uids).count(), if include_deleted { 2 } else { 1 });
            let codes: Vec<_> = decided.iter().map(|row| (row.outcome, row.code.as_str())).collect();
            let skipped = [(Outcome::Skipped, "filter.deleted")];
            assert_eq!(codes, if include_deleted { &skipped[1..] } else { &skipped[..] });
        }
    }

    #[test]
    fn messages_outside_of_the_dates_are_not_in_the_pass() {
        let filter = Filter { since: Timestamp::from_second(2000).ok(), ..Filter::default() };
        let (cuts, left_out) = cut(&filter, There::default(), (1..=3).map(|n| message(n, 10, "")).collect());
        assert_eq!((uids(&cuts[0]), left_out.as_str()), (vec![2, 3], "1"));
    }
}

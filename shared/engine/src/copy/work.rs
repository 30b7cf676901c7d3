//! One leased slice while a chunk works on it: what was read, what has its outcome, what may be recorded.

use super::lease::Strays;
use mailcrane_core::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::key::MessageKey;
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::destination::ListedItem;
use mailcrane_core::record::{Folder, Planned, Slice, Versioned};
use mailcrane_core::settings::Sizes;
use mailcrane_core::uid::Uid;
use std::collections::{BTreeMap, BTreeSet};

/// How many rows one page of the manifest holds: an item may have 400 KB.
const ROWS: usize = 1_000;

/// A slice in work. Rows arrive in any order; only those without a gap before them are recorded.
#[derive(Debug)]
pub struct Work {
    /// The slice as it is stored.
    pub slice: Versioned<Slice>,
    /// Its folder.
    pub folder: Folder,
    /// Items with our keys that were there already, after a doubt.
    pub there: BTreeMap<Uid, ListedItem>,
    /// Items without keys that may be ours, after a doubt.
    pub strays: Strays,
    /// Digests of the messages that suspects look like.
    pub leaders: BTreeMap<Uid, Digest>,
    /// How often each troublesome message was tried.
    pub tries: BTreeMap<Uid, u32>,
    /// Messages that wait to be sent or were sent and not answered.
    pub open: usize,
    /// Until when a request may still take effect, once one was left unanswered: the slice is given back then.
    pub doubt: Option<Timestamp>,
    list: Vec<Planned>,
    recorded: usize,
    handed: usize,
    rows: BTreeMap<Uid, Row>,
    read: BTreeSet<Uid>,
    /// What the destination has refused as too large, and in which words.
    refused: BTreeMap<Uid, String>,
}

impl Work {
    /// Begins (or goes on) with a slice; `list` is ascending.
    #[must_use]
    pub fn new(slice: Versioned<Slice>, folder: Folder, list: Vec<Planned>) -> Self {
        let recorded = list.partition_point(|m| Some(m.uid) <= slice.record.done_to);
        Self {
            slice,
            folder,
            there: BTreeMap::new(),
            strays: Strays::default(),
            leaders: BTreeMap::new(),
            tries: BTreeMap::new(),
            open: 0,
            doubt: None,
            list,
            recorded,
            handed: recorded,
            rows: BTreeMap::new(),
            read: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Returns the key of a message.
    #[must_use]
    pub fn key(&self, uid: Uid) -> MessageKey {
        MessageKey { prefix: self.folder.prefix, uid }
    }

    /// Returns what the plan says of a message.
    #[must_use]
    pub fn planned(&self, uid: Uid) -> Option<&Planned> {
        self.list.binary_search_by_key(&uid, |m| m.uid).ok().and_then(|at| self.list.get(at))
    }

    /// Returns the messages that the suspects of the slice look like.
    pub fn leaders_wanted(&self) -> impl Iterator<Item = Uid> + '_ {
        self.list.iter().filter_map(|m| m.leader)
    }

    /// Takes everything that is not handed to the reader yet, in windows.
    pub fn hand_out(&mut self, sizes: &Sizes) -> Vec<Vec<Uid>> {
        let rest = self.list.get(self.handed..).unwrap_or_default();
        let windows = windows(rest, sizes);
        self.handed = self.list.len();
        windows
    }

    /// Returns what was handed out and not brought, for another try after a broken connection. The first of them is
    /// suspected and goes alone. What goes into the bucket is not among them.
    pub fn hand_out_again(&mut self, sizes: &Sizes) -> Vec<Vec<Uid>> {
        let handed = self.list.get(self.recorded..self.handed).unwrap_or_default();
        let known =
            |uid: &Uid| self.read.contains(uid) || self.rows.contains_key(uid) || self.refused.contains_key(uid);
        let missing = |m: &&Planned| !known(&m.uid);
        let missing: Vec<Planned> = handed.iter().filter(missing).copied().collect();
        let Some((suspect, rest)) = missing.split_first() else { return Vec::new() };
        let mut windows = windows(rest, sizes);
        windows.insert(0, vec![suspect.uid]);
        windows
    }

    /// Notes that a message was read, so that it is not read again; `false` when it was before.
    pub fn was_read(&mut self, uid: Uid) -> bool {
        let owed = Some(uid) > self.done_to() && self.read.insert(uid);
        if owed {
            self.refused.remove(&uid);
        }
        owed
    }

    /// Notes that the destination has refused a message as too large, in these words: it is read once more, into the bucket.
    pub fn refuse(&mut self, uid: Uid, why: String) {
        self.read.remove(&uid);
        self.refused.insert(uid, why);
    }

    /// Returns why a message is to go into the bucket, until it is there.
    #[must_use]
    pub fn refusal(&self, uid: Uid) -> Option<&String> {
        self.refused.get(&uid)
    }

    /// Returns what is to go into the bucket.
    pub fn refused(&self) -> impl Iterator<Item = Uid> + '_ {
        self.refused.keys().copied()
    }

    /// Takes over the outcome of a message.
    pub fn resolve(&mut self, row: Row) {
        self.read.insert(row.uid);
        self.refused.remove(&row.uid);
        self.rows.insert(row.uid, row);
    }

    /// Returns the rows of what was copied and is not recorded yet.
    pub fn copied(&self) -> impl Iterator<Item = Row> + '_ {
        self.rows.values().filter(|row| row.outcome == Outcome::Copied).cloned()
    }

    /// Tells whether a message may be sent: not before the table knows that it is intended.
    #[must_use]
    pub fn may_send(&self, uid: Uid) -> bool {
        self.doubt.is_none() && Some(uid) <= self.slice.record.intended_to
    }

    /// Returns how many messages, and octets, could be recorded now.
    #[must_use]
    pub fn recordable(&self) -> (usize, u64) {
        let rest = self.list.get(self.recorded..).unwrap_or_default();
        rest.iter().map_while(|m| self.rows.get(&m.uid)).fold((0, 0), |(n, octets), row| (n + 1, octets + row.octets))
    }

    /// Takes the rows that are to be recorded next.
    pub fn take_rows(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        while rows.len() < ROWS
            && let Some(row) = self.list.get(self.recorded).and_then(|m| self.rows.remove(&m.uid))
        {
            self.read.remove(&row.uid);
            self.recorded += 1;
            rows.push(row);
        }
        rows
    }

    /// Returns up to which UID sending is to be intended, so far ahead of what is recorded.
    #[must_use]
    pub fn intention(&self, sizes: &Sizes) -> Option<Uid> {
        let (mut messages, mut octets) = (0, 0);
        let (most, most_octets) =
            (sizes.window_messages * sizes.windows_ahead, sizes.window_octets * sizes.windows_ahead as u64);
        let rest = self.list.get(self.recorded..).unwrap_or_default();
        let ahead = rest.iter().take_while(|m| {
            let fits = messages == 0 || (messages < most && octets + m.octets <= most_octets);
            messages += 1;
            octets += m.octets;
            fits
        });
        ahead.last().map(|m| m.uid).max(self.slice.record.intended_to)
    }

    /// Tells whether every message was handed to the reader.
    #[must_use]
    pub fn all_handed(&self) -> bool {
        self.handed >= self.list.len()
    }

    /// Tells whether every message has its outcome recorded.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.recorded >= self.list.len()
    }

    /// Tells whether every message has its outcome, recorded or not.
    #[must_use]
    pub fn resolved(&self) -> bool {
        self.recorded + self.rows.len() >= self.list.len()
    }

    /// Tells whether messages have their outcome behind one that has none.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Tells whether a message waits for its intention.
    #[must_use]
    pub fn needs_intention(&self, uid: Uid) -> bool {
        self.doubt.is_none() && Some(uid) > self.slice.record.intended_to
    }

    /// Returns the UID that everything before and with it is recorded of.
    #[must_use]
    pub fn done_to(&self) -> Option<Uid> {
        self.recorded.checked_sub(1).and_then(|at| self.list.get(at)).map(|m| m.uid)
    }
}

/// Cuts messages into windows by number and announced octets; a larger message is a window of its own.
#[must_use]
pub fn windows(list: &[Planned], sizes: &Sizes) -> Vec<Vec<Uid>> {
    let mut windows: Vec<Vec<Uid>> = Vec::new();
    let mut octets = 0;
    for message in list {
        match windows.last_mut() {
            Some(window) if window.len() < sizes.window_messages && octets + message.octets <= sizes.window_octets => {
                window.push(message.uid);
                octets += message.octets;
            }
            _ => {
                windows.push(vec![message.uid]);
                octets = message.octets;
            }
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(uid: u32, octets: u64) -> Planned {
        Planned { uid: Uid::new(uid).unwrap(), octets, leader: None }
    }

    #[test]
    fn a_large_message_is_a_window_of_its_own() {
        let sizes = Sizes { window_messages: 3, window_octets: 100, ..Sizes::default() };
        let list = [planned(1, 10), planned(2, 500), planned(3, 10), planned(4, 10), planned(5, 10), planned(6, 10)];
        let cut: Vec<Vec<u32>> = windows(&list, &sizes).iter().map(|w| w.iter().map(|u| u.get()).collect()).collect();
        assert_eq!(cut, [vec![1], vec![2], vec![3, 4, 5], vec![6]]);
    }
}

//! One UID FETCH command in flight, and how batches become commands.

use mailcrane_core::uid::{Uid, UidSet};
use std::collections::BTreeSet;

/// The most octets of a set of UIDs on a command line; the whole line stays below 1,000.
const MAX_SET: usize = 900;

/// A command that is not answered yet.
#[derive(Debug)]
pub(super) struct Flight {
    /// Its tag.
    pub(super) tag: String,
    /// The UIDs whose message has not come yet.
    pub(super) pending: BTreeSet<Uid>,
}

impl Flight {
    pub(super) fn new(tag: String, uids: &UidSet) -> Self {
        Self { tag, pending: uids.iter().collect() }
    }

    /// Returns the UID that is asked for when it is the only one.
    pub(super) fn only(&self) -> Option<Uid> {
        self.pending.first().copied().filter(|_| self.pending.len() == 1)
    }
}

/// Cuts a batch into sets that fit on a command line, ascending and compact.
pub(super) fn commands(uids: Vec<Uid>) -> Vec<UidSet> {
    let whole: UidSet = uids.into_iter().collect();
    let mut sets = Vec::new();
    let mut set = UidSet::new();
    let mut octets = 0;
    for range in whole.ranges() {
        let length = range.to_string().len() + 1;
        if octets + length > MAX_SET && !set.is_empty() {
            sets.push(std::mem::take(&mut set));
            octets = 0;
        }
        octets += length;
        set.insert_range(*range);
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_uids_become_several_short_commands_and_none_is_lost() {
        let uids: Vec<Uid> = (1..=400).rev().filter_map(|n| Uid::new(n * 1_000_003)).collect();
        let sets = commands(uids.clone());
        assert!(sets.len() > 1);
        assert!(sets.iter().all(|set| set.to_string().len() <= MAX_SET));
        let back: BTreeSet<Uid> = sets.iter().flat_map(UidSet::iter).collect();
        assert_eq!(back, uids.into_iter().collect());
    }

    #[test]
    fn neighbours_become_a_range() {
        let sets = commands((1..=200).filter_map(Uid::new).collect());
        assert_eq!(sets.iter().map(UidSet::to_string).collect::<Vec<_>>(), ["1:200"]);
        assert!(commands(Vec::new()).is_empty());
    }
}

//! UIDs, UIDVALIDITY and sets of UIDs (RFC 3501 section 2.3.1.1).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;

/// The unique identifier of a message in a folder, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(NonZeroU32);

impl Uid {
    /// The lowest UID.
    pub const MIN: Self = Self(NonZeroU32::MIN);
    /// The highest UID.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// Returns the UID of that number, nothing for 0.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The UIDVALIDITY of a folder; 0 stands for a server that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UidValidity(pub u32);

/// An inclusive range of UIDs; `first <= last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UidRange {
    first: Uid,
    last: Uid,
}

impl UidRange {
    /// Every UID there is.
    pub const ALL: Self = Self { first: Uid::MIN, last: Uid::MAX };

    /// Returns the range, nothing when it would be empty.
    #[must_use]
    pub fn new(first: Uid, last: Uid) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Returns the lowest UID of the range.
    #[must_use]
    pub fn first(self) -> Uid {
        self.first
    }

    /// Returns the highest UID of the range.
    #[must_use]
    pub fn last(self) -> Uid {
        self.last
    }

    /// Tells whether the UID lies in the range.
    #[must_use]
    pub fn contains(self, uid: Uid) -> bool {
        self.first <= uid && uid <= self.last
    }
}

impl fmt::Display for UidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}:{}", self.first, self.last) }
    }
}

/// A text that is not a set of UIDs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a set of UIDs: ascending ranges such as 1:4,7 are expected")]
pub struct MalformedSet;

/// A set of UIDs, kept as ascending ranges that neither overlap nor touch; written `1:4,7`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UidSet(Vec<UidRange>);

impl UidSet {
    /// Returns the empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many UIDs are in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|r| u64::from(r.last.get()) - u64::from(r.first.get()) + 1).sum()
    }

    /// Returns the ranges in ascending order.
    #[must_use]
    pub fn ranges(&self) -> &[UidRange] {
        &self.0
    }

    /// Returns every UID in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.0.iter().flat_map(|r| (r.first.get()..=r.last.get()).filter_map(Uid::new))
    }

    /// Returns the lowest UID.
    #[must_use]
    pub fn first(&self) -> Option<Uid> {
        self.0.first().map(|r| r.first)
    }

    /// Returns the highest UID.
    #[must_use]
    pub fn last(&self) -> Option<Uid> {
        self.0.last().map(|r| r.last)
    }

    /// Tells whether the UID is in the set.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let at = self.0.partition_point(|r| r.last < uid);
        self.0.get(at).is_some_and(|r| r.contains(uid))
    }

    /// Adds one UID; cheap when it is the highest.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(UidRange { first: uid, last: uid });
    }

    /// Adds a range of UIDs; cheap when it lies behind all others.
    pub fn insert_range(&mut self, range: UidRange) {
        let (first, last) = (range.first.get(), range.last.get());
        let from = self.0.partition_point(|r| r.last.get().saturating_add(1) < first);
        let to = self.0.partition_point(|r| r.first.get() <= last.saturating_add(1));
        let joined = match (self.0.get(from), to.checked_sub(1).and_then(|i| self.0.get(i))) {
            (Some(low), Some(high)) if from < to => {
                UidRange { first: low.first.min(range.first), last: high.last.max(range.last) }
            }
            _ => range,
        };
        self.0.splice(from..to.max(from), [joined]);
    }

    /// Adds every UID of another set.
    pub fn extend(&mut self, other: &Self) {
        for range in &other.0 {
            self.insert_range(*range);
        }
    }

    /// Returns what is in this set and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut holes = other.0.iter().peekable();
        for range in &self.0 {
            let (mut first, last) = (u64::from(range.first.get()), u64::from(range.last.get()));
            while holes.next_if(|h| u64::from(h.last.get()) < first).is_some() {}
            let mut at = holes.clone();
            while let Some(hole) = at.next_if(|h| u64::from(h.first.get()) <= last) {
                push(&mut left, first, u64::from(hole.first.get()).saturating_sub(1));
                first = first.max(u64::from(hole.last.get()) + 1);
            }
            push(&mut left, first, last);
        }
        Self(left)
    }

    /// Returns what of this set lies in the range.
    #[must_use]
    pub fn within(&self, range: UidRange) -> Self {
        let cut = |r: &UidRange| UidRange::new(r.first.max(range.first), r.last.min(range.last));
        Self(self.0.iter().filter_map(cut).collect())
    }
}

fn push(left: &mut Vec<UidRange>, first: u64, last: u64) {
    let uid = |n: u64| u32::try_from(n).ok().and_then(Uid::new);
    if let (Some(first), Some(last)) = (uid(first), uid(last))
        && let Some(range) = UidRange::new(first, last)
    {
        left.push(range);
    }
}

impl From<UidRange> for UidSet {
    fn from(range: UidRange) -> Self {
        Self(vec![range])
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = Self::new();
        for uid in uids {
            set.insert(uid);
        }
        set
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for UidSet {
    type Error = MalformedSet;
    fn try_from(text: String) -> Result<Self, MalformedSet> {
        let mut set = Self::new();
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let (first, last) = part.split_once(':').unwrap_or((part, part));
            let uid = |t: &str| t.parse().ok().and_then(Uid::new).ok_or(MalformedSet);
            set.insert_range(UidRange::new(uid(first)?, uid(last)?).ok_or(MalformedSet)?);
        }
        Ok(set)
    }
}

impl From<UidSet> for String {
    fn from(set: UidSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(text: &str) -> UidSet {
        UidSet::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn ranges_that_touch_are_joined() {
        let mut s = set("1:3,7");
        s.insert(Uid::new(4).unwrap());
        s.insert_range(UidRange::new(Uid::new(5).unwrap(), Uid::new(6).unwrap()).unwrap());
        assert_eq!(s.to_string(), "1:7");
    }

    #[test]
    fn the_highest_uid_does_not_overflow() {
        let mut s = UidSet::from(UidRange::ALL);
        s.insert(Uid::MAX);
        assert_eq!(s.len(), u64::from(u32::MAX));
        assert_eq!(s.without(&set("1:10,12")).to_string(), "11,13:4294967295");
        assert!(s.without(&UidSet::from(UidRange::ALL)).is_empty());
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for text in ["0", "5:1", "a", "1:", "4294967296", "-1"] {
            assert_eq!(UidSet::try_from(text.to_owned()), Err(MalformedSet), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_set_behaves_like_a_tree_of_numbers(
            a in prop::collection::btree_set(1u32..60, 0..40),
            b in prop::collection::btree_set(1u32..60, 0..40),
        ) {
            let of = |s: &BTreeSet<u32>| s.iter().rev().filter_map(|n| Uid::new(*n)).collect::<UidSet>();
            let numbers = |s: &UidSet| s.iter().map(Uid::get).collect::<BTreeSet<_>>();
            let (x, y) = (of(&a), of(&b));
            prop_assert_eq!(numbers(&x), a.clone());
            prop_assert_eq!(x.len(), a.len() as u64);
            prop_assert_eq!(numbers(&x.without(&y)), a.difference(&b).copied().collect::<BTreeSet<_>>());
            let mut both = x.clone();
            both.extend(&y);
            prop_assert_eq!(numbers(&both), a.union(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(UidSet::try_from(both.to_string()).unwrap(), both);
            for n in 1..60 { prop_assert_eq!(x.contains(Uid::new(n).unwrap()), a.contains(&n)); }
            let range = UidRange::new(Uid::new(10).unwrap(), Uid::new(30).unwrap()).unwrap();
            prop_assert_eq!(numbers(&x.within(range)), a.range(10..=30).copied().collect::<BTreeSet<_>>());
        }
    }
}

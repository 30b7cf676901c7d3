//! Gives the items of a folder the UIDs that EWS does not have; pure.
//!
//! The items are numbered from 1 by received date. UIDVALIDITY is made from all their ids: whenever an item comes or
//! goes, also by a move, it is another, and no number can mean another item than before. Items made after the horizon
//! of the pass are left out, so that mail that arrives meanwhile changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mailcrane_core::digest::short;
use mailcrane_core::uid::{Uid, UidRange, UidValidity};

use crate::soap::Item;

/// A folder with numbers.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    items: Vec<Item>,
    validity: UidValidity,
}

impl Numbered {
    /// Numbers a listing, in which an item may come twice.
    pub(crate) fn new(listing: Vec<Item>, horizon: Option<Timestamp>) -> Self {
        let mut seen = BTreeSet::new();
        let mut items: Vec<Item> =
            listing.into_iter().filter(|i| is_before(i, horizon) && seen.insert(i.id.id.clone())).collect();
        items.sort_by(|a, b| (a.received, &a.id.id).cmp(&(b.received, &b.id.id)));
        let ids: Vec<&[u8]> = seen.iter().map(|id| id.as_bytes()).collect();
        let [.., a, b, c, d] = short(&ids).to_be_bytes();
        Self { items, validity: UidValidity(u32::from_be_bytes([a, b, c, d]).max(1)) }
    }

    /// Gives the UIDVALIDITY, never 0.
    pub(crate) fn validity(&self) -> UidValidity {
        self.validity
    }

    /// Gives how many items there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Gives the UID after the last.
    pub(crate) fn next(&self) -> Uid {
        uid_at(self.items.len()).unwrap_or(Uid::MAX)
    }

    /// Gives the item of a UID.
    pub(crate) fn get(&self, uid: Uid) -> Option<&Item> {
        self.items.get(usize::try_from(uid.get().checked_sub(1)?).ok()?)
    }

    /// Gives the items of a range, ascending.
    pub(crate) fn within(&self, range: UidRange) -> impl Iterator<Item = (Uid, &Item)> {
        let numbered = self.items.iter().enumerate().filter_map(|(at, item)| Some((uid_at(at)?, item)));
        numbered.skip_while(move |(uid, _)| *uid < range.first()).take_while(move |(uid, _)| *uid <= range.last())
    }
}

fn uid_at(index: usize) -> Option<Uid> {
    Uid::new(u32::try_from(index).ok()?.checked_add(1)?)
}

fn is_before(item: &Item, horizon: Option<Timestamp>) -> bool {
    let made = item.created.or(item.received);
    horizon.is_none_or(|horizon| made.is_none_or(|made| made < horizon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::find_item::FindItem;
    use crate::soap::read;

    fn items(names: &[(&str, i64)]) -> Vec<Item> {
        let sample = include_str!("soap/samples/find_item.xml");
        let mut page = read::<FindItem<'_>>(sample).expect("an answer").remove(0).done().expect("a page");
        let one = page.entries.remove(1);
        let received = |day: i64| Timestamp::from_second(day * 86_400).ok();
        names
            .iter()
            .map(|(id, day)| Item { id: crate::soap::ItemId::new(*id), received: received(*day), ..one.clone() })
            .collect()
    }

    fn order(numbered: &Numbered) -> Vec<(u32, &str)> {
        numbered.within(UidRange::ALL).map(|(uid, item)| (uid.get(), item.id.id.as_str())).collect()
    }

    #[test]
    fn items_are_numbered_by_date_whatever_the_order_of_the_listing() {
        let one = Numbered::new(items(&[("c", 3), ("a", 1), ("b", 1), ("a", 1)]), None);
        let two = Numbered::new(items(&[("b", 1), ("c", 3), ("a", 1)]), None);
        assert_eq!(order(&one), [(1, "a"), (2, "b"), (3, "c")]);
        assert_eq!((order(&one), one.validity()), (order(&two), two.validity()));
        assert_eq!((one.next().get(), one.len()), (4, 3));
    }

    #[test]
    fn whatever_comes_or_goes_makes_another_uidvalidity() {
        let base = Numbered::new(items(&[("a", 1), ("b", 2)]), None).validity();
        for other in [&[("a", 1)][..], &[("a", 1), ("b", 2), ("c", 3)], &[("a", 1), ("c", 2)], &[]] {
            assert_ne!(Numbered::new(items(other), None).validity(), base, "{other:?}");
        }
    }

    #[test]
    fn mail_that_arrives_after_the_horizon_changes_nothing() {
        let horizon = Timestamp::from_second(10 * 86_400).ok();
        let before = Numbered::new(items(&[("a", 1), ("b", 2)]), horizon);
        let after = Numbered::new(items(&[("a", 1), ("b", 2), ("new", 10)]), horizon);
        assert_eq!((order(&before), before.validity()), (order(&after), after.validity()));
    }

    #[test]
    fn a_uid_that_is_not_there_has_no_item() {
        let numbered = Numbered::new(items(&[("a", 1)]), None);
        assert!(numbered.get(Uid::MIN).is_some());
        assert!(numbered.get(Uid::new(2).expect("a uid")).is_none() && numbered.get(Uid::MAX).is_none());
        let above = UidRange::new(Uid::new(2).expect("a uid"), Uid::MAX).expect("a range");
        assert_eq!(numbered.within(above).count(), 0);
    }
}

//! Items of a destination that keeps no key of ours, which may be what an unanswered request stored.

use crate::copy::commit::CommitError;
use crate::copy::stub;
use crate::ledger;
use crate::world::World;
use mailcrane_core::id::{AccountNo, FolderNo, MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::destination::{Features, ItemId, ListedItem};
use mailcrane_core::record::{Folder, Slice, keys};
use mailcrane_core::uid::Uid;
use mailcrane_core::{Timestamp, folder::FolderId};
use std::collections::{BTreeMap, BTreeSet};

/// Items of the folder that no row answers for. Each can be claimed once, by a message that was intended.
#[derive(Debug, Default)]
pub struct Strays {
    items: BTreeMap<ItemId, ListedItem>,
    intended: Option<(Option<Uid>, Uid)>,
}

impl Strays {
    /// Begins with a listing; `done` and `intended` bound the messages that may claim: above the first, up to the second.
    pub(super) fn new(listed: Vec<ListedItem>, done: Option<Uid>, intended: Uid) -> Self {
        // A listing may repeat an item: it counts once.
        let items = listed.into_iter().map(|item| (item.id.clone(), item)).collect();
        Self { items, intended: Some((done, intended)) }
    }

    /// Begins with a listing that no message may claim from.
    #[must_use]
    pub fn listed(listed: Vec<ListedItem>) -> Self {
        Self { items: listed.into_iter().map(|item| (item.id.clone(), item)).collect(), intended: None }
    }

    /// Takes out the item of a row by its identity; `false` when it is not there.
    pub fn take_by_id(&mut self, row: &Row) -> bool {
        row.item.as_ref().is_some_and(|id| self.items.remove(id).is_some())
    }

    /// Takes out one item that looks like the row's message; `false` when there is none.
    pub fn take_like(&mut self, row: &Row) -> bool {
        self.take(row, row.received, |_| true).is_some()
    }

    /// Takes out what rows answer for: by identity; where identities do not last, one item that looks like it for each.
    pub(in crate::copy) fn account_for(&mut self, rows: &[Row], features: &Features) {
        for row in rows {
            if !self.take_by_id(row) && !features.stable_ids {
                self.take_like(row);
            }
        }
    }

    /// Takes the item that is this message, when the message was intended and one is left. With `stubs`, what may be the
    /// stub of a message is not taken for the message itself.
    pub fn claim(&mut self, row: &Row, received: Timestamp, stubs: bool) -> Option<ItemId> {
        let (done, intended) = self.intended?;
        if Some(row.uid) <= done || row.uid > intended {
            return None;
        }
        let whole =
            |item: &ListedItem| !(stubs && row.outcome == Outcome::Copied && stub::may_be(item.size, row.octets));
        self.take(row, Some(received), whole)
    }

    /// Tells whether no item is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes out an item that a message of another slice has claimed.
    pub(in crate::copy) fn forget(&mut self, id: &ItemId) {
        self.items.remove(id);
    }

    fn take(&mut self, row: &Row, received: Option<Timestamp>, fits: impl Fn(&ListedItem) -> bool) -> Option<ItemId> {
        let id = self.items.values().find(|item| looks_like(item, row, received) && fits(item))?.id.clone();
        self.items.remove(&id);
        Some(id)
    }
}

/// An item looks like a message by the Message-ID and the received date, which servers keep to the second. Without a
/// Message-ID at either end the size must be the same.
fn looks_like(item: &ListedItem, row: &Row, received: Option<Timestamp>) -> bool {
    let same_time = match (item.received, received) {
        (Some(there), Some(here)) => there.as_second() == here.as_second(),
        (None, _) | (_, None) => true,
    };
    let same_message = match (&item.message_id, &row.message_id) {
        (Some(there), Some(here)) => there == here,
        (None, None) => item.size == Some(row.octets),
        (None, Some(_)) | (Some(_), None) => false,
    };
    same_time && same_message
}

/// Reads the rows of every pass that copied into a folder of the destination, from whatever source folders.
///
/// # Errors
/// [`CommitError`] of the table.
pub(super) async fn rows_into<W: World>(
    world: &W,
    migration: &MigrationId,
    account: AccountNo,
    last: PassNo,
    target: &FolderId,
) -> Result<Vec<Row>, CommitError> {
    let partition = keys::account_partition(migration, account);
    let folders = ledger::all::<Folder>(world.table(), &partition, "F#").await?;
    let into = |folder: &Folder| folder.destination.as_ref() == Some(target);
    let into: BTreeSet<FolderNo> = folders.into_iter().map(|f| f.record).filter(into).map(|f| f.no).collect();
    let mut copied = Vec::new();
    for pass in (0..=last.0).map(PassNo) {
        let slices = ledger::all::<Slice>(world.table(), &partition, &keys::slices(pass)).await?;
        for slice in slices.into_iter().map(|s| s.record).filter(|s| into.contains(&s.folder)) {
            let rows = super::rows(world, migration, account, &slice).await?;
            copied.extend(rows.into_iter().filter(Row::is_stored));
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::decision::row;
    use mailcrane_core::manifest::Outcome;

    fn item(id: &str, message_id: Option<&str>, second: i64) -> ListedItem {
        ListedItem {
            id: ItemId(id.to_owned()),
            folder: None,
            key: None,
            message_id: message_id.map(str::to_owned),
            size: Some(10),
            received: Some(at(second)),
            touched: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn copied(uid: u32, message_id: Option<&str>, id: Option<&str>) -> Row {
        let plain = row(Uid::new(uid).unwrap(), Outcome::Copied, "", "", 10);
        Row {
            message_id: message_id.map(str::to_owned),
            received: Some(at(1)),
            item: id.map(|id| ItemId(id.to_owned())),
            ..plain
        }
    }

    fn features(stable_ids: bool) -> Features {
        Features { stable_ids, ..mailcrane_testkit::destination::features() }
    }

    fn strays(items: Vec<ListedItem>) -> Strays {
        Strays::new(items, Uid::new(2), Uid::new(5).unwrap())
    }

    #[test]
    fn two_equal_messages_claim_two_items_and_a_third_none() {
        let mut strays = strays(vec![item("a", Some("<1>"), 1), item("b", Some("<1>"), 1), item("a", Some("<1>"), 1)]);
        let claims: Vec<_> =
            (3..=5).map(|uid| strays.claim(&copied(uid, Some("<1>"), None), at(1), false).is_some()).collect();
        assert_eq!(claims, [true, true, false]);
    }

    #[test]
    fn only_what_was_intended_claims() {
        let mut strays = strays(vec![item("a", Some("<1>"), 1)]);
        for uid in [1, 2, 6] {
            assert_eq!(strays.claim(&copied(uid, Some("<1>"), None), at(1), false), None, "{uid}");
        }
        assert!(strays.claim(&copied(5, Some("<1>"), None), at(1), false).is_some());
    }

    #[test]
    fn another_date_or_size_is_another_message() {
        let mut strays = strays(vec![item("a", Some("<1>"), 1), item("b", None, 1)]);
        assert_eq!(strays.claim(&copied(3, Some("<1>"), None), at(2), false), None);
        assert_eq!(strays.claim(&Row { octets: 11, ..copied(3, None, None) }, at(1), false), None);
        assert_eq!(strays.claim(&copied(3, None, None), at(1), false), Some(ItemId("b".into())));
    }

    #[test]
    fn a_stub_is_claimed_by_its_own_row_only() {
        let mut strays = strays(vec![ListedItem { size: Some(2_000), ..item("stub", Some("<1>"), 1) }]);
        let whole = Row { octets: 1_000_000, ..copied(3, Some("<1>"), None) };
        assert_eq!(strays.claim(&whole, at(1), true), None);
        let rescued = Row { outcome: Outcome::Skipped, code: "too_large.rescued".into(), ..whole };
        assert_eq!(strays.claim(&rescued, at(1), true), Some(ItemId("stub".into())));
    }

    #[test]
    fn an_item_of_a_row_is_claimed_by_nobody_else() {
        let mut lasting = strays(vec![item("a", Some("<1>"), 1)]);
        lasting.account_for(&[copied(1, Some("<1>"), Some("a"))], &features(true));
        assert_eq!(lasting.claim(&copied(3, Some("<1>"), None), at(1), false), None);
        let mut fleeting = strays(vec![item("a", Some("<1>"), 1), item("b", Some("<1>"), 1)]);
        fleeting.account_for(&[copied(1, Some("<1>"), Some("?"))], &features(false));
        assert!(fleeting.claim(&copied(3, Some("<1>"), None), at(1), false).is_some());
        assert_eq!(fleeting.claim(&copied(4, Some("<1>"), None), at(1), false), None);
    }
}

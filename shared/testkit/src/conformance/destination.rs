//! What every destination must do.

use bytes::Bytes;
use mailcrane_core::Timestamp;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{FolderId, Role, WireName};
use mailcrane_core::key::{KeyPrefix, MessageKey, SourceId};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId, ListedItem, Stored};
use mailcrane_core::uid::{Uid, UidRange, UidValidity};
use std::collections::{BTreeMap, BTreeSet};

/// Checks a destination. The name keeps folders and keys apart from those of other runs; folders are left behind.
///
/// # Panics
/// Where the destination breaks the contract.
pub async fn conformance(destination: &impl Destination, clock: &impl Clock, name: &str) {
    let prefix = KeyPrefix::of(&SourceId::of(name, "imap.example.org"), &WireName::from("INBOX"), UidValidity(1));
    let folder = folders_are_made_once(destination, name).await;
    let other = destination.create_folder(None, &format!("{name} moved"), None).await.unwrap();
    let items: Vec<NewItem> = (1..=7).map(|n| item(prefix, n)).collect();
    let ids = what_is_stored_is_listed(destination, &folder, &items).await;
    keys_are_found(destination, clock, prefix, &items, &ids).await;
    what_is_not_stored_has_an_outcome(destination, &items).await;
    what_is_deleted_is_gone(destination, clock, &folder, prefix, &ids).await;
    assert_eq!(listed(destination, &other).await.len(), 0, "other folders stay as they are");
}

fn item(prefix: KeyPrefix, n: u32) -> NewItem {
    let head = format!("Message-ID: {}\r\nDate: Tue, 4 Mar 2014 10:00:00 +0000\r\nFrom: anna@example.org\r\n", id(n));
    let raw = Bytes::from(format!("{head}Subject: number {n}\r\n\r\nThe text of number {n}.\r\n"));
    let flags = [vec![], vec!["\\Seen"], vec!["\\Flagged", "\\Seen"], vec!["\\Draft"]];
    NewItem {
        key: MessageKey { prefix, uid: Uid::new(n * 10).unwrap() },
        raw,
        flags: flags[n as usize % flags.len()].iter().copied().collect::<Flags>(),
        categories: if n == 3 { vec!["Travel".to_owned()] } else { Vec::new() },
        received: Timestamp::from_second(800_000_000 + i64::from(n) * 86_400).unwrap(),
        sent: Timestamp::from_second(1_393_927_200).ok(),
        signed: false,
    }
}

fn id(n: u32) -> String {
    format!("<conformance.{n}@example.org>")
}

async fn folders_are_made_once(destination: &impl Destination, name: &str) -> FolderId {
    let folders = destination.folders().await.unwrap();
    let inbox = folders.iter().find(|f| f.role == Some(Role::Inbox)).expect("the INBOX is listed").id.clone();
    assert_eq!(destination.create_folder(None, "Inbox", Some(Role::Inbox)).await.unwrap(), inbox);
    let top = destination.create_folder(None, name, None).await.unwrap();
    assert_eq!(destination.create_folder(None, name, None).await.unwrap(), top, "twice gives the same id");
    assert_eq!(
        destination.create_folder(None, &name.to_uppercase(), None).await.unwrap(),
        top,
        "compared without case"
    );
    let below = destination.create_folder(Some(&top), "Übung & <Ärger> \"1\"", None).await.unwrap();
    assert_ne!(below, top);
    assert_eq!(destination.create_folder(Some(&top), "Übung & <Ärger> \"1\"", None).await.unwrap(), below);
    let same_name = destination.create_folder(Some(&below), name, None).await.unwrap();
    assert_ne!(same_name, top, "the same name in another place");
    let folders = destination.folders().await.unwrap();
    let places: BTreeMap<_, _> = folders.iter().enumerate().map(|(at, f)| (f.id.clone(), at)).collect();
    assert_eq!(places.len(), folders.len(), "no folder is listed twice");
    for (at, folder) in folders.iter().enumerate() {
        let parent = folder.parent.as_ref().and_then(|parent| places.get(parent));
        assert!(parent.is_none_or(|parent| *parent < at), "{} comes before its parent", folder.name);
    }
    let made = folders.iter().find(|f| f.id == below).expect("a new folder is listed");
    assert_eq!((made.parent.as_ref(), made.name.as_str(), made.mail), (Some(&top), "Übung & <Ärger> \"1\"", true));
    below
}

/// Reads a whole listing page by page; every item once.
async fn listed(destination: &impl Destination, folder: &FolderId) -> BTreeMap<ItemId, ListedItem> {
    let (mut items, mut page) = (BTreeMap::new(), None::<String>);
    for _ in 0..1_000 {
        let got = destination.list(folder, page.as_deref()).await.unwrap();
        items.extend(got.items.into_iter().map(|item| (item.id.clone(), item)));
        page = got.next;
        if page.is_none() {
            return items;
        }
    }
    panic!("the listing does not end");
}

async fn what_is_stored_is_listed(destination: &impl Destination, folder: &FolderId, items: &[NewItem]) -> Vec<ItemId> {
    let features = destination.features();
    let mut ids = Vec::new();
    for batch in items.chunks(features.max_batch_items.clamp(1, 4)) {
        let stored = destination.store(folder, batch).await;
        assert_eq!(stored.len(), batch.len(), "exactly one outcome for each item");
        for outcome in stored {
            let Stored::Created(id) = outcome else { panic!("not stored: {outcome:?}") };
            ids.push(id);
        }
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), items.len(), "every item has its own id");
    let found = listed(destination, folder).await;
    assert_eq!(found.len(), items.len());
    for (item, stored) in items.iter().zip(&ids) {
        let message_id = id(item.key.uid.get() / 10);
        let by_id = found.get(stored).filter(|_| features.stable_ids);
        let by_message_id = || found.values().find(|i| i.message_id.as_ref() == Some(&message_id));
        let listed = by_id.or_else(by_message_id).unwrap_or_else(|| panic!("{message_id} is not listed"));
        assert_eq!(listed.message_id, Some(message_id), "outcomes come in the order of the items");
        assert_eq!(listed.key, features.keeps_key.then_some(item.key));
        assert_eq!(listed.received, Some(item.received));
        assert!(!listed.touched, "nobody has worked on it");
    }
    ids
}

async fn keys_are_found(
    destination: &impl Destination,
    clock: &impl Clock,
    prefix: KeyPrefix,
    items: &[NewItem],
    ids: &[ItemId],
) {
    let features = destination.features();
    if !features.find_by_key {
        return;
    }
    clock.sleep(features.search_lag * 3).await;
    let uid = |n| Uid::new(n).unwrap();
    let whole = found(destination, prefix, UidRange::ALL).await;
    assert_eq!(whole.keys().copied().collect::<Vec<_>>(), items.iter().map(|i| i.key.uid).collect::<Vec<_>>());
    assert_eq!(whole.values().collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    let some = found(destination, prefix, UidRange::new(uid(11), uid(40)).unwrap()).await;
    assert_eq!(some.into_keys().collect::<Vec<_>>(), [uid(20), uid(30), uid(40)], "the ends of the range belong to it");
    let other = KeyPrefix::of(&SourceId::of("nobody", "h"), &WireName::from("INBOX"), UidValidity(1));
    assert!(found(destination, other, UidRange::ALL).await.is_empty(), "another prefix");
}

async fn found(destination: &impl Destination, prefix: KeyPrefix, range: UidRange) -> BTreeMap<Uid, ItemId> {
    let items = destination.find(prefix, range).await.unwrap();
    let key = |item: ListedItem| {
        let key = item.key.expect("what is found by its key has it");
        assert_eq!(key.prefix, prefix);
        (key.uid, item.id)
    };
    items.into_iter().map(key).collect()
}

async fn what_is_not_stored_has_an_outcome(destination: &impl Destination, items: &[NewItem]) {
    let gone = FolderId("AAMkNoSuchFolder=".to_owned());
    let stored = destination.store(&gone, &items[..1]).await;
    assert!(matches!(stored.as_slice(), [Stored::Refused(_) | Stored::NotTried(_)]), "into no folder: {stored:?}");
}

async fn what_is_deleted_is_gone(
    destination: &impl Destination,
    clock: &impl Clock,
    folder: &FolderId,
    prefix: KeyPrefix,
    ids: &[ItemId],
) {
    let features = destination.features();
    if !features.stable_ids {
        return;
    }
    for _ in 0..2 {
        let deleted = destination.delete(&ids[..2]).await;
        assert!(matches!(deleted.as_slice(), [Deleted::Gone, Deleted::Gone]), "twice is once: {deleted:?}");
        let left = listed(destination, folder).await;
        assert_eq!(left.into_keys().collect::<BTreeSet<_>>(), ids[2..].iter().cloned().collect());
    }
    if features.find_by_key {
        clock.sleep(features.search_lag * 3).await;
        // A soft delete may leave it in a folder for deleted items; it must not be taken for the copy any more.
        let left = found(destination, prefix, UidRange::ALL).await;
        assert_eq!(left.into_values().collect::<BTreeSet<_>>(), ids[2..].iter().cloned().collect());
    }
}

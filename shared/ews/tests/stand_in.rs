//! The destination port against the WorkMail stand-in.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use mailcrane_core::Remedy;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{FolderId, Role};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId, ListedItem, Stored};
use mailcrane_core::uid::UidRange;
use mailcrane_ews::{SCRATCH, Settings, WorkMail};
use serde_json::json;
use support::stand_in::{StandIn, WallClock};
use support::{item, items, key};

async fn inbox(mailbox: &WorkMail) -> FolderId {
    let folders = mailbox.folders().await.expect("folders");
    folders.into_iter().find(|f| f.role == Some(Role::Inbox)).expect("an inbox").id
}

fn ids(stored: &[Stored]) -> Vec<ItemId> {
    let id = |s: &Stored| match s {
        Stored::Created(id) => id.clone(),
        other => panic!("not created: {other:?}"),
    };
    stored.iter().map(id).collect()
}

async fn whole_list(mailbox: &WorkMail, folder: &FolderId) -> Vec<ListedItem> {
    let (mut items, mut page) = (Vec::new(), None);
    loop {
        let listed = mailbox.list(folder, page.as_deref()).await.expect("a page");
        items.extend(listed.items);
        page = listed.next;
        if page.is_none() {
            return items;
        }
    }
}

#[tokio::test]
async fn each_way_in_keeps_the_contract_of_destinations() {
    let stand_in = StandIn::start().await;
    stand_in.knobs(json!({"search_lag_ms": 60})).await;
    for access in [stand_in.user(), stand_in.administrator(), stand_in.impersonation().await] {
        let name = format!("{access:?}");
        let mut opening = stand_in.opening(access);
        opening.capabilities.search_lag = Some(Duration::from_millis(60));
        let mailbox = WorkMail::open(opening).await.expect("an open mailbox");
        mailcrane_testkit::conformance::destination::conformance(&mailbox, &WallClock, &name).await;
    }
}

#[tokio::test]
async fn each_way_in_stores_lists_finds_and_deletes() {
    let stand_in = StandIn::start().await;
    for access in [stand_in.user(), stand_in.administrator(), stand_in.impersonation().await] {
        let way = format!("{access:?}");
        let mailbox = stand_in.open(access).await;
        let inbox = inbox(&mailbox).await;
        let stored = ids(&mailbox.store(&inbox, &items(3)).await);
        let listed = whole_list(&mailbox, &inbox).await;
        let by_key: BTreeMap<_, _> = listed.iter().filter_map(|i| Some((i.key?, i.id.clone()))).collect();
        let expected: BTreeMap<_, _> = (1..=3).map(key).zip(stored.clone()).collect();
        assert_eq!(by_key, expected, "{way}");
        assert_eq!(listed[0].message_id.as_deref(), Some("<1@example.org>"), "{way}");
        assert_eq!(listed[0].received, "2001-02-03T04:05:06Z".parse().ok(), "{way}");
        let range = UidRange::new(key(2).uid, key(3).uid).expect("a range");
        let found: BTreeSet<_> =
            mailbox.find(key(1).prefix, range).await.expect("a search").into_iter().map(|i| i.id).collect();
        assert_eq!(found, stored[1..].iter().cloned().collect(), "{way}");
        let deleted = mailbox.delete(&stored).await;
        assert!(deleted.iter().all(|d| matches!(d, Deleted::Gone)), "{way}: {deleted:?}");
        let again = mailbox.delete(&stored).await;
        assert!(again.iter().all(|d| matches!(d, Deleted::Gone)), "{way}: deleting twice is deleting once: {again:?}");
        assert!(whole_list(&mailbox, &inbox).await.is_empty(), "{way}");
    }
}

#[tokio::test]
async fn state_dates_categories_and_octets_arrive() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let flags = |names: &[&str]| names.iter().copied().collect::<Flags>();
    let messages = [
        NewItem {
            flags: flags(&["\\Seen", "\\Flagged", "\\Answered"]),
            categories: vec!["Größe & Maß".into()],
            ..item(1)
        },
        NewItem { flags: flags(&[]), sent: "1999-12-31T23:59:59Z".parse().ok(), ..item(2) },
        NewItem { flags: flags(&["\\Draft"]), received: "1995-06-07T08:09:10Z".parse().expect("a time"), ..item(3) },
        NewItem {
            flags: flags(&["\\Seen", "$Forwarded"]),
            raw: Bytes::from_static(b"X: \xff\x00\xfe\n\nno CRLF\n.\n"),
            ..item(4)
        },
    ];
    let inbox = inbox(&mailbox).await;
    ids(&mailbox.store(&inbox, &messages).await);
    let mut kept = stand_in.items().await;
    kept.sort_by_key(|i| i["properties"]["PublicStrings/X-Mailcrane-Key"].as_str().map(str::to_owned));
    assert_eq!(kept.len(), 4);
    for (kept, message) in kept.iter().zip(&messages) {
        assert_eq!(kept["read"], json!(message.flags.seen), "{kept}");
        assert_eq!(kept["draft"], json!(message.flags.draft), "{kept}");
        assert_eq!(kept["received"].as_str().and_then(|r| r.parse().ok()), Some(message.received), "{kept}");
        assert_eq!(kept["categories"], json!(message.categories), "{kept}");
        assert_eq!(stand_in.mime(kept).await, message.raw.to_vec(), "{kept}");
    }
    let listed = whole_list(&mailbox, &inbox).await;
    assert!(listed.iter().all(|i| !i.touched), "what came answered was not answered since: {listed:?}");
}

#[tokio::test]
async fn folders_are_made_once_and_found_in_any_case() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.administrator()).await;
    let one = mailbox.create_folder(None, "Projekte/2024 \u{7}", None).await.expect("a folder");
    let same = mailbox.create_folder(None, "PROJEKTE/2024", None).await.expect("the same folder");
    assert_eq!(one, same);
    let child = mailbox.create_folder(Some(&one), "Übersicht <&>", None).await.expect("a child");
    let folders = mailbox.folders().await.expect("folders");
    let at = |id: &FolderId| folders.iter().position(|f| f.id == *id).expect("it is listed");
    assert!(at(&one) < at(&child), "parents come first");
    assert_eq!(folders[at(&one)].name, "Projekte_2024");
    assert_eq!((folders[at(&child)].parent.as_ref(), folders[at(&child)].name.as_str()), (Some(&one), "Übersicht <&>"));
    assert!(folders.iter().all(|f| f.mail), "{folders:?}");
    for role in [Role::Inbox, Role::Sent, Role::Drafts, Role::Trash, Role::Junk] {
        let id = mailbox.create_folder(None, "whatever", Some(role)).await.expect("a system folder");
        assert_eq!(folders.iter().find(|f| f.id == id).and_then(|f| f.role), Some(role));
    }
    let archive = mailbox.create_folder(None, "Archiv", Some(Role::Archive)).await.expect("an archive");
    let folders = mailbox.folders().await.expect("folders");
    let archive = folders.iter().find(|f| f.id == archive).expect("it is listed");
    assert_eq!((archive.name.as_str(), archive.role), ("Archive", Some(Role::Archive)));
}

#[tokio::test]
async fn a_mail_folder_named_as_the_calendar_gets_another_name() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let first = mailbox.create_folder(None, "Calendar", None).await.expect("a folder");
    assert_eq!(mailbox.create_folder(None, "calendar", None).await.expect("the same"), first);
    let folders = mailbox.folders().await.expect("folders");
    assert_eq!(folders.iter().find(|f| f.id == first).map(|f| f.name.as_str()), Some("Calendar ~mail"));
    ids(&mailbox.store(&first, &items(1)).await);
}

#[tokio::test]
async fn a_listing_of_many_pages_is_whole() {
    let stand_in = StandIn::start().await;
    stand_in.fill("Inbox", 1203).await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    let listed = whole_list(&mailbox, &inbox).await;
    let unique: BTreeSet<_> = listed.iter().map(|i| i.id.clone()).collect();
    assert_eq!((listed.len(), unique.len()), (1203, 1203));
    assert!(listed.iter().all(|i| i.key.is_none()));
}

#[tokio::test]
async fn what_was_moved_to_another_folder_is_found_there() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let nested = mailbox.create_folder(Some(&inbox(&mailbox).await), "tief", None).await.expect("a folder");
    let stored = ids(&mailbox.store(&nested, &items(25)).await);
    let found = mailbox.find(key(1).prefix, UidRange::ALL).await.expect("a search");
    assert_eq!(found.len(), 25);
    assert!(found.iter().all(|i| i.folder.as_ref() == Some(&nested) && stored.contains(&i.id)));
    let creations = stand_in.get("/_workmail/log?operation=CreateItem").await;
    let entries = creations.as_array().or(creations["entries"].as_array()).expect("a log").clone();
    assert_eq!(entries.iter().map(|e| e["items"].as_u64()).collect::<Vec<_>>(), [Some(20), Some(5)]);
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_the_key() {
    for when in ["lost", "within", "after"] {
        let stand_in = StandIn::start().await;
        let mailbox = stand_in.open(stand_in.user()).await;
        let inbox = inbox(&mailbox).await;
        stand_in.rule(json!({"operation": "CreateItem", "level": "close", "when": when, "count": 1})).await;
        let stored = mailbox.store(&inbox, &items(4)).await;
        match when {
            "after" => assert!(stored.iter().all(|s| matches!(s, Stored::Created(_))), "{when}: {stored:?}"),
            _ => assert!(stored.iter().all(|s| matches!(s, Stored::Unknown(_))), "{when}: {stored:?}"),
        }
        assert_eq!(mailbox.find(key(1).prefix, UidRange::ALL).await.expect("a search").len(), 4, "{when}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_takes_effect_later_leaves_doubt() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open_within(Duration::from_millis(700)).await;
    let inbox = inbox(&mailbox).await;
    for rule in [
        json!({"operation": "CreateItem", "level": "hang", "after_ms": 2000, "count": 1}),
        json!({"operation": "CreateItem", "level": "late", "after_ms": 300, "count": 1}),
        json!({"operation": "CreateItem", "level": "partial", "items": 1, "count": 1}),
    ] {
        stand_in.rule(rule.clone()).await;
        let stored = mailbox.store(&inbox, &items(2)).await;
        assert!(stored.iter().all(|s| matches!(s, Stored::Unknown(_))), "{rule}: {stored:?}");
    }
}

#[tokio::test]
async fn busy_items_are_told_how_long_to_wait_and_the_others_are_there() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    let rule = json!({"operation": "CreateItem", "level": "item", "code": "ErrorServerBusy", "back_off_ms": 400, "skip": 1, "count": 1});
    stand_in.rule(rule).await;
    let stored = mailbox.store(&inbox, &items(3)).await;
    let Stored::NotTried(fault) = &stored[1] else { panic!("{stored:?}") };
    assert_eq!(fault.remedy, Remedy::RetryAfter(Duration::from_millis(400)));
    tokio::time::sleep(Duration::from_millis(400)).await;
    ids(&mailbox.store(&inbox, &[item(2)]).await);
    let log = stand_in.get("/_workmail/log?operation=CreateItem").await;
    let entries = log.as_array().or(log["entries"].as_array()).expect("a log").clone();
    assert!(entries.iter().all(|e| e["early_ms"].as_u64().unwrap_or(0) == 0), "{entries:?}");
    assert_eq!(stand_in.items().await.len(), 3);
}

#[tokio::test]
async fn a_stopped_batch_and_one_poison_message_lose_nobody() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    stand_in
        .rule(json!({"operation": "CreateItem", "level": "stop", "code": "ErrorItemCorrupt", "skip": 2, "count": 1}))
        .await;
    let stored = mailbox.store(&inbox, &items(6)).await;
    let created: Vec<_> = stored.iter().map(|s| matches!(s, Stored::Created(_))).collect();
    assert_eq!(created, [true, true, false, true, true, true], "{stored:?}");
    assert_eq!(stand_in.items().await.len(), 5);
}

#[tokio::test]
async fn an_internal_error_with_effect_does_not_double() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    let rule = json!({"operation": "CreateItem", "level": "fault", "code": "ErrorInternalServerError", "effect": true, "count": 1});
    stand_in.rule(rule).await;
    ids(&mailbox.store(&inbox, &items(4)).await);
    assert_eq!(stand_in.items().await.len(), 4);
}

#[tokio::test]
async fn where_keys_cannot_be_searched_the_folder_is_listed_before_an_item_is_sent_again() {
    let stand_in = StandIn::start().await;
    stand_in.knobs(json!({"unsearchable": ["X-Mailcrane-Key"]})).await;
    let mut opening = stand_in.opening(stand_in.user());
    opening.capabilities.search_lag = None;
    let mailbox = WorkMail::open(opening).await.expect("an open mailbox");
    let inbox = inbox(&mailbox).await;
    let rule = json!({"operation": "CreateItem", "level": "fault", "code": "ErrorInternalServerError", "effect": true, "count": 1});
    stand_in.rule(rule).await;
    ids(&mailbox.store(&inbox, &items(4)).await);
    assert_eq!(stand_in.items().await.len(), 4);
}

#[tokio::test]
async fn a_request_too_large_is_refused_alone_and_the_largest_message_fits() {
    let stand_in = StandIn::start().await;
    let mut opening = stand_in.opening(stand_in.user());
    opening.settings.request_limit = Duration::from_secs(60);
    let mailbox = WorkMail::open(opening).await.expect("an open mailbox");
    let inbox = inbox(&mailbox).await;
    let most = usize::try_from(mailbox.features().max_message).expect("a size");
    let sized = |uid: u32, size: usize| {
        let mut raw = item(uid).raw.to_vec();
        while raw.len() < size {
            raw.extend_from_slice(b"0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
        }
        raw.truncate(size);
        NewItem { raw: raw.into(), ..item(uid) }
    };
    let stored = mailbox.store(&inbox, &[sized(1, most), sized(2, most + 20_000), item(3)]).await;
    assert!(matches!(stored[0], Stored::Created(_)), "{:?}", stored[0]);
    let refused = match &stored[1] {
        Stored::Refused(fault) => fault.code == "destination.too_large",
        // A server may cut the connection while a request that it refuses is still being sent.
        Stored::Unknown(_) => true,
        _ => false,
    };
    assert!(refused, "{:?}", stored[1]);
}

#[tokio::test]
async fn the_self_test_believes_what_it_sees_and_leaves_nothing_behind() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let seen = mailbox.self_test(Duration::from_secs(5)).await.expect("a self-test");
    assert_eq!((seen.missing(), seen.keeps_mime, seen.version.as_str()), (vec![], true, "Exchange2010_SP2"));
    stand_in
        .knobs(
            json!({"search_lag_ms": 900, "max_version": "Exchange2010_SP1", "rewrite_mime": true, "no_headers": true}),
        )
        .await;
    let mailbox = stand_in.open(stand_in.administrator()).await;
    let seen = mailbox.self_test(Duration::from_secs(5)).await.expect("a self-test");
    let lag = seen.search_lag.expect("found in the end");
    assert!(lag >= Duration::from_millis(800) && lag < Duration::from_secs(3), "{lag:?}");
    assert_eq!((seen.missing(), seen.keeps_mime, seen.version.as_str()), (vec![], false, "Exchange2010_SP1"));
    assert!(stand_in.items().await.is_empty());
    assert!(mailbox.folders().await.expect("folders").iter().all(|f| f.name != SCRATCH));
}

#[tokio::test]
async fn each_property_that_is_not_kept_is_named() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    for (property, what) in [
        ("0x0E06", "received date"),
        ("0x1090", "follow-up flag"),
        ("0x1081", "answered and forwarded marks"),
        ("Categories", "categories"),
        ("0x0E07", "read state and the mark of a received message"),
    ] {
        stand_in.knobs(json!({"drop_properties": [property]})).await;
        let seen = mailbox.self_test(Duration::from_secs(1)).await.expect("a self-test");
        assert_eq!(seen.missing(), [what], "{property}");
        assert!(seen.features(Duration::from_secs(1)).find_by_key);
    }
    stand_in.knobs(json!({"drop_properties": ["X-Mailcrane-Key"]})).await;
    let seen = mailbox.self_test(Duration::from_secs(1)).await.expect("a self-test");
    assert_eq!(seen.missing(), ["our key", "search by our key"]);
    stand_in.knobs(json!({"drop_properties": [], "unsearchable": ["X-Mailcrane-Key"]})).await;
    let seen = mailbox.self_test(Duration::from_millis(500)).await.expect("a self-test");
    assert_eq!(seen.missing(), ["search by our key"]);
    assert!(!seen.features(Duration::from_secs(1)).find_by_key);
}

#[tokio::test]
async fn what_the_self_test_saw_is_used_from_the_first_request_on() {
    let stand_in = StandIn::start().await;
    stand_in.knobs(json!({"max_version": "Exchange2007_SP1", "drop_properties": ["0x0E06"]})).await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let seen = mailbox.self_test(Duration::from_secs(1)).await.expect("a self-test");
    assert_eq!(seen.version, "Exchange2007_SP1");
    let refused = async || {
        let log = stand_in.get("/_workmail/log?limit=1000").await;
        let entries = log.as_array().or(log["entries"].as_array()).expect("a log").clone();
        entries.iter().filter(|e| e.to_string().contains("ErrorInvalidServerVersion")).count()
    };
    let before = refused().await;
    assert!(before > 0, "the ladder was gone down");
    let mut opening = stand_in.opening(stand_in.user());
    opening.capabilities = seen;
    let mailbox = WorkMail::open(opening).await.expect("an open mailbox");
    let inbox = inbox(&mailbox).await;
    ids(&mailbox.store(&inbox, &items(1)).await);
    assert_eq!(refused().await, before, "no version is refused again");
    assert_eq!(mailbox.features().not_kept, ["received date"]);
    assert_eq!(whole_list(&mailbox, &inbox).await[0].received, None, "a date that is not the message's is none");
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_replaced() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.impersonation().await).await;
    let inbox = inbox(&mailbox).await;
    stand_in.post("/_workmail/tokens/expire", json!({})).await;
    ids(&mailbox.store(&inbox, &items(2)).await);
}

#[tokio::test]
async fn wrong_credentials_are_named() {
    let stand_in = StandIn::start().await;
    let code = |access| async { WorkMail::open(stand_in.opening(access)).await.expect_err("no way in").code };
    let secret = mailcrane_core::secret::Secret::new;
    let wrong = mailcrane_ews::Access::User { email: "anna@example.org".into(), password: secret("no") };
    assert_eq!(code(wrong).await, "destination.wrong_password");
    let password = || secret("Admin-Password-1");
    let admin = "admin@example.org";
    let nobody = mailcrane_ews::Access::Administrator {
        email: admin.into(),
        password: password(),
        mailbox: "nobody@example.org".into(),
    };
    assert_eq!(code(nobody).await, "destination.no_such_mailbox");
    stand_in.post("/_workmail/seed", json!({"users": [{"email": "bert@example.org"}]})).await;
    let foreign = mailcrane_ews::Access::Administrator {
        email: admin.into(),
        password: password(),
        mailbox: "bert@example.org".into(),
    };
    assert_eq!(code(foreign.clone()).await, "destination.no_permission");
    let mut lately = stand_in.opening(foreign);
    lately.settings = Settings { permission_spreads_until: "2999-01-01T00:00:00Z".parse().ok(), ..lately.settings };
    let fault = WorkMail::open(lately).await.expect_err("not yet");
    assert!(matches!(fault.remedy, Remedy::RetryAfter(_)), "{fault:?}");
}

#[tokio::test]
async fn several_requests_at_once_store_everything_once() {
    let stand_in = StandIn::start().await;
    stand_in.knobs(json!({"max_connections": 2, "latency_ms": 20})).await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    let batches: Vec<Vec<NewItem>> = (0..10).map(|n| (n * 10 + 1..=n * 10 + 10).map(item).collect()).collect();
    let (mailbox, inbox) = (&mailbox, &inbox);
    let run = |batch: Vec<NewItem>| async move {
        let mut left = batch;
        for _ in 0..50 {
            let stored = mailbox.store(inbox, &left).await;
            let mut again = Vec::new();
            for (item, stored) in left.into_iter().zip(stored) {
                match stored {
                    Stored::Created(_) => {}
                    Stored::NotTried(fault) if matches!(fault.remedy, Remedy::RetryAfter(_)) => again.push(item),
                    other => panic!("{other:?}"),
                }
            }
            left = again;
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} are left", left.len());
    };
    futures_util::future::join_all(batches.into_iter().map(run)).await;
    let kept = stand_in.items().await;
    let keys: BTreeSet<_> = kept.iter().map(|i| i["properties"]["PublicStrings/X-Mailcrane-Key"].to_string()).collect();
    assert_eq!((kept.len(), keys.len()), (100, 100));
}

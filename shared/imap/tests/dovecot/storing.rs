//! What is stored is what is read back.

use crate::feed::Feed;
use crate::server::{Dovecot, message, password};
use bytes::Bytes;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::WireName;
use mailcrane_core::key::{KeyPrefix, MessageKey, SourceId};
use mailcrane_core::message::{FetchOutcome, NewItem};
use mailcrane_core::ports::destination::{Deleted, Destination as _, Stored};
use mailcrane_core::ports::source::{Security, Source as _, Sources as _};
use mailcrane_core::uid::{Uid, UidValidity};
use mailcrane_core::{Remedy, Timestamp};
use mailcrane_imap::ImapDestination;

#[tokio::test]
async fn messages_are_stored_listed_read_back_and_deleted() {
    let server = Dovecot::start("");
    let endpoint = server.endpoint(Security::Tls);
    let destination = ImapDestination::open(&server.opening(), &endpoint, &password("dora")).await.unwrap();
    let top = destination.create_folder(None, "Ablage \u{fc} & mehr", None).await.unwrap();
    let folder = destination.create_folder(Some(&top), "2024", None).await.unwrap();
    assert_eq!(destination.create_folder(Some(&top), "2024", None).await.unwrap(), folder);
    let prefix = KeyPrefix::of(&SourceId::of("a", "b"), &WireName::from("x"), UidValidity(1));
    let items: Vec<NewItem> = (1..=5_i32)
        .map(|number| NewItem {
            key: MessageKey { prefix, uid: Uid::MIN },
            raw: Bytes::from(message(&format!("s{number}"), 700 * usize::try_from(number).unwrap())),
            flags: Flags { seen: number % 2 == 0, flagged: number == 3, ..Flags::default() },
            categories: Vec::new(),
            received: Timestamp::from_second(900_000_000 + i64::from(number)).unwrap(),
            sent: None,
            signed: false,
        })
        .collect();
    let stored = destination.store(&folder, &items).await;
    let ids: Vec<_> = stored
        .into_iter()
        .map(|stored| match stored {
            Stored::Created(id) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    let page = destination.list(&folder, None).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(page.items[2].message_id.as_deref(), Some("<s3@example.org>"));
    assert_eq!(page.items[2].received, Some(items[2].received));
    assert_eq!(page.next, None);

    let mut session = server.sources().open(&endpoint, &password("dora")).await.unwrap();
    let folders = session.folders().await.unwrap();
    let found = folders.iter().find(|folder| folder.path == ["Ablage \u{fc} & mehr", "2024"]).unwrap();
    session.examine(&found.wire).await.unwrap();
    let mut feed = Feed::of(&[&[1, 2, 3, 4, 5]]);
    session.fetch(&mut feed).await.unwrap();
    for (uid, item) in (1..).zip(&items) {
        let FetchOutcome::Message(got) = feed.outcome(uid) else { panic!("{uid} is no message") };
        assert_eq!(got.raw, item.raw);
        assert_eq!((&got.flags, got.received), (&item.flags, Some(item.received)));
    }

    let deleted = destination.delete(&ids[1..2]).await;
    assert!(matches!(deleted.as_slice(), [Deleted::Gone]));
    assert_eq!(destination.list(&folder, None).await.unwrap().items.len(), 4);
    session.close().await;
    destination.close().await;
}

#[tokio::test]
async fn a_mailbox_over_its_quota_says_so_and_keeps_what_it_took() {
    let quota = "mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota imap_quota\n}
        plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:storage=1M\n}\n";
    let server = Dovecot::start(quota);
    let endpoint = server.endpoint(Security::Tls);
    let destination = ImapDestination::open(&server.opening(), &endpoint, &password("anna")).await.unwrap();
    let folder = destination.create_folder(None, "Archive 2024", None).await.unwrap();
    let prefix = KeyPrefix::of(&SourceId::of("a", "b"), &WireName::from("x"), UidValidity(1));
    let items: Vec<NewItem> = (1..=8)
        .map(|number| NewItem {
            key: MessageKey { prefix, uid: Uid::new(number).unwrap() },
            raw: Bytes::from(message(&format!("q{number}"), 200_000)),
            flags: Flags::default(),
            categories: Vec::new(),
            received: Timestamp::from_second(900_000_000).unwrap(),
            sent: None,
            signed: false,
        })
        .collect();
    let stored = destination.store(&folder, &items).await;
    let created = stored.iter().filter(|one| matches!(one, Stored::Created(_))).count();
    assert_eq!(created, 5, "{stored:?}");
    for refused in &stored[created..] {
        let Stored::Refused(fault) = refused else { panic!("{refused:?}") };
        assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.full", Remedy::GiveUp));
        assert!(fault.message.contains("Make room"), "{fault}");
    }
    assert_eq!(destination.list(&folder, None).await.unwrap().items.len(), created);
    destination.close().await;
}

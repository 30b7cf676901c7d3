//! What is read is what lies in the Maildir.

use crate::feed::Feed;
use crate::server::{Dovecot, message, password};
use mailcrane_core::folder::{Role, WireName};
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::{ScanDepth, Security, Source as _, Sources as _};
use mailcrane_core::uid::{Uid, UidRange};
use mailcrane_imap::ImapSession;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

async fn open(server: &Dovecot, user: &str) -> ImapSession {
    server.sources().open(&server.endpoint(Security::Tls), &password(user)).await.unwrap()
}

/// Every file under a directory with its content, but not Dovecot's own indexes.
fn files(at: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.file_name().unwrap().to_string_lossy().starts_with("dovecot") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn every_octet_flag_and_date_comes_and_the_source_stays_as_it_was() {
    let server = Dovecot::start("");
    let inbox = server.inbox("anna");
    let mut expected = BTreeMap::new();
    for number in 1..=300_u32 {
        let body = message(&format!("m{number}"), 200 + 37 * number as usize);
        let flags = ["", "S", "FS", "RS", "DT"][number as usize % 5];
        server.put(&inbox, &format!("{:010}.M{number}.host", 800_000_000 + number), flags, &body);
        expected.insert(number, body);
    }
    let before = files(&inbox);
    let mut session = open(&server, "anna").await;
    let examined = session.examine(&WireName::from("INBOX")).await.unwrap();
    assert_eq!((examined.exists, examined.uidnext.get()), (300, 301));
    let rows = session.scan(UidRange::ALL, ScanDepth::MessageId).await.unwrap();
    assert_eq!(rows.len(), 300);
    assert_eq!(rows[4].message_id.as_deref(), Some("<m5@example.org>"));
    let uids: Vec<u32> = (1..=300).collect();
    let mut feed = Feed::of(&uids.chunks(70).collect::<Vec<_>>());
    session.fetch(&mut feed).await.unwrap();
    feed.assert_complete();
    for (uid, body) in &expected {
        let FetchOutcome::Message(message) = feed.outcome(*uid) else { panic!("{uid} is no message") };
        assert_eq!(message.raw, *body);
        assert_eq!(message.flags, rows[*uid as usize - 1].flags);
        assert_eq!(message.flags.seen, matches!(uid % 5, 1..=3), "{uid}");
        assert_eq!(message.flags.answered, uid % 5 == 3);
        assert_eq!(message.flags.deleted, uid % 5 == 4);
        assert!(message.received.is_some());
    }
    session.close().await;
    let after = files(&inbox);
    assert_eq!(before, after);
}

#[tokio::test]
async fn folders_come_with_their_places_and_roles() {
    let server = Dovecot::start("");
    for name in [".Sent", ".Work.2024", ".Entw&APw-rfe", ".a\"b"] {
        server.folder("anna", name);
    }
    let mut session = open(&server, "anna").await;
    let folders = session.folders().await.unwrap();
    let shown: Vec<String> = folders.iter().map(|folder| folder.path.join(" > ")).collect();
    for name in ["INBOX", "Sent", "Work", "Work > 2024", "Entw\u{fc}rfe", "a\"b"] {
        assert!(shown.iter().any(|path| path == name), "{name} in {shown:?}");
    }
    assert_eq!(folders[0].role, Some(Role::Inbox));
    assert_eq!(folders.iter().find(|folder| folder.path == ["Sent"]).unwrap().role, Some(Role::Sent));
    for folder in folders.iter().filter(|folder| folder.selectable) {
        session.examine(&folder.wire).await.unwrap();
    }
}

#[tokio::test]
async fn the_prefix_of_the_personal_namespace_is_not_part_of_the_path() {
    let server = Dovecot::start("");
    server.folder("dora", ".Work");
    let mut session = open(&server, "dora").await;
    let folders = session.folders().await.unwrap();
    let work = folders.iter().find(|folder| folder.path == ["Work"]).expect("Work without its prefix");
    assert_eq!(work.wire, WireName::from("INBOX.Work"));
    session.examine(&work.wire).await.unwrap();
}

#[tokio::test]
async fn a_message_whose_announced_size_is_wrong_costs_only_itself() {
    let server = Dovecot::start("");
    let inbox = server.inbox("anna");
    for number in 1..=9_u32 {
        let body = message(&format!("m{number}"), 3_000);
        let name = if number == 5 {
            format!("{:010}.M{number}.host,S={}", 800_000_000 + number, body.len() + 500)
        } else {
            format!("{:010}.M{number}.host", 800_000_000 + number)
        };
        server.put(&inbox, &name, "S", &body);
    }
    let mut session = open(&server, "anna").await;
    session.examine(&WireName::from("INBOX")).await.unwrap();
    let mut feed = Feed::of(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]]);
    session.fetch(&mut feed).await.unwrap();
    feed.assert_complete();
    for uid in [1, 2, 3, 4, 6, 7, 8, 9] {
        let FetchOutcome::Message(got) = feed.outcome(uid) else { panic!("{uid} is no message") };
        assert_eq!(got.raw, message(&format!("m{uid}"), 3_000));
    }
    // Dovecot repairs its cache once it has seen the fault, so the message may come through on a later try.
    match feed.outcome(5) {
        FetchOutcome::Message(got) => assert_eq!(got.raw, message("m5", 3_000)),
        other => assert!(matches!(other, FetchOutcome::Unreadable { .. }), "{other:?}"),
    }
}

#[tokio::test]
async fn messages_expunged_by_somebody_else_meanwhile_are_vanished() {
    let server = Dovecot::start("");
    let inbox = server.inbox("anna");
    for number in 1..=6_u32 {
        server.put(
            &inbox,
            &format!("{:010}.M{number}.host", 800_000_000 + number),
            "S",
            &message(&format!("m{number}"), 500),
        );
    }
    let mut session = open(&server, "anna").await;
    session.examine(&WireName::from("INBOX")).await.unwrap();
    for number in [2, 5] {
        fs::remove_file(inbox.join("cur").join(format!("{:010}.M{number}.host:2,S", 800_000_000 + number))).unwrap();
    }
    let mut feed = Feed::of(&[&[1, 2, 3, 4, 5, 6]]);
    session.fetch(&mut feed).await.unwrap();
    feed.assert_complete();
    let vanished: Vec<u32> =
        feed.outcomes().into_iter().filter(|(_, text)| text == "vanished").map(|(uid, _)| uid).collect();
    assert_eq!(vanished, [2, 5]);
}

#[tokio::test]
async fn a_large_message_is_read_through_without_being_kept() {
    let server = Dovecot::start("");
    let body = message("large", 20_000_000);
    server.put(&server.inbox("anna"), "0800000001.M1.host", "S", &body);
    let mut session = open(&server, "anna").await;
    session.examine(&WireName::from("INBOX")).await.unwrap();
    let mut feed = Feed::of(&[&[1]]).drain_above(1_000_000);
    session.fetch(&mut feed).await.unwrap();
    let FetchOutcome::Drained { octets, digest, .. } = feed.outcome(1) else { panic!("not drained") };
    assert_eq!(*octets, body.len() as u64);
    assert_eq!(*digest, mailcrane_core::digest::Digest::of(&body));
    let rows = session.scan(UidRange::new(Uid::MIN, Uid::MAX).unwrap(), ScanDepth::Plain).await.unwrap();
    assert_eq!(rows.len(), 1);
}

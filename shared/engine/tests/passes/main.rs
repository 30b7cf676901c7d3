//! Passes over mailboxes in memory, from the start to the grade.

#[path = "../stage/mod.rs"]
mod stage;

use mailcrane_core::folder::Role;
use mailcrane_core::id::PassNo;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Grade, PassKind};
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_testkit::source::Message;
use stage::Theatre;
use std::collections::BTreeMap;

/// Asserts that every message of the source is at the destination exactly once.
fn same(theatre: &Theatre, no: u32, folders: &[(&str, &[&str])]) {
    let (source, destination) = (theatre.source(no), theatre.destination(no));
    for (wire, path) in folders {
        let folder = destination.folder(path).unwrap_or_else(|| panic!("no folder {path:?}"));
        let mut there: Vec<_> = destination.items().into_iter().filter(|i| i.folder == folder).map(|i| i.raw).collect();
        let mut here: Vec<_> = source.messages(wire).into_values().map(|m| m.raw).collect();
        (there.sort(), here.sort()).0;
        assert_eq!(there.len(), here.len(), "{wire}");
        assert_eq!(there, here, "{wire}");
    }
    assert!(destination.doubled().is_empty());
}

#[test]
fn a_mailbox_is_copied_whole_over_several_lanes() {
    let theatre = Theatre::new(1);
    let source = theatre.source(0);
    source.fill("INBOX", 120);
    source.folder("Gesendet", Some(Role::Sent));
    source.fill("Gesendet", 30);
    source.folder("Projekte/2019", None);
    source.fill("Projekte/2019", 7);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    same(&theatre, 0, &[("INBOX", &["Inbox"]), ("Gesendet", &["Sent Items"])]);
    theatre.audit(0);
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 157)]));
}

#[test]
fn a_delta_over_an_unchanged_mailbox_reads_nothing() {
    let theatre = Theatre::new(1);
    theatre.source(0).fill("INBOX", 50);
    theatre.play(PassKind::Full);
    let fetched = |t: &Theatre| t.memory.plan.calls().iter().filter(|c| c.method == "fetch_body").count();
    let before = fetched(&theatre);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(fetched(&theatre), before);
    theatre.source(0).fill("INBOX", 3);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(fetched(&theatre), before + 3);
    theatre.audit(0);
    same(&theatre, 0, &[("INBOX", &["Inbox"])]);
}

#[test]
fn equal_messages_are_copied_once_and_different_ones_with_one_message_id_twice() {
    let theatre = Theatre::new(1);
    let source = theatre.source(0);
    source.folder("INBOX", Some(Role::Inbox));
    for text in ["same", "same", "othr"] {
        source.append("INBOX", Message::small("one@example.org", text));
    }
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
    let expected = BTreeMap::from([(Outcome::Copied, 2), (Outcome::Duplicate, 1)]);
    assert_eq!(theatre.outcomes(0, PassNo(1)), expected);
}

#[test]
fn fifty_accounts_are_admitted_a_few_at_a_time() {
    let theatre = Theatre::new(50);
    (0..50).for_each(|no| theatre.source(no).fill("INBOX", 12));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    for no in 0..50 {
        theatre.audit(no);
        assert_eq!(theatre.account(no).state, AccountState::Done);
        same(&theatre, no, &[("INBOX", &["Inbox"])]);
    }
}

//! Passes over mailboxes in memory, from the start to the grade.

use crate::stage::Theatre;
use mailcrane_core::folder::{Role, WireName};
use mailcrane_core::id::PassNo;
use mailcrane_core::key::{KeyPrefix, MessageKey, SourceId};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Destination as _, Stored};
use mailcrane_core::record::{Grade, PassKind};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_core::uid::UidValidity;
use mailcrane_testkit::source::Message;
use std::collections::BTreeMap;

fn theatre(accounts: u32) -> Theatre {
    Theatre::with(
        accounts,
        Sizes { slice_messages: 40, window_messages: 10, lanes: 3, scan_step: 50, ..Sizes::default() },
    )
}

/// Asserts that every message of the source is at the destination exactly once.
fn same(theatre: &Theatre, no: u32, folders: &[(&str, &[&str])]) {
    let (source, destination) = (theatre.source(no), theatre.destination(no));
    for (wire, path) in folders {
        let folder = destination.folder(path).unwrap_or_else(|| panic!("no folder {path:?}"));
        let mut there: Vec<_> = destination.items().into_iter().filter(|i| i.folder == folder).map(|i| i.raw).collect();
        let mut here: Vec<_> = source.messages(wire).into_values().map(|m| m.raw).collect();
        there.sort();
        here.sort();
        assert_eq!(there.len(), here.len(), "{wire}");
        assert_eq!(there, here, "{wire}");
    }
    assert!(destination.doubled().is_empty());
}

#[test]
fn a_mailbox_is_copied_whole_over_several_lanes() {
    let theatre = theatre(1);
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
    let theatre = theatre(1);
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
    let theatre = theatre(1);
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
    let theatre = theatre(50);
    (0..50).for_each(|no| theatre.source(no).fill("INBOX", 12));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    for no in 0..50 {
        theatre.audit(no);
        assert_eq!(theatre.account(no).state, AccountState::Done);
        same(&theatre, no, &[("INBOX", &["Inbox"])]);
    }
}

/// Plays a full pass, changes the source, plays a delta, and returns how many bodies the delta fetched.
fn delta(theatre: &Theatre, change: impl FnOnce(&mailcrane_testkit::source::Mailbox)) -> usize {
    let fetched = |t: &Theatre| t.memory.plan.calls().iter().filter(|c| c.method == "fetch_body").count();
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let before = fetched(theatre);
    change(&theatre.source(0));
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    theatre.audit(0);
    assert!(theatre.destination(0).doubled().is_empty());
    fetched(theatre) - before
}

#[test]
fn a_folder_that_was_numbered_anew_is_recognised_message_by_message() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 60);
    assert_eq!(delta(&theatre, |source| source.renumber("INBOX")), 0);
    assert_eq!(theatre.outcomes(0, PassNo(2)), BTreeMap::from([(Outcome::Duplicate, 60)]));
    assert_eq!(theatre.destination(0).items().len(), 60);
}

#[test]
fn a_folder_that_was_renamed_is_not_copied_again() {
    let theatre = theatre(1);
    theatre.source(0).folder("Old", None);
    theatre.source(0).fill("Old", 20);
    let fetched = delta(&theatre, |source| {
        source.rename("Old", "New");
        source.fill("New", 2);
    });
    assert_eq!(fetched, 2);
    assert_eq!(theatre.destination(0).items().len(), 22);
}

#[test]
fn a_message_that_was_moved_in_the_source_is_not_copied_again() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 5);
    source.folder("Done", None);
    let uid = source.append("INBOX", Message::small("moved@example.org", "moved"));
    let copied = source.append("INBOX", Message::small("both@example.org", "both"));
    let fetched = delta(&theatre, |source| {
        source.move_to("INBOX", uid, "Done").unwrap();
        let both = source.messages("INBOX").remove(&copied).unwrap();
        source.append("Done", both);
    });
    assert_eq!(fetched, 1, "the one that is in both folders");
    assert_eq!(theatre.destination(0).items().len(), 8);
}

#[test]
fn a_server_that_gives_out_uids_again_is_found_out() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 10);
    source.restore("INBOX");
    let lost = source.append("INBOX", Message::small("before@example.org", "before the backup was restored"));
    let fetched = delta(&theatre, |source| {
        source.expunge("INBOX", lost);
        source.restore("INBOX");
        source.append("INBOX", Message::small("after@example.org", "after the backup was restored"));
    });
    assert_eq!(fetched, 1);
    assert_eq!(theatre.destination(0).items().len(), 12);
}

#[test]
fn a_trial_and_then_a_full_pass_copy_every_message_once() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 20);
    let recent = mailcrane_engine::world::World::now(&theatre.stage);
    for n in 0..5 {
        let message = Message::small(&format!("recent{n}@example.org"), "recent");
        source.append("INBOX", Message { received: Some(recent), ..message });
    }
    assert_eq!(theatre.play(PassKind::Trial), MigrationState::Finished);
    assert_eq!(theatre.destination(0).items().len(), 5);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert_eq!(theatre.outcomes(0, PassNo(2)), BTreeMap::from([(Outcome::Copied, 20)]));
    same(&theatre, 0, &[("INBOX", &["Inbox"])]);
}

#[test]
fn a_pre_stage_leaves_the_rest_to_the_full_pass() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 20);
    let future = mailcrane_core::Timestamp::from_second(4_000_000_000).unwrap();
    source.append("INBOX", Message { received: Some(future), ..Message::small("new@example.org", "new") });
    assert_eq!(theatre.play(PassKind::Prestage), MigrationState::Finished);
    assert_eq!(theatre.destination(0).items().len(), 20);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    same(&theatre, 0, &[("INBOX", &["Inbox"])]);
}

#[test]
fn what_the_destination_held_before_is_not_copied_again() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 20);
    let (uid, message) = source.messages("INBOX").pop_first().unwrap();
    let destination = theatre.destination(0);
    let inbox = destination.folder(&["Inbox"]).unwrap();
    destination.put_foreign(&inbox, message.raw, message.received.unwrap());
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
    assert_eq!(theatre.rows(0, PassNo(1))[&(0, uid)].code, "duplicate.destination");
    assert_eq!(destination.items().len(), 20);
}

#[test]
fn what_an_earlier_migration_stored_before_the_folder_was_numbered_anew_is_not_copied_again() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 20);
    let (uid, message) = source.messages("INBOX").pop_first().unwrap();
    let destination = theatre.destination(0);
    let inbox = destination.folder(&["Inbox"]).unwrap();
    let other = UidValidity(source.validity("INBOX").unwrap().0 + 1);
    let source_id = SourceId::of("user0", "imap.example.org");
    let prefix = KeyPrefix::of(&source_id, &WireName::from("INBOX"), other);
    let stored = NewItem {
        key: MessageKey { prefix, uid },
        raw: message.raw,
        flags: message.flags,
        categories: vec![],
        received: message.received.unwrap(),
        sent: None,
        signed: false,
    };
    theatre.memory.clock.clone().block_on(async {
        let mailbox = theatre.memory.ends.destinations.open(&crate::stage::address(0)).await.unwrap();
        assert!(matches!(mailbox.store(&inbox, &[stored]).await.as_slice(), [Stored::Created(_)]));
    });
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
    assert_eq!(theatre.rows(0, PassNo(1))[&(0, uid)].code, "duplicate.destination");
    assert_eq!(destination.items().len(), 20);
}

#[test]
fn a_repeated_row_of_a_listing_absorbs_no_second_message() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    let message = Message::small("one@example.org", "one");
    source.append("INBOX", message.clone());
    source.append("INBOX", Message { raw: Message::small("one@example.org", "two").raw, ..message.clone() });
    let destination = theatre.destination(0);
    let inbox = destination.folder(&["Inbox"]).unwrap();
    destination.put_foreign(&inbox, message.raw, message.received.unwrap());
    destination.put_foreign(&inbox, Message::small("other@example.org", "x").raw, message.received.unwrap());
    destination.page(1);
    destination.repeat();
    theatre.play(PassKind::Full);
    let expected = BTreeMap::from([(Outcome::Copied, 1), (Outcome::Duplicate, 1)]);
    assert_eq!(theatre.outcomes(0, PassNo(1)), expected);
}

#[test]
fn a_pause_in_the_middle_changes_nothing_in_the_result() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 120);
    theatre.memory.plan.cost(mailcrane_testkit::faults::Port::Destination, std::time::Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        let (stage, id) = (&theatre.stage, &theatre.id);
        mailcrane_engine::control::start(stage, id, PassKind::Full, None, None).await.unwrap();
        let pause = async {
            theatre.wait_for(20).await;
            mailcrane_engine::control::pause(stage, id).await.unwrap();
        };
        let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), pause);
        assert_eq!(state, MigrationState::Paused);
        let held = theatre.destination(0).items().len();
        assert!((20..120).contains(&held), "{held}");
        mailcrane_engine::control::resume(stage, id).await.unwrap();
        assert_eq!(theatre.run(|m| m.state.rests()).await, MigrationState::Finished);
    });
    theatre.audit(0);
    same(&theatre, 0, &[("INBOX", &["Inbox"])]);
}

#[test]
fn a_cancelled_migration_ends_without_open_lanes() {
    let theatre = theatre(2);
    (0..2).for_each(|no| theatre.source(no).fill("INBOX", 120));
    theatre.memory.plan.cost(mailcrane_testkit::faults::Port::Destination, std::time::Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        let (stage, id) = (&theatre.stage, &theatre.id);
        mailcrane_engine::control::start(stage, id, PassKind::Full, None, None).await.unwrap();
        let cancel = async {
            theatre.wait_for(20).await;
            mailcrane_engine::control::cancel(stage, id).await.unwrap();
        };
        let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), cancel);
        assert_eq!(state, MigrationState::Cancelled);
    });
    assert!(theatre.lanes().iter().all(|l| l.state == mailcrane_core::record::LaneState::Ended));
    assert!(theatre.destination(0).doubled().is_empty());
}

#[test]
fn uidvalidity_that_changes_in_the_middle_loses_and_doubles_nothing() {
    let theatre = theatre(1);
    let source = theatre.source(0);
    source.fill("INBOX", 120);
    let changed = source.clone();
    let renumber = move || changed.renumber("INBOX");
    theatre.memory.plan.when(mailcrane_testkit::faults::Port::Source, "examine", 2, renumber);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
    assert_eq!(theatre.destination(0).items().len(), 120);
}

#[test]
fn an_undo_takes_back_exactly_what_was_stored_and_left_alone() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 30);
    let destination = theatre.destination(0);
    let inbox = destination.folder(&["Inbox"]).unwrap();
    let foreign = Message::small("foreign@example.org", "was there before");
    destination.put_foreign(&inbox, foreign.raw, foreign.received.unwrap());
    theatre.play(PassKind::Full);
    let ours: Vec<_> = destination.items().into_iter().filter(|i| i.key.is_some()).map(|i| i.id).collect();
    destination.touch(&ours[0]);
    destination.move_to(&ours[1], &destination.folder(&["Drafts"]).unwrap());
    let undo = |dry| {
        theatre.memory.clock.clone().block_on(async {
            let no = mailcrane_core::id::AccountNo(0);
            mailcrane_engine::control::undo(&theatre.stage, &theatre.id, no, dry).await.unwrap();
            theatre.run(|_| theatre.memory.queues.waiting() == 0).await;
        });
    };
    undo(true);
    assert_eq!(destination.items().len(), 31, "a dry run deletes nothing");
    undo(false);
    assert_eq!(destination.items().len(), 3, "the foreign one, the answered one and the moved one stay");
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
}

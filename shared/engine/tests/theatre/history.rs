//! What passes know of each other: undone copies, new numbers, folders that come and go, copies that users make.

use crate::stage::Theatre;
use mailcrane_core::folder::Role;
use mailcrane_core::id::{AccountNo, PassNo};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::record::{Entry, EntryKind, Folder, Grade, Migration, PassKind, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::control::{self, ControlError};
use mailcrane_engine::ledger::{self, Change};
use mailcrane_testkit::faults::Port;
use mailcrane_testkit::source::Message;
use std::collections::BTreeMap;
use std::time::Duration;

fn theatre() -> Theatre {
    Theatre::with(1, Sizes { slice_messages: 40, window_messages: 10, lanes: 2, scan_step: 50, ..Sizes::default() })
}

fn undo(theatre: &Theatre) {
    theatre.memory.clock.clone().block_on(async {
        control::undo(&theatre.stage, &theatre.id, AccountNo(0), false).await.unwrap();
        theatre.run(|m| m.undoing == 0 && theatre.memory.queues.waiting() == 0).await;
    });
}

fn folders(theatre: &Theatre) -> Vec<Folder> {
    let partition = keys::account_partition(&theatre.id, AccountNo(0));
    theatre.memory.table.records::<Folder>(&partition, "F#").unwrap().into_iter().map(|f| f.record).collect()
}

#[test]
fn what_was_taken_back_is_copied_again_even_from_another_folder() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 10);
    source.folder("Done", None);
    let uid = source.append("INBOX", Message::small("moved@example.org", "moved"));
    theatre.play(PassKind::Full);
    undo(&theatre);
    assert_eq!(theatre.destination(0).items().len(), 0);
    source.move_to("INBOX", uid, "Done").unwrap();
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert_eq!(theatre.outcomes(0, PassNo(2)), BTreeMap::from([(Outcome::Copied, 11)]));
    assert_eq!(theatre.destination(0).items().len(), 11);
    theatre.audit(0);
}

#[test]
fn nothing_else_begins_while_an_account_is_undone() {
    let theatre = theatre();
    theatre.source(0).fill("INBOX", 30);
    theatre.play(PassKind::Full);
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        let (stage, id, no) = (&theatre.stage, &theatre.id, AccountNo(0));
        control::undo(stage, id, no, false).await.unwrap();
        let refused = |error: ControlError| assert!(matches!(error, ControlError::Undoing(_)), "{error}");
        refused(control::start(stage, id, PassKind::Delta, None, None).await.unwrap_err());
        refused(control::retry(stage, id, no).await.unwrap_err());
        refused(control::erase(stage, id).await.unwrap_err());
        refused(control::undo(stage, id, no, true).await.unwrap_err());
        theatre.run(|m| m.undoing == 0).await;
        control::start(stage, id, PassKind::Delta, None, None).await.unwrap();
        assert_eq!(theatre.run(|m| m.state.rests()).await, MigrationState::Finished);
    });
    assert_eq!(theatre.destination(0).items().len(), 30);
}

#[test]
fn an_undo_that_is_told_to_wait_goes_on_where_it_was() {
    let theatre = theatre();
    theatre.source(0).fill("INBOX", 250);
    theatre.play(PassKind::Full);
    for nth in 1..3 {
        theatre.memory.plan.on(Port::Destination, "delete", nth, mailcrane_testkit::faults::Mishap::FailBefore);
    }
    undo(&theatre);
    assert_eq!(theatre.destination(0).items().len(), 0);
}

#[test]
fn a_folder_that_the_server_does_not_open_is_named_and_copied_when_it_does() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 5);
    source.folder("Contracts", None);
    source.fill("Contracts", 7);
    source.refuse("Contracts", true);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::FinishedWithErrors);
    assert_eq!(theatre.account(0).grade, Some(Grade::CompleteWithExceptions));
    let refused = |entry: &&Entry| entry.code == "source.folder_refused";
    assert_eq!(theatre.protocol(0).iter().filter(refused).count(), 1);
    assert_eq!(theatre.destination(0).items().len(), 5);
    source.refuse("Contracts", false);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    assert_eq!(theatre.destination(0).items().len(), 12);
    theatre.audit(0);
}

#[test]
fn a_message_that_the_source_cannot_read_is_named_and_copied_when_it_can() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 5);
    let uid = source.append("INBOX", Message::small("broken@example.org", "broken"));
    source.edit("INBOX", uid, |message| message.unreadable = true);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::FinishedWithErrors);
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 5), (Outcome::Failed, 1)]));
    let row = theatre.rows(0, PassNo(1)).into_iter().find(|((_, of), _)| *of == uid).unwrap().1;
    assert_eq!((row.outcome, row.reason.is_empty()), (Outcome::Failed, false), "{row:?}");
    theatre.audit(0);
    source.edit("INBOX", uid, |message| message.unreadable = false);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(theatre.destination(0).items().len(), 6);
    theatre.audit(0);
}

#[test]
fn folders_with_another_name_at_the_destination_are_named_once() {
    let theatre = theatre();
    let source = theatre.source(0);
    for (wire, role) in [("Gesendet", Some(Role::Sent)), ("  ", None), ("Same", None)] {
        source.folder(wire, role);
        source.fill(wire, 1);
    }
    theatre.play(PassKind::Full);
    theatre.play(PassKind::Delta);
    let renamed = theatre.protocol(0).into_iter().filter(|entry| entry.kind == EntryKind::Renamed);
    let mut texts: Vec<_> = renamed.map(|entry| entry.text).collect();
    texts.sort();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[1], "Gesendet is copied into Sent Items");
}

#[test]
fn a_folder_that_disappears_between_two_chunks_hides_no_other() {
    let theatre = theatre();
    let source = theatre.source(0);
    for name in ["A", "B", "C", "D", "E"] {
        source.folder(name, None);
        source.fill(name, 3);
    }
    // One folder is planned, then the chunk's time is over.
    theatre.memory.plan.cost(Port::Source, Duration::from_secs(25));
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let delete = async {
            while folders(&theatre).len() < 3 {
                theatre.memory.clock.sleep(Duration::from_secs(1)).await;
            }
            source.delete("A");
        };
        let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), delete);
        assert_eq!(state, MigrationState::FinishedWithErrors);
    });
    let failed = theatre.rows(0, PassNo(1)).into_values().filter(|row| row.outcome == Outcome::Failed);
    assert!(failed.map(|row| row.code).all(|code| code == "source.folder_gone"));
    theatre.audit(0);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    for name in ["B", "C", "D", "E"] {
        let folder = theatre.destination(0).folder(&[name]).unwrap();
        let there = theatre.destination(0).items().into_iter().filter(|item| item.folder == folder).count();
        assert_eq!(there, 3, "{name}");
    }
}

#[test]
fn a_folder_that_is_numbered_anew_under_way_costs_the_others_nothing() {
    let mut rounds = 0;
    for nth in 1..8 {
        let theatre = theatre();
        let source = theatre.source(0);
        source.fill("INBOX", 60);
        source.folder("Other", None);
        source.fill("Other", 60);
        let changed = source.clone();
        theatre.memory.plan.when(Port::Source, "examine", nth, move || changed.renumber("INBOX"));
        assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
        theatre.audit(0);
        rounds += theatre.account(0).pass.round;
        assert_eq!(theatre.destination(0).items().len(), 120, "{nth}");
        let other = folders(&theatre).into_iter().find(|f| f.path == ["Other"]).unwrap().no.0;
        let rows = theatre.rows(0, PassNo(1));
        let of_other: Vec<_> = rows.iter().filter(|((no, _), _)| *no == other).map(|(_, row)| row.outcome).collect();
        assert_eq!(of_other, [Outcome::Copied; 60], "{nth}");
    }
    assert!(rounds > 0, "no pass was planned anew");
}

#[test]
fn a_message_that_only_looks_like_a_renumbered_one_is_copied() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 5);
    let first = Message::small("one@example.org", "one");
    source.append("INBOX", first.clone());
    theatre.play(PassKind::Full);
    source.renumber("INBOX");
    theatre.play(PassKind::Delta);
    assert_eq!(theatre.outcomes(0, PassNo(2)), BTreeMap::from([(Outcome::Duplicate, 6)]));
    // The same Message-ID and date, another text: the first one has its new number already.
    source.append("INBOX", Message { raw: Message::small("one@example.org", "two").raw, ..first });
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(theatre.outcomes(0, PassNo(3)), BTreeMap::from([(Outcome::Copied, 1)]));
    assert_eq!(theatre.destination(0).items().len(), 7);
}

#[test]
fn a_message_that_only_looks_like_one_moved_before_is_copied() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.folder("Done", None);
    source.folder("Later", None);
    let first = Message::small("one@example.org", "one");
    let uid = source.append("INBOX", first.clone());
    theatre.play(PassKind::Full);
    source.move_to("INBOX", uid, "Done").unwrap();
    theatre.play(PassKind::Delta);
    assert_eq!(theatre.outcomes(0, PassNo(2)), BTreeMap::from([(Outcome::Duplicate, 1)]));
    source.append("Later", Message { raw: Message::small("one@example.org", "two").raw, ..first });
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(theatre.outcomes(0, PassNo(3)), BTreeMap::from([(Outcome::Copied, 1)]));
}

#[test]
fn a_copy_that_the_owner_made_stays() {
    let theatre = theatre();
    theatre.source(0).fill("INBOX", 5);
    theatre.play(PassKind::Full);
    let destination = theatre.destination(0);
    destination.copy(&destination.items()[0].id);
    theatre.source(0).fill("INBOX", 1);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(destination.items().len(), 7);
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
}

#[test]
fn a_folder_that_is_left_out_is_named_once() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 5);
    source.folder("Left out", None);
    source.fill("Left out", 2);
    let key = keys::migration(&theatre.id);
    let exclude = ledger::update::<Migration>(&theatre.stage.table, &key, |migration| {
        migration.options.exclude_folders = vec!["Left out".to_owned()];
        Ok(Change::Write)
    });
    theatre.memory.clock.clone().block_on(exclude).unwrap();
    let skipped = || {
        let partition = keys::account_partition(&theatre.id, AccountNo(0));
        let pages = theatre.memory.table.snapshot();
        pages.keys().filter(|key| key.pk == partition && key.sk.contains("#plan#")).count()
    };
    theatre.play(PassKind::Full);
    let before = skipped();
    let folder = folders(&theatre).into_iter().find(|f| f.path == ["Left out"]).unwrap();
    assert!(!folder.skipped.is_empty() && folder.destination.is_none(), "{folder:?}");
    theatre.play(PassKind::Delta);
    assert!(before > 0);
    assert_eq!(skipped(), before);
}

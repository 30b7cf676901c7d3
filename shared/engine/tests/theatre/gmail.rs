//! Gmail: folders are labels, and a provider that lets only so much be read in a day.

use crate::stage::Theatre;
use mailcrane_core::folder::{Role, SourceFolder, WireName};
use mailcrane_core::id::{AccountNo, PassNo};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Account, Allowance, Grade, Migration, PassKind, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::ledger::{self, Change};
use mailcrane_testkit::source::{Mailbox, Message};
use std::collections::BTreeMap;

const ALL: &str = "[Gmail]/All Mail";

fn theatre() -> Theatre {
    let theatre = Theatre::with(
        1,
        Sizes { slice_messages: 40, window_messages: 10, lanes: 2, scan_step: 50, ..Sizes::default() },
    );
    let source = theatre.source(0);
    source.label();
    source.list(SourceFolder {
        wire: WireName::from("[Gmail]"),
        path: vec!["[Gmail]".into()],
        role: None,
        selectable: false,
        skip: None,
    });
    source.folder(ALL, Some(Role::All));
    source.folder("[Gmail]/Sent Mail", Some(Role::Sent));
    source.folder("[Gmail]/Starred", Some(Role::Flagged));
    source.folder("[Gmail]/Important", Some(Role::Important));
    source.folder("Work", None);
    source.folder("Travel", None);
    theatre
}

/// Delivers a message into all messages and the folders of its labels.
fn deliver(source: &Mailbox, id: u64, folders: &[&str]) {
    let labels = folders.iter().map(|folder| match *folder {
        "INBOX" => "\\Inbox".to_owned(),
        "[Gmail]/Starred" => "\\Starred".to_owned(),
        other => other.to_owned(),
    });
    let message = Message {
        gmail_id: Some(id),
        gmail_labels: labels.collect(),
        ..Message::small(&format!("{id}@example.org"), &format!("the text of message {id}"))
    };
    for folder in folders.iter().chain(&[ALL]) {
        source.append(folder, message.clone());
    }
}

fn there(theatre: &Theatre, path: &[&str]) -> Vec<(String, Vec<String>)> {
    let destination = theatre.destination(0);
    let Some(folder) = destination.folder(path) else { return Vec::new() };
    let items = destination.items().into_iter().filter(|item| item.folder == folder);
    let mut items: Vec<_> = items.map(|item| (message_id(&item.raw), item.categories)).collect();
    items.sort();
    items
}

fn message_id(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let line = text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    line.unwrap_or_default().to_owned()
}

fn item(id: u64, categories: &[&str]) -> (String, Vec<String>) {
    (format!("<{id}@example.org>"), categories.iter().map(|&one| one.to_owned()).collect())
}

#[test]
fn a_message_with_several_labels_is_copied_once_and_its_other_labels_become_categories() {
    let theatre = theatre();
    let source = theatre.source(0);
    deliver(&source, 1, &["INBOX", "Work"]);
    deliver(&source, 2, &["Travel", "Work", "[Gmail]/Starred"]);
    deliver(&source, 3, &["Work"]);
    deliver(&source, 4, &[]);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert_eq!(there(&theatre, &["Inbox"]), [item(1, &["Work"])]);
    assert_eq!(there(&theatre, &["Travel"]), [item(2, &["Work"])]);
    assert_eq!(there(&theatre, &["Work"]), [item(3, &[])]);
    assert_eq!(there(&theatre, &["All Mail"]), [item(4, &[])]);
    assert_eq!(theatre.destination(0).items().len(), 4);
    assert!(theatre.destination(0).folder(&["[Gmail]"]).is_none());
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    // Every message of every folder that is no view is accounted for: 4 in all messages, 5 with labels.
    let outcomes = BTreeMap::from([(Outcome::Copied, 4), (Outcome::Duplicate, 5)]);
    assert_eq!(theatre.outcomes(0, PassNo(1)), outcomes);
    theatre.audit(0);
}

#[test]
fn a_label_that_comes_later_copies_nothing_again() {
    let theatre = theatre();
    let source = theatre.source(0);
    deliver(&source, 1, &["Work"]);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let message = source.messages("Work").into_values().next().unwrap();
    source.append("INBOX", message);
    deliver(&source, 2, &["Travel"]);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!(there(&theatre, &["Inbox"]), []);
    assert_eq!(there(&theatre, &["Work"]), [item(1, &[])]);
    assert_eq!(there(&theatre, &["Travel"]), [item(2, &[])]);
    assert_eq!(theatre.destination(0).items().len(), 2);
}

#[test]
fn a_message_that_lost_its_label_before_it_was_read_is_copied_by_the_next_pass() {
    let theatre = theatre();
    let source = theatre.source(0);
    deliver(&source, 1, &["INBOX"]);
    deliver(&source, 2, &[]);
    // Whoever reads the INBOX finds it gone: archived between plan and copy.
    let clock = theatre.memory.clock.clone();
    clock.block_on(async {
        theatre.start(PassKind::Full).await;
        theatre.run(|_| theatre.account(0).pass.slices > 0).await;
    });
    source.expunge("INBOX", source.messages("INBOX").keys().copied().next().unwrap());
    clock.block_on(theatre.run(|m| m.state.rests()));
    assert_eq!(theatre.outcomes(0, PassNo(1)).get(&Outcome::Vanished), Some(&1));
    assert_eq!(theatre.destination(0).items().len(), 1);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    let ids: Vec<_> = theatre.destination(0).items().into_iter().map(|item| message_id(&item.raw)).collect();
    assert!(ids.contains(&"<1@example.org>".to_owned()), "{ids:?}");
    assert!(theatre.destination(0).doubled().is_empty());
}

#[test]
fn a_copy_for_each_label_is_an_option() {
    let theatre = theatre();
    let source = theatre.source(0);
    deliver(&source, 1, &["INBOX", "Work"]);
    deliver(&source, 2, &[]);
    let key = keys::migration(&theatre.id);
    let choose = ledger::update::<Migration>(&theatre.stage.table, &key, |migration| {
        migration.options.copy_per_label = true;
        Ok(Change::Write)
    });
    theatre.memory.clock.block_on(choose).unwrap();
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let ids = |path: &[&str]| there(&theatre, path).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(&["Inbox"]), ["<1@example.org>"]);
    assert_eq!(ids(&["Work"]), ["<1@example.org>"]);
    assert_eq!(ids(&["All Mail"]), ["<2@example.org>"]);
}

#[test]
fn a_folder_of_exactly_a_thousand_messages_is_warned_of() {
    let theatre = theatre();
    let source = theatre.source(0);
    for id in 1..=1_000 {
        deliver(&source, id, &["INBOX"]);
    }
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let limits = theatre.protocol(0).into_iter().filter(|entry| entry.code == "source.folder_limit");
    let notes: Vec<String> = limits.map(|entry| entry.text).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().any(|text| text.starts_with("INBOX: the folder shows exactly 1000 messages")), "{notes:?}");
}

#[test]
fn what_may_be_read_in_a_day_spreads_a_mailbox_over_days_and_the_status_says_so() {
    const MESSAGES: usize = 600;
    let theatre = theatre();
    for n in 0..MESSAGES {
        let id = format!("big.{n}@example.org");
        theatre.source(0).append("INBOX", Message::small(&id, &"x".repeat(10_000)));
    }
    let key = keys::account(&theatre.id, AccountNo(0));
    let limit = ledger::update::<Account>(&theatre.stage.table, &key, |account| {
        account.allowance = Allowance { connections: None, daily_octets: Some(2_000_000) };
        Ok(Change::Write)
    });
    let clock = theatre.memory.clock.clone();
    clock.block_on(limit).unwrap();
    let begun = mailcrane_core::ports::clock::Clock::now(&clock);
    clock.block_on(async {
        theatre.start(PassKind::Full).await;
        theatre.run(|_| theatre.lanes().iter().any(|lane| lane.waits_code == "source.day_budget")).await;
    });
    let waits = theatre.lanes().into_iter().find(|lane| lane.waits_code == "source.day_budget").unwrap();
    assert!(waits.waits_for.contains("goes on by itself a day after"), "{}", waits.waits_for);
    let wait = waits.not_before.unwrap().duration_since(begun).as_hours();
    assert!((24..26).contains(&wait), "a day is any 24 hours, not the rest of this one: {wait} hours");
    assert!(theatre.destination(0).items().len() < MESSAGES);
    assert_eq!(clock.block_on(theatre.run(|m| m.state.rests())), MigrationState::Finished);
    let days = mailcrane_core::ports::clock::Clock::now(&clock).duration_since(begun).as_hours() / 24;
    assert!((1..=4).contains(&days), "{days} days");
    assert_eq!(theatre.destination(0).items().len(), MESSAGES);
    assert!(theatre.destination(0).doubled().is_empty());
    theatre.audit(0);
}

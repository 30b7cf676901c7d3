//! Analysis of mailboxes in memory: over several chunks, within folders, past broken connections.

use crate::stage::Theatre;
use mailcrane_core::id::{AccountNo, LaneNo, PassNo};
use mailcrane_core::record::{Account, Analysis, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::AccountState;
use mailcrane_core::token::{LaneKind, Reason};
use mailcrane_core::uid::Uid;
use mailcrane_engine::ledger::{self, Change};
use mailcrane_engine::{admission, lane};
use mailcrane_testkit::faults::{Mishap, Port};
use std::time::Duration;

fn theatre() -> Theatre {
    Theatre::with(1, Sizes { scan_step: 50, ..Sizes::default() })
}

/// Analyzes the first account and returns what was found.
fn analyze(theatre: &Theatre) -> Analysis {
    let clock = theatre.memory.clock.clone();
    clock.block_on(async {
        let key = keys::account(&theatre.id, AccountNo(0));
        let wait = |account: &mut Account| {
            account.state = AccountState::Analyzing;
            Ok(Change::Write)
        };
        ledger::update::<Account>(&theatre.stage.table, &key, wait).await.unwrap();
        let fresh = admission::lane(&theatre.stage, &theatre.id, AccountNo(0), LaneKind::Analyze, LaneNo(0), PassNo(0));
        let fresh = fresh.await.unwrap();
        assert!(ledger::create(&theatre.stage.table, fresh.key.clone(), fresh.record.clone()).await.unwrap());
        lane::send(&theatre.stage, &fresh.record, Reason::Begin).await.unwrap();
        theatre.run(|_| theatre.account(0).state != AccountState::Analyzing).await;
    });
    let account = theatre.account(0);
    assert_eq!(account.state, AccountState::Ready, "{} {}", account.error_code, account.error);
    account.analysis
}

fn calls(theatre: &Theatre, method: &str) -> usize {
    theatre.memory.plan.calls().iter().filter(|call| call.port == Port::Source && call.method == method).count()
}

fn octets(theatre: &Theatre, wire: &str) -> u64 {
    theatre.source(0).messages(wire).values().map(|message| message.raw.len() as u64).sum()
}

#[test]
fn a_huge_folder_is_counted_over_several_chunks_and_no_message_twice() {
    let theatre = theatre();
    theatre.source(0).fill("INBOX", 10_000);
    theatre.source(0).fill("Work", 20);
    theatre.memory.plan.cost(Port::Source, Duration::from_secs(3));
    let found = analyze(&theatre);
    assert_eq!((found.messages, found.folders, found.complete), (10_020, 2, true));
    assert_eq!(found.bytes, octets(&theatre, "INBOX") + octets(&theatre, "Work"));
    // 200 listings of at most 50 UIDs, and one for the small folder: nothing is listed again.
    assert_eq!(calls(&theatre, "scan"), 201);
    assert!(calls(&theatre, "folders") >= 3, "it took several chunks");
    assert!(found.speeds.source_octets > 0 && found.speeds.request_milliseconds > 0);
}

#[test]
fn a_source_that_breaks_off_every_few_listings_is_slow_and_not_stuck() {
    let theatre = theatre();
    theatre.source(0).fill("INBOX", 1_500);
    // More often than chunks may go without progress: each of these made some.
    for nth in 0..12 {
        theatre.memory.plan.on(Port::Source, "scan", 2 + 3 * nth, Mishap::FailBefore);
    }
    let found = analyze(&theatre);
    assert_eq!((found.messages, found.complete), (1_500, true));
    assert_eq!(theatre.memory.plan.met().len(), 12);
}

#[test]
fn a_folder_that_comes_while_another_is_half_counted_confuses_nothing() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 10);
    source.fill("Work", 300);
    theatre.memory.plan.on(Port::Source, "scan", 4, Mishap::FailBefore);
    let there = source.clone();
    theatre.memory.plan.when(Port::Source, "folders", 1, move || there.fill("Art", 30));
    let found = analyze(&theatre);
    // What comes in front of the half counted folder is not seen any more; a pass plans for itself.
    assert_eq!(found.messages, 310);
}

#[test]
fn a_folder_that_goes_while_it_is_half_counted_costs_nothing_else() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 10);
    source.fill("Work", 300);
    source.fill("Zoo", 5);
    theatre.memory.plan.on(Port::Source, "scan", 4, Mishap::FailBefore);
    let there = source.clone();
    theatre.memory.plan.when(Port::Source, "folders", 1, move || there.delete("Work"));
    let found = analyze(&theatre);
    assert!(found.complete && found.messages == 10 + 3 * 50 + 5, "{found:?}");
}

#[test]
fn messages_that_are_gone_leave_no_trace() {
    let theatre = theatre();
    let source = theatre.source(0);
    source.fill("INBOX", 120);
    for uid in 30..=110 {
        source.expunge("INBOX", Uid::new(uid).unwrap());
    }
    assert_eq!(analyze(&theatre).messages, 39);
    // Few messages are one listing, however far apart their UIDs are.
    assert_eq!(calls(&theatre, "scan"), 1);
}

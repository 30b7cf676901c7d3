//! The crash sweep: every port call goes wrong in every way that makes a difference, once each, and every event is
//! delivered twice. The end is the same in all cases.

use crate::stage::Theatre;
use mailcrane_core::folder::Role;
use mailcrane_core::id::{AccountNo, PassNo};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Grade, LaneState, PassKind};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_engine::control;
use mailcrane_testkit::faults::{Call, Mishap, Port, Span, cases};
use mailcrane_testkit::source::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn theatre() -> Theatre {
    let sizes =
        Sizes { slice_messages: 6, window_messages: 2, windows_ahead: 2, lanes: 2, scan_step: 50, ..Sizes::default() };
    let theatre = Theatre::with(1, sizes);
    let source = theatre.source(0);
    source.fill("INBOX", 9);
    for _ in 0..2 {
        source.append("INBOX", Message::small("twin@example.org", "twin"));
    }
    source.folder("Sent", Some(Role::Sent));
    source.fill("Sent", 4);
    theatre
}

/// One way through the engine, and what must be the same at its end whatever went wrong.
struct Scenario {
    name: &'static str,
    play: fn(&Theatre),
    end: MigrationState,
    items: usize,
    outcomes: &'static [(u32, Outcome, usize)],
}

const FULL: Scenario = Scenario {
    name: "full",
    play: |theatre| {
        theatre.play(PassKind::Full);
    },
    end: MigrationState::Finished,
    items: 14,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1)],
};

const DELTA: Scenario = Scenario {
    name: "full and delta",
    play: |theatre| {
        theatre.play(PassKind::Full);
        theatre.source(0).fill("INBOX", 3);
        theatre.source(0).rename("Sent", "Gesendet");
        theatre.source(0).fill("Gesendet", 2);
        theatre.play(PassKind::Delta);
    },
    end: MigrationState::Finished,
    items: 19,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1), (2, Outcome::Copied, 5)],
};

const RENUMBERED: Scenario = Scenario {
    name: "UIDVALIDITY changes in the middle, then a delta",
    play: |theatre| {
        let source = theatre.source(0);
        // Without the twin: when its fellow was stored and not recorded before the change, no digest is known that
        // would tell that the two are equal, and both are copied, as the source has both.
        let twin = source.messages("INBOX").into_keys().next_back().unwrap();
        source.expunge("INBOX", twin);
        theatre.memory.plan.when(Port::Source, "examine", 3, move || source.renumber("INBOX"));
        theatre.play(PassKind::Full);
        theatre.play(PassKind::Delta);
    },
    end: MigrationState::Finished,
    items: 14,
    outcomes: &[],
};

const PAUSED: Scenario = Scenario {
    name: "paused in the middle",
    play: |theatre| {
        theatre.memory.plan.cost(Port::Destination, Duration::from_secs(3));
        theatre.memory.clock.clone().block_on(async {
            theatre.start(PassKind::Full).await;
            let pause = async {
                theatre.wait_for(3).await;
                theatre.control(|| control::pause(&theatre.stage, &theatre.id), MigrationState::Pausing).await;
            };
            let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), pause);
            if state == MigrationState::Paused {
                theatre.control(|| control::resume(&theatre.stage, &theatre.id), MigrationState::Running).await;
                theatre.run(|m| m.state.rests()).await;
            }
        });
    },
    end: MigrationState::Finished,
    items: 14,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1)],
};

/// What an IMAP server is: it keeps no key of ours and is written to by one connection, several requests in flight.
const KEYLESS: Scenario = Scenario {
    name: "a destination that keeps no keys",
    play: |theatre| {
        let destination = theatre.destination(0);
        destination.features(|f| (f.find_by_key, f.keeps_key, f.parallel) = (false, false, false));
        destination.features(|f| f.max_batch_items = 1);
        theatre.play(PassKind::Full);
    },
    end: MigrationState::Finished,
    items: 14,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1)],
};

const CANCELLED: Scenario = Scenario {
    name: "cancelled in the middle, then undone",
    play: |theatre| {
        theatre.memory.plan.cost(Port::Destination, Duration::from_secs(3));
        theatre.memory.clock.clone().block_on(async {
            theatre.start(PassKind::Full).await;
            let cancel = async {
                theatre.wait_for(3).await;
                theatre.control(|| control::cancel(&theatre.stage, &theatre.id), MigrationState::Cancelling).await;
            };
            futures_util::join!(theatre.run(|m| m.state.rests()), cancel);
        });
        let destination = theatre.destination(0);
        assert!(destination.doubled().is_empty(), "doubled {:?}", destination.doubled());
        let there: BTreeSet<_> = destination.items().into_iter().map(|item| item.id).collect();
        let copied = theatre.rows(0, PassNo(1)).into_values().filter(|row| row.outcome == Outcome::Copied);
        assert!(copied.map(|row| row.item.unwrap()).all(|id| there.contains(&id)), "what is copied is there");
        undo(theatre);
    },
    end: MigrationState::Cancelled,
    items: 0,
    outcomes: &[],
};

const UNDONE: Scenario = Scenario {
    name: "full, then undone",
    play: |theatre| {
        theatre.play(PassKind::Full);
        undo(theatre);
    },
    end: MigrationState::Finished,
    items: 0,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1)],
};

/// Undoes as a person does: when there is no answer, looks whether it has begun, and asks again.
fn undo(theatre: &Theatre) {
    theatre.memory.clock.clone().block_on(async {
        let ask = || control::undo(&theatre.stage, &theatre.id, AccountNo(0), false);
        let asked = theatre.memory.plan.process(ask()).await;
        if !matches!(asked, Ok(Ok(()))) && theatre.migration().undoing == 0 {
            ask().await.unwrap();
        }
        theatre.run(|m| m.undoing == 0).await;
    });
}

/// What is too large goes into the bucket, and a stub into the mailbox. The second of two equal ones is a duplicate.
const RESCUED: Scenario = Scenario {
    name: "oversize rescue",
    play: |theatre| {
        theatre.choose(|options| options.rescue_oversize = true);
        theatre.destination(0).features(|f| f.max_message = 1_000);
        let large = Message::small("large@example.org", &"x".repeat(2_000));
        for _ in 0..2 {
            theatre.source(0).append("INBOX", large.clone());
        }
        theatre.play(PassKind::Full);
        let objects = theatre.memory.blobs.objects();
        assert!(objects.values().all(|(_, octets)| *octets == large.raw), "an object is not the original");
        let links = theatre.destination(0).items().into_iter().filter(|item| {
            let stub = String::from_utf8_lossy(&item.raw).into_owned();
            objects.keys().any(|name| stub.contains(&format!("s3://bucket/{name}\r\n")))
        });
        assert_eq!(links.count(), 1, "one stub leads to an object");
    },
    end: MigrationState::Finished,
    items: 15,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 2), (1, Outcome::Skipped, 1)],
};

fn end(theatre: &Theatre, scenario: &Scenario, case: &str) {
    let state = theatre.migration().state;
    // A person who was frozen meanwhile comes too late to cancel.
    let late = scenario.end == MigrationState::Cancelled && state == MigrationState::Finished;
    assert!(state == scenario.end || late, "{case}: {state:?}");
    let destination = theatre.destination(0);
    assert!(destination.doubled().is_empty(), "{case}: doubled {:?}", destination.doubled());
    assert_eq!(destination.items().len(), scenario.items, "{case}: items");
    let lanes = theatre.lanes();
    assert!(lanes.iter().all(|l| l.state == LaneState::Ended), "{case}: {lanes:#?}");
    if scenario.end == MigrationState::Cancelled {
        assert_eq!(theatre.account(0).state == AccountState::Cancelled, !late, "{case}");
        return;
    }
    let mut expected: BTreeMap<u32, BTreeMap<Outcome, usize>> = BTreeMap::new();
    for (pass, outcome, number) in scenario.outcomes {
        expected.entry(*pass).or_default().insert(*outcome, *number);
    }
    for (pass, outcomes) in expected {
        assert_eq!(theatre.outcomes(0, PassNo(pass)), outcomes, "{case}: outcomes of pass {pass}");
    }
    let skips = scenario.outcomes.iter().any(|(_, outcome, _)| *outcome == Outcome::Skipped);
    let grade = if skips { Grade::CompleteWithExceptions } else { Grade::Complete };
    assert_eq!(theatre.account(0).grade, Some(grade), "{case}: grade");
    theatre.audit(0);
}

fn play(scenario: &Scenario, prepare: impl Fn(&Theatre), case: &str) -> Vec<Call> {
    let theatre = theatre();
    prepare(&theatre);
    (scenario.play)(&theatre);
    end(&theatre, scenario, case);
    theatre.memory.plan.calls()
}

/// Lets every call go wrong in every way, once each; counts the cases.
fn sweep(scenario: &Scenario) {
    // What the test itself reads and writes belongs to no process.
    let calls: Vec<Call> = play(scenario, |_| {}, "without a mishap").into_iter().filter(|c| c.process > 0).collect();
    let s = Duration::from_secs;
    let cases = cases(&calls, Span { late: s(60), slow: s(40), frozen: s(200) });
    let failed: Vec<String> = cases
        .iter()
        .map(|(call, mishap)| (call, mishap, format!("{}: {call} {mishap:?}", scenario.name)))
        .filter(|(call, mishap, name)| {
            let plan = |theatre: &Theatre| theatre.memory.plan.at(call.number, **mishap);
            std::panic::catch_unwind(|| play(scenario, plan, name)).is_err()
        })
        .map(|(_, _, name)| name)
        .collect();
    println!("{}: {} calls, {} cases, {} failed", scenario.name, calls.len(), cases.len(), failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_full_pass_ends_the_same_whatever_call_goes_wrong() {
    sweep(&FULL);
}

#[test]
fn a_delta_ends_the_same_whatever_call_goes_wrong() {
    sweep(&DELTA);
}

#[test]
fn a_pause_ends_the_same_whatever_call_goes_wrong() {
    sweep(&PAUSED);
}

#[test]
fn a_cancellation_ends_the_same_whatever_call_goes_wrong() {
    sweep(&CANCELLED);
}

#[test]
fn an_undo_ends_the_same_whatever_call_goes_wrong() {
    sweep(&UNDONE);
}

#[test]
fn a_folder_numbered_anew_ends_the_same_whatever_call_goes_wrong() {
    sweep(&RENUMBERED);
}

#[test]
fn a_destination_without_keys_ends_the_same_whatever_call_goes_wrong() {
    sweep(&KEYLESS);
}

#[test]
fn an_oversize_rescue_ends_the_same_whatever_call_goes_wrong() {
    sweep(&RESCUED);
}

#[test]
fn every_scenario_ends_the_same_when_everything_is_delivered_twice_and_out_of_order() {
    for scenario in [&FULL, &DELTA, &PAUSED, &CANCELLED, &UNDONE, &RENUMBERED, &KEYLESS, &RESCUED] {
        for seed in 0..25 {
            let both = |theatre: &Theatre| {
                theatre.memory.queues.deliver_twice();
                theatre.memory.queues.shuffle(seed);
            };
            play(scenario, both, &format!("{}: twice, seed {seed}", scenario.name));
        }
    }
}

#[test]
fn a_late_effect_is_no_second_copy_after_verification() {
    let late = |theatre: &Theatre| {
        let mishap = Mishap::Late(Duration::from_secs(170));
        theatre.memory.plan.on(Port::Destination, "store", 1, mishap);
    };
    play(&FULL, late, "an effect 170 s after the connection was lost");
}

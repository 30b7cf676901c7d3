//! The crash sweep: every port call goes wrong in every way that makes a difference, once each, and every event is
//! delivered twice. The end is the same in all cases.

use crate::stage::Theatre;
use mailcrane_core::folder::Role;
use mailcrane_core::id::PassNo;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Grade, PassKind};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::control;
use mailcrane_testkit::faults::{Call, Mishap, Port, Span, cases};
use mailcrane_testkit::source::Message;
use std::collections::BTreeMap;
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
    items: usize,
    outcomes: &'static [(u32, Outcome, usize)],
}

const FULL: Scenario = Scenario {
    name: "full",
    play: |theatre| {
        theatre.play(PassKind::Full);
    },
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
    items: 14,
    outcomes: &[(1, Outcome::Copied, 14), (1, Outcome::Duplicate, 1)],
};

fn end(theatre: &Theatre, scenario: &Scenario, case: &str) {
    assert_eq!(theatre.migration().state, MigrationState::Finished, "{case}");
    let destination = theatre.destination(0);
    assert!(destination.doubled().is_empty(), "{case}: doubled {:?}", destination.doubled());
    assert_eq!(destination.items().len(), scenario.items, "{case}: items");
    let mut expected: BTreeMap<u32, BTreeMap<Outcome, usize>> = BTreeMap::new();
    for (pass, outcome, number) in scenario.outcomes {
        expected.entry(*pass).or_default().insert(*outcome, *number);
    }
    for (pass, outcomes) in expected {
        assert_eq!(theatre.outcomes(0, PassNo(pass)), outcomes, "{case}: outcomes of pass {pass}");
    }
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete), "{case}: grade");
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
fn a_folder_numbered_anew_ends_the_same_whatever_call_goes_wrong() {
    sweep(&RENUMBERED);
}

#[test]
fn a_destination_without_keys_ends_the_same_whatever_call_goes_wrong() {
    sweep(&KEYLESS);
}

#[test]
fn every_scenario_ends_the_same_when_everything_is_delivered_twice_and_out_of_order() {
    for scenario in [&FULL, &DELTA, &PAUSED, &RENUMBERED, &KEYLESS] {
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

//! The crash sweep: every port call goes wrong in every way that makes a difference, once each, and every event is
//! delivered twice. The end is the same in all cases.

#[path = "../stage/mod.rs"]
mod stage;

use mailcrane_core::folder::Role;
use mailcrane_core::id::PassNo;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Grade, PassKind};
use mailcrane_core::settings::{Settings, Sizes, Times};
use mailcrane_core::state::MigrationState;
use mailcrane_testkit::faults::{Call, Mishap, cases};
use mailcrane_testkit::source::Message;
use stage::Theatre;
use std::collections::BTreeMap;
use std::time::Duration;

fn theatre() -> Theatre {
    let sizes =
        Sizes { slice_messages: 6, window_messages: 2, windows_ahead: 2, lanes: 2, scan_step: 50, ..Sizes::default() };
    let theatre = Theatre::with(1, Settings { times: Times::default(), sizes });
    let source = theatre.source(0);
    source.fill("INBOX", 9);
    for _ in 0..2 {
        source.append("INBOX", Message::small("twin@example.org", "twin"));
    }
    source.folder("Sent", Some(Role::Sent));
    source.fill("Sent", 4);
    theatre
}

/// What must be the same whatever went wrong.
fn end(theatre: &Theatre, case: &str) {
    let destination = theatre.destination(0);
    assert!(destination.doubled().is_empty(), "{case}: doubled {:?}", destination.doubled());
    assert_eq!(destination.items().len(), 14, "{case}: items");
    let expected = BTreeMap::from([(Outcome::Copied, 14), (Outcome::Duplicate, 1)]);
    assert_eq!(theatre.outcomes(0, PassNo(1)), expected, "{case}: outcomes");
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete), "{case}: grade");
    theatre.audit(0);
}

fn play(prepare: impl Fn(&Theatre), case: &str) -> Vec<Call> {
    let theatre = theatre();
    prepare(&theatre);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished, "{case}");
    end(&theatre, case);
    theatre.memory.plan.calls()
}

#[test]
fn a_full_pass_ends_the_same_whatever_call_goes_wrong() {
    // What the test itself reads and writes belongs to no process.
    let calls: Vec<Call> = play(|_| {}, "without a mishap").into_iter().filter(|c| c.process > 0).collect();
    let cases = cases(&calls, Duration::from_secs(60), Duration::from_secs(200));
    println!("{} calls, {} cases", calls.len(), cases.len());
    let mut failed = Vec::new();
    for (call, mishap) in &cases {
        let name = format!("{call} {mishap:?}");
        let caught = std::panic::catch_unwind(|| {
            play(|theatre| theatre.memory.plan.at(call.number, *mishap), &name);
        });
        if caught.is_err() {
            failed.push((name, mishap));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases: {failed:#?}", failed.len(), cases.len());
}

#[test]
fn a_full_pass_ends_the_same_when_everything_is_delivered_twice_and_out_of_order() {
    for seed in 0..50 {
        let both = |theatre: &Theatre| {
            theatre.memory.queues.deliver_twice();
            theatre.memory.queues.shuffle(seed);
        };
        play(both, &format!("twice, seed {seed}"));
    }
}

#[test]
fn a_late_effect_is_no_second_copy_after_verification() {
    let late = |theatre: &Theatre| {
        let mishap = Mishap::Late(Duration::from_secs(170));
        theatre.memory.plan.on(mailcrane_testkit::faults::Port::Destination, "store", 1, mishap);
    };
    play(late, "an effect 170 s after the connection was lost");
}

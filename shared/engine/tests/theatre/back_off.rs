//! A destination that asks for a pause longer than a chunk: the lane goes on afterwards, and nobody waits meanwhile.

use crate::stage::Theatre;
use mailcrane_core::Timestamp;
use mailcrane_core::id::PassNo;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::record::{Grade, Lane, LaneState, PassKind};
use mailcrane_core::settings::{Sizes, Times};
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::LaneKind;
use mailcrane_engine::world::World as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// What Microsoft asks for.
const BACK_OFF: Duration = Duration::from_millis(299_961);

fn since(begun: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(begun)).unwrap()
}

/// The lanes that copy, and how many requests to store came so far, second by second.
type Watched = Vec<(Duration, Vec<Lane>, u64)>;

/// Plays a pass over that mailbox, from the first request on, and watches it.
fn watched(theatre: &Theatre) -> (Timestamp, Watched) {
    let clock = theatre.memory.clock.clone();
    let destination = theatre.destination(0);
    clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let watch = async {
            let mut begun = None;
            let mut watched = Vec::new();
            while !theatre.migration().state.rests() {
                let stores = destination.stores().0;
                if stores > 0 {
                    let begun = *begun.get_or_insert(clock.now());
                    let lanes = theatre.lanes().into_iter().filter(|lane| lane.kind == LaneKind::Copy).collect();
                    watched.push((since(begun, clock.now()), lanes, stores));
                }
                clock.sleep(Duration::from_secs(1)).await;
            }
            (begun.unwrap(), watched)
        };
        let (state, watched) = futures_util::join!(theatre.run(|migration| migration.state.rests()), watch);
        assert_eq!(state, MigrationState::Finished);
        watched
    })
}

#[test]
fn a_pause_of_299961_milliseconds_is_a_continuation_and_not_a_wait_within_the_chunk() {
    assert!(BACK_OFF > Times::default().chunk);
    let theatre = Theatre::with(1, Sizes { slice_messages: 40, window_messages: 10, lanes: 1, ..Sizes::default() });
    theatre.source(0).fill("INBOX", 120);
    // Whatever is asked in the first seconds is refused, then a request would be taken: only that nobody asks.
    theatre.destination(0).throttle(Duration::from_secs(20), BACK_OFF);
    let (begun, watched) = watched(&theatre);

    let waits = |(_, lanes, _): &&(_, Vec<Lane>, _)| lanes.iter().any(|lane| lane.state == LaneState::Queued);
    let (seen, lanes, asked) = watched.iter().find(waits).expect("the lane does not wait");
    assert!(*seen <= Duration::from_secs(3), "the chunk waited {seen:?} itself");
    let [lane] = lanes.as_slice() else { panic!("{lanes:#?}") };
    // What the status shows as `waits`: what for, in words too, and until when.
    assert_eq!(lane.waits_code, "destination.busy");
    assert!(!lane.waits_for.is_empty());
    let wait = since(begun, lane.not_before.expect("until when"));
    assert!((BACK_OFF - Duration::from_secs(1)..BACK_OFF + Duration::from_secs(2)).contains(&wait), "{wait:?}");

    for (at, lanes, stores) in watched.iter().filter(|(at, ..)| (*seen..BACK_OFF - Duration::from_secs(2)).contains(at))
    {
        let told = lanes.iter().map(|lane| (lane.state, lane.waits_code.as_str(), lane.not_before)).collect::<Vec<_>>();
        assert_eq!(told, [(LaneState::Queued, "destination.busy", lane.not_before)], "after {at:?}");
        assert_eq!(stores, asked, "the destination was asked again after {at:?}");
    }

    let account = theatre.account(0);
    assert_eq!(account.grade, Some(Grade::Complete));
    theatre.audit(0);
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 120)]));
    assert_eq!(theatre.destination(0).items().len(), 120);
    assert!(theatre.destination(0).doubled().is_empty());
    assert!(theatre.lanes().iter().all(|lane| lane.waits_code.is_empty()), "somebody still waits");
    let took = since(begun, theatre.stage.now());
    assert!(took < BACK_OFF * 2, "{took:?}: nothing but the pause takes time");
    assert!(theatre.slices(0, PassNo(1)).iter().all(|slice| !slice.doubted), "a refusal leaves no doubt");
}

#[test]
fn several_lanes_that_are_asked_to_pause_copy_everything_once() {
    let theatre = Theatre::with(1, Sizes { slice_messages: 40, window_messages: 10, lanes: 4, ..Sizes::default() });
    theatre.source(0).fill("INBOX", 400);
    theatre.destination(0).throttle(Duration::from_secs(400), BACK_OFF);
    let (_, watched) = watched(&theatre);
    assert!(watched.iter().any(|(_, lanes, _)| lanes.iter().filter(|lane| !lane.waits_code.is_empty()).count() > 1));
    theatre.audit(0);
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 400)]));
    assert!(theatre.destination(0).doubled().is_empty());
}

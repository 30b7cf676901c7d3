//! A source that asks for a pause is left alone for exactly that long, and nobody waits within a chunk.

use crate::losses::tree;
use crate::server::{Answer, Asked, Server};
use crate::stage::Stage;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{LaneState, PassKind};
use mailcrane_core::token::LaneKind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What Microsoft asks for: longer than a chunk.
const BACK_OFF: Duration = Duration::from_millis(299_961);

const WORDS: &str = "Request is throttled. Suggested Backoff Time: 299961 milliseconds";

/// How a server says it.
#[derive(Clone, Copy)]
enum Way {
    No,
    Bye,
}

/// Plays a pass over a server that throttles the first command of a kind, and asserts that the lane of that kind waits
/// for it.
async fn throttled(kind: LaneKind, way: Way, what: impl Fn(&Asked<'_>) -> bool + Send + Sync + 'static) {
    let moments = Arc::new(Mutex::new(Vec::new()));
    let noted = moments.clone();
    let habit = move |asked: Asked<'_>| {
        let mut moments = noted.lock().unwrap();
        if moments.is_empty() && !what(&asked) {
            return Answer::Honest;
        }
        moments.push(Instant::now());
        if moments.len() > 1 {
            return Answer::Honest;
        }
        match way {
            Way::No => asked.no(WORDS),
            Way::Bye => Answer::Close(format!("* BYE {WORDS}\r\n").into_bytes()),
        }
    };
    let mut stage = Stage::before(&Server::new(tree(), habit)).await;
    let begun = (Instant::now(), stage.now());
    stage.play(PassKind::Full).await;
    let expected = [(Outcome::Copied, 10), (Outcome::Duplicate, 1), (Outcome::Skipped, 1)];
    assert_eq!(stage.audit(&tree()).await, BTreeMap::from(expected));

    let moments = moments.lock().unwrap();
    let said = begun.1 + (moments[0] - begun.0);
    let of_kind = |lane: &&(_, mailcrane_core::record::Lane)| lane.1.kind == kind;
    let (seen, lane) = stage.waited.iter().find(of_kind).expect("no lane waits");
    assert_eq!((lane.state, lane.waits_code.as_str()), (LaneState::Queued, "source.busy"));
    assert!(lane.waits_for.contains(WORDS), "{}", lane.waits_for);
    let wait = Duration::try_from(lane.not_before.unwrap().duration_since(said)).unwrap();
    assert!((BACK_OFF..BACK_OFF + Duration::from_secs(1)).contains(&wait), "{wait:?}");
    let at_once = Duration::try_from(seen.duration_since(said)).unwrap();
    assert!(at_once < Duration::from_secs(10), "the chunk waited {at_once:?}");
    // Whoever asks meanwhile only signs out.
    let again = moments.iter().map(|moment| *moment - moments[0]).find(|after| *after > Duration::from_secs(10));
    assert!(again.unwrap() >= BACK_OFF, "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_throttles_a_body_is_left_alone_as_long_as_it_says() {
    throttled(LaneKind::Copy, Way::Bye, |asked| asked.is_for_bodies()).await;
    throttled(LaneKind::Copy, Way::No, |asked| asked.is_for_bodies()).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_throttles_a_list_is_left_alone_as_long_as_it_says() {
    throttled(LaneKind::Plan, Way::Bye, |asked| asked.is_for_list()).await;
    throttled(LaneKind::Plan, Way::No, |asked| asked.is_for_list()).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_throttles_sign_ins_is_left_alone_as_long_as_it_says() {
    throttled(LaneKind::Plan, Way::No, |asked| asked.is("LOGIN")).await;
    throttled(LaneKind::Plan, Way::Bye, |asked| asked.is("LOGIN")).await;
}

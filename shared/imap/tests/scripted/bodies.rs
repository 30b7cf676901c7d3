//! What servers do when messages are read.

use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::Fault;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::Source as _;
use std::collections::BTreeMap;

/// Reads the batches from servers with these scripts.
async fn fetched(scripts: &[&str], mut feed: Feed) -> (Result<(), Fault>, Feed) {
    let server = Server::new(scripts);
    let (mut session, _) = server.open_inbox().await;
    let outcome = session.fetch(&mut feed).await;
    drop(session);
    server.finished().await;
    (outcome, feed)
}

#[track_caller]
fn check(feed: &Feed, expected: &[(u32, &str)]) {
    let expected: BTreeMap<u32, String> = expected.iter().map(|(uid, text)| (*uid, (*text).to_owned())).collect();
    assert_eq!(feed.outcomes(), expected);
    feed.assert_complete();
}

#[tokio::test]
async fn two_commands_are_in_flight_and_answered_in_order() {
    let script = "login\nexamine 4
        C: UID FETCH 1:2 (UID FLAGS INTERNALDATE BODY.PEEK[])
        C: UID FETCH 3:4 (UID FLAGS INTERNALDATE BODY.PEEK[])
        M: 1 one
        M: 2 two
        S: {tag-1} OK done
        M: 3 three
        M: 4 four
        done";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2], &[3, 4]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "one"), (2, "two"), (3, "three"), (4, "four")]);
    let FetchOutcome::Message(message) = feed.outcome(1) else { panic!("no message") };
    assert!(message.flags.seen);
    assert_eq!(message.received.unwrap().to_string(), "1996-07-17T09:44:25Z");
    assert_eq!(feed.admitted, [3, 3, 5, 4]);
}

//! Servers that refuse, forget, die or fall silent while messages are read: every UID keeps its outcome.

use crate::bodies::{check, fetched};
use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::Remedy;
use mailcrane_core::folder::WireName;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::{Credentials, Source as _};
use mailcrane_core::secret::Secret;
use std::time::{Duration, Instant};

/// What asks once more whether UID 2 is there, and that it is.
const STILL_THERE: &str =
    "C: NOOP\ndone\nC: UID FETCH 2 (UID FLAGS INTERNALDATE)\nS: * 2 FETCH (UID 2 FLAGS ())\ndone\n";

#[tokio::test]
async fn a_message_is_left_out_though_the_answer_is_ok_and_comes_when_asked_alone() {
    let script = format!(
        "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone"
    );
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_message_was_expunged_meanwhile() {
    let script = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nM: 3 c\ndone
        C: NOOP\nS: * 2 EXPUNGE\ndone\nC: UID FETCH 2 (UID FLAGS INTERNALDATE)\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "vanished"), (3, "c")]);
}

#[tokio::test]
async fn a_server_that_stumbles_over_one_number_answers_ok_and_nothing_to_the_whole_set() {
    let script = "login\nexamine 3\nC: UID FETCH 1:3,9 *\ndone
        C: NOOP\ndone\nC: UID FETCH 1:3,9 (UID FLAGS INTERNALDATE)\ndone
        C: UID SEARCH UID 1:3\nS: * SEARCH 1 2 3\ndone\nC: UID SEARCH UID 9\nS: * SEARCH\ndone
        C: UID FETCH 1 *\nM: 1 a\ndone\nC: UID FETCH 2 *\nM: 2 b\ndone\nC: UID FETCH 3 *\nM: 3 c\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2, 3, 9]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c"), (9, "vanished")]);
}

#[tokio::test]
async fn messages_that_are_gone_from_a_set_are_looked_for_once_more_where_search_is_refused() {
    let script = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 2 b\ndone
        C: NOOP\ndone\nC: UID FETCH 1,3 (UID FLAGS INTERNALDATE)\ndone
        C: UID SEARCH UID 1\nS: {tag} NO cannot search\nC: UID FETCH 1 (UID)\nS: * 1 FETCH (UID 1)\ndone
        C: UID SEARCH UID 3\nS: {tag} NO cannot search\nC: UID FETCH 3 (UID)\ndone
        C: UID FETCH 1 *\nM: 1 a\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "vanished")]);
}

#[tokio::test]
async fn a_message_is_nil_because_it_was_expunged() {
    let script = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nS: * 2 FETCH (UID 2 BODY[] NIL)\nM: 3 c\nS: {tag} OK [EXPUNGEISSUED] done
        C: NOOP\ndone\nC: UID FETCH 2 (UID FLAGS INTERNALDATE)\nS: {tag} NO gone\nC: UID FETCH 2 (UID)\nS: {tag} NO gone
        C: UID SEARCH UID 2\nS: * SEARCH\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "vanished"), (3, "c")]);
}

#[tokio::test]
async fn a_message_is_there_but_never_given_out() {
    let first = format!(
        "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nS: * 2 FETCH (UID 2 BODY[] NIL)\nM: 3 c\ndone
        {STILL_THERE}C: UID FETCH 2 *\nS: * 2 FETCH (UID 2 BODY[] NIL)\ndone\nhang"
    );
    let second = "login\nexamine 3\nC: UID FETCH 2 *\ndone";
    let (outcome, feed) = fetched(&[&first, second], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "unreadable"), (3, "c")]);
}

#[tokio::test]
async fn a_refused_batch_is_cut_in_halves_until_the_refused_message_stands_alone() {
    let first = format!(
        "login\nexamine 4
        C: UID FETCH 1:4 *\nM: 1 a\nS: {{tag}} NO [SERVERBUG] cannot read
        C: UID FETCH 2 *\nC: UID FETCH 3:4 *\nS: {{tag-1}} NO cannot read\nM: 3 c\nM: 4 d\nS: {{tag}} OK done
        {STILL_THERE}C: UID FETCH 2 *\nS: {{tag}} NO cannot read\nhang"
    );
    let second = "login\nexamine 4\nC: UID FETCH 2 *\nS: {tag} NO cannot read";
    let (outcome, feed) = fetched(&[&first, second], Feed::of(&[&[1, 2, 3, 4]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "unreadable"), (3, "c"), (4, "d")]);
    let FetchOutcome::Unreadable { reason } = feed.outcome(2) else { panic!("not unreadable") };
    assert!(reason.contains("cannot read"), "{reason}");
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_body_costs_only_that_message_a_try() {
    let first = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a
        S: * 2 FETCH (UID 2 FLAGS () BODY[] {500}\nR: only this\nclose";
    let second =
        format!("login\nexamine 3\nC: UID FETCH 3 *\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone");
    let (outcome, feed) = fetched(&[first, &second], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_server_that_always_dies_at_one_message_gives_all_the_others() {
    let dies = "S: * 2 FETCH (UID 2 FLAGS () BODY[] {500}\nR: only this\nclose";
    let first = format!("login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\n{dies}");
    let second = format!("login\nexamine 3\nC: UID FETCH 3 *\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\n{dies}");
    let third = format!("login\nexamine 3\n{STILL_THERE}C: UID FETCH 2 *\n{dies}");
    let fourth = format!("login\nexamine 3\n{STILL_THERE}");
    let (outcome, feed) = fetched(&[&first, &second, &third, &fourth], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "unreadable"), (3, "c")]);
    assert_eq!(feed.admitted, [1, 500, 1], "the admission of a lost body serves its next try");
}

#[tokio::test]
async fn a_server_that_closes_between_two_messages_loses_none() {
    let first = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nclose";
    let second =
        format!("login\nexamine 3\nC: UID FETCH 3 *\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone");
    let (outcome, feed) = fetched(&[first, &second], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_server_that_closes_right_behind_a_message_that_was_asked_for_alone_has_given_it() {
    let first = format!(
        "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\nclose"
    );
    let (outcome, feed) = fetched(&[&first, "login\nexamine 3"], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_server_that_breaks_off_within_a_message_that_it_has_given_before_is_not_asked_for_it_again() {
    let first = "login\nexamine 2\nC: UID FETCH 1:2 *\nM: 1 a
        S: * 1 FETCH (UID 1 FLAGS () BODY[] {500}\nR: only this\nclose";
    let second = format!("login\nexamine 2\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone");
    let (outcome, feed) = fetched(&[first, &second], Feed::of(&[&[1, 2]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b")]);
}

#[tokio::test]
async fn a_server_that_says_bye_in_the_middle_is_no_end_of_the_folder() {
    let first = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nS: * BYE shutting down\nclose";
    let second =
        format!("login\nexamine 3\nC: UID FETCH 3 *\nM: 3 c\ndone\n{STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone");
    let (outcome, feed) = fetched(&[first, &second], Feed::of(&[&[1, 2, 3]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_server_that_always_closes_ends_in_a_fault_and_not_in_a_gap() {
    let dies = "login\nexamine 3\nC: UID FETCH *\nclose";
    let again = "login\nexamine 3\nclose";
    let (outcome, feed) = fetched(&[dies, again, again, again, again], Feed::of(&[&[1, 2, 3]])).await;
    let fault = outcome.unwrap_err();
    assert_eq!(fault.code, "source.connection_lost");
    assert!(matches!(fault.remedy, Remedy::RetryAfter(_)));
    assert!(feed.outcomes().is_empty());
}

#[tokio::test]
async fn a_throttling_server_names_the_delay() {
    let script = "login\nexamine 3\nC: UID FETCH *\nM: 1 a
        S: * BYE Request is throttled. Suggested Backoff Time: 299961 milliseconds\nclose";
    let (outcome, _) = fetched(&[script], Feed::of(&[&[1, 2, 3]])).await;
    let fault = outcome.unwrap_err();
    assert_eq!(fault.code, "source.busy");
    assert_eq!(fault.remedy, Remedy::RetryAfter(Duration::from_millis(299_961)));
}

#[tokio::test]
async fn a_no_that_asks_for_patience_is_no_broken_message() {
    for no in [
        "[UNAVAILABLE] later",
        "Request is throttled. Suggested Backoff Time: 5000 milliseconds",
        "[THROTTLED] slow down",
    ] {
        let script = format!("login\nexamine 3\nC: UID FETCH *\nS: {{tag}} NO {no}");
        let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1, 2, 3]])).await;
        assert_eq!(outcome.unwrap_err().code, "source.busy");
        assert!(feed.outcomes().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_the_patience() {
    let first =
        "login\nexamine 2\nC: UID FETCH 1:2 *\nM: 1 a\nS: * 2 FETCH (UID 2 FLAGS () BODY[] {500}\nR: only\nhang";
    let second = format!("login\nexamine 2\n{STILL_THERE}C: UID FETCH 2 *\nhang");
    let third = format!("login\nexamine 2\n{STILL_THERE}");
    let began = Instant::now();
    let (outcome, feed) = fetched(&[first, &second, &third], Feed::of(&[&[1, 2]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "unreadable")]);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_slow_server_that_always_sends_something_is_waited_for() {
    let body = "x".repeat(40);
    let script = format!("login\nexamine 1\nC: UID FETCH 1 *\nsplit 1\nM: 1 {body}\ndone");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1]])).await;
    outcome.unwrap();
    check(&feed, &[(1, &body)]);
}

#[tokio::test]
async fn uidvalidity_changes_between_two_connections() {
    let first = "login\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nclose";
    let second = "login\nC: EXAMINE \"INBOX\"\nS: * 3 EXISTS\nS: * OK [UIDVALIDITY 8] new\nS: * OK [UIDNEXT 4] x\ndone";
    let (outcome, feed) = fetched(&[first, second], Feed::of(&[&[1, 2, 3]])).await;
    assert_eq!(outcome.unwrap_err().code, "source.uidvalidity_changed");
    assert_eq!(feed.outcomes().len(), 1);
}

#[tokio::test]
async fn a_token_that_has_expired_when_the_connection_breaks_asks_for_another_at_once() {
    let login = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] x\nC: AUTHENTICATE XOAUTH2 *";
    let first =
        format!("{login}\nS: {{tag}} OK [CAPABILITY IMAP4rev1] in\nexamine 3\nC: UID FETCH 1:3 *\nM: 1 a\nclose");
    let second = format!("{login}\nS: {{tag}} NO [AUTHENTICATIONFAILED] the token has expired");
    let server = Server::new(&[&first, &second]);
    let token = Credentials::Token { user: "anna".to_owned(), token: Secret::new("t") };
    let mut session = server.open_as(&token).await.unwrap();
    session.examine(&WireName::from("INBOX")).await.unwrap();
    let mut feed = Feed::of(&[&[1, 2, 3]]);
    let fault = session.fetch(&mut feed).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("source.token_expired", Remedy::RetryAfter(Duration::ZERO)));
    assert_eq!(feed.outcomes().len(), 1, "what was read counts, the rest is still owed");
    drop(session);
    server.finished().await;
}

#[tokio::test]
async fn no_new_batch_is_taken_while_a_uid_is_in_doubt() {
    let script = format!(
        "login\nexamine 5\nC: UID FETCH 1:2 *\nC: UID FETCH 3 *\nM: 1 a\nS: {{tag-1}} OK done\nM: 3 c\ndone
        {STILL_THERE}C: UID FETCH 2 *\nM: 2 b\ndone\nC: UID FETCH 4 *\nC: UID FETCH 5 *\nM: 4 d\nS: {{tag-1}} OK done\nM: 5 e\ndone"
    );
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1, 2], &[3], &[4], &[5]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]);
}

#[tokio::test]
async fn a_literal_that_is_longer_than_announced_is_no_silent_damage() {
    // Four octets are announced, six come: the rest reads as the end of the response, the message as it was announced.
    let first =
        "login\nexamine 2\nC: UID FETCH 1:2 *\nS: * 1 FETCH (UID 1 FLAGS () BODY[] {4}\nR: abcdef)\\r\\n\nM: 2 b\ndone
        C: NOOP\ndone\nC: UID FETCH 1 (UID FLAGS INTERNALDATE)\nS: * 1 FETCH (UID 1 FLAGS ())\ndone
        C: UID FETCH 1 *\nM: 1 abcdef\ndone";
    let (outcome, feed) = fetched(&[first], Feed::of(&[&[1, 2]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "abcdef"), (2, "b")]);
}

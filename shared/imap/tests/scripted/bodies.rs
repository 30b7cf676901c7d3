//! What servers do when messages are read.

use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::Fault;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::Source as _;
use std::collections::BTreeMap;

/// Reads the batches from servers with these scripts.
pub async fn fetched(scripts: &[&str], mut feed: Feed) -> (Result<(), Fault>, Feed) {
    let server = Server::new(scripts);
    let (mut session, _) = server.open_inbox().await;
    let outcome = session.fetch(&mut feed).await;
    drop(session);
    server.finished().await;
    (outcome, feed)
}

#[track_caller]
pub fn check(feed: &Feed, expected: &[(u32, &str)]) {
    let expected: BTreeMap<u32, String> = expected.iter().map(|(uid, text)| (*uid, (*text).to_owned())).collect();
    assert_eq!(feed.outcomes(), expected);
    feed.assert_complete();
}

/// One batch, answered by these lines and an OK.
async fn one(uids: &[u32], lines: &str, expected: &[(u32, &str)]) {
    let script = format!("login\nexamine 9\nC: UID FETCH *\n{lines}\ndone");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[uids])).await;
    outcome.unwrap();
    check(&feed, expected);
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

#[tokio::test]
async fn commands_in_flight_are_answered_out_of_order() {
    let script = "login\nexamine 2\nC: UID FETCH 1 *\nC: UID FETCH 2 *
        M: 2 two\nS: {tag} OK done\nM: 1 one\nS: {tag-1} OK done";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1], &[2]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "one"), (2, "two")]);
}

#[tokio::test]
async fn messages_come_in_another_order_than_asked() {
    one(&[1, 2, 3], "M: 3 c\nM: 1 a\nM: 2 b", &[(1, "a"), (2, "b"), (3, "c")]).await;
}

#[tokio::test]
async fn the_uid_comes_after_the_body() {
    one(&[5, 6], "S: * 1 FETCH (BODY[] {3}\nR: abc UID 5 FLAGS ())\\r\\n\nM: 6 x", &[(5, "abc"), (6, "x")]).await;
}

#[tokio::test]
async fn flags_and_body_come_in_two_responses() {
    let lines = "S: * 1 FETCH (UID 5 FLAGS (\\Flagged))\nS: * 1 FETCH (UID 5 BODY[] {3}\nR: abc)\\r\\n";
    let script = format!("login\nexamine 9\nC: UID FETCH *\n{lines}\ndone");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[5]])).await;
    outcome.unwrap();
    let FetchOutcome::Message(message) = feed.outcome(5) else { panic!("no message") };
    assert!(message.flags.flagged);
}

#[tokio::test]
async fn a_body_without_flags_is_asked_for_again_with_them() {
    let script = "login\nexamine 9
        C: UID FETCH 5 *\nS: * 1 FETCH (UID 5 BODY[] {3}\nR: abc)\\r\\n\ndone
        C: NOOP\ndone
        C: UID FETCH 5 (UID FLAGS INTERNALDATE)\nS: * 1 FETCH (UID 5 FLAGS (\\Answered))\ndone
        C: UID FETCH 5 *\nS: * 1 FETCH (UID 5 BODY[] {3}\nR: abc)\\r\\n\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[5]])).await;
    outcome.unwrap();
    let FetchOutcome::Message(message) = feed.outcome(5) else { panic!("no message") };
    assert!(message.flags.answered);
    assert_eq!(feed.admitted, [3], "the second body uses the admission of the first");
}

#[tokio::test]
async fn news_about_other_messages_come_in_between() {
    let lines = "S: * 12 EXISTS\nM: 1 a\nS: * 3 EXPUNGE\nS: * 7 FETCH (FLAGS (\\Seen))\nS: * 8 FETCH (UID 99 FLAGS ())
        S: * VANISHED 4\nS: * OK still here\nM: 2 b";
    one(&[1, 2], lines, &[(1, "a"), (2, "b")]).await;
}

#[tokio::test]
async fn an_unasked_message_comes_too() {
    one(&[1, 2], "M: 1 a\nM: 7 unasked\nM: 2 b", &[(1, "a"), (2, "b")]).await;
}

#[tokio::test]
async fn the_same_message_comes_twice() {
    one(&[1, 2], "M: 1 a\nM: 1 a\nM: 2 b", &[(1, "a"), (2, "b")]).await;
}

#[tokio::test]
async fn an_empty_message_is_a_message() {
    one(&[1], "M: 1 ", &[(1, "")]).await;
}

#[tokio::test]
async fn bodies_with_nul_bare_line_feeds_and_eight_bit_come_as_they_are() {
    let script = "login\nexamine 1\nC: UID FETCH *\nM: 1 a\\0b\\nc\\rd\\xff\\xfe\\r\\n.\\r\\n* 9 FETCH (UID 9)\\r\\nA0003 OK\\r\\n\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1]])).await;
    outcome.unwrap();
    let FetchOutcome::Message(message) = feed.outcome(1) else { panic!("no message") };
    assert_eq!(&message.raw[..], b"a\0b\nc\rd\xff\xfe\r\n.\r\n* 9 FETCH (UID 9)\r\nA0003 OK\r\n");
}

#[tokio::test]
async fn a_line_of_100_kilobytes_comes_whole() {
    let long = "x".repeat(100_000);
    one(&[1], &format!("M: 1 {long}"), &[(1, &long)]).await;
}

#[tokio::test]
async fn a_body_in_quotes_is_a_body() {
    one(&[1], "S: * 1 FETCH (UID 1 FLAGS () BODY[] \"hi \\\"there\\\"\")", &[(1, "hi \"there\"")]).await;
}

#[tokio::test]
async fn a_body_as_literal8_is_a_body() {
    one(&[1], "S: * 1 FETCH (UID 1 FLAGS () BODY[] ~{2}\nR: \\0\\x41)\\r\\n", &[(1, "\0A")]).await;
}

#[tokio::test]
async fn keywords_come_as_literals_and_with_odd_characters() {
    let lines = "S: * 1 FETCH (UID 1 FLAGS (\\Seen {3}\nR: a b [x \\xe4) BODY[] {2}\\r\\nhi)\\r\\n";
    let script = format!("login\nexamine 1\nC: UID FETCH *\n{lines}\ndone");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1]])).await;
    outcome.unwrap();
    let FetchOutcome::Message(message) = feed.outcome(1) else { panic!("no message") };
    assert!(message.flags.seen);
    assert!(message.flags.keywords.contains("[x"), "{:?}", message.flags);
}

#[tokio::test]
async fn the_announced_size_is_wrong_and_the_literal_is_the_truth() {
    let lines = "S: * 1 FETCH (UID 1 RFC822.SIZE 999 FLAGS () BODY[] {3}\nR: abc)\\r\\n";
    one(&[1], lines, &[(1, "abc")]).await;
}

#[tokio::test]
async fn an_internaldate_of_nil_1970_or_nonsense_is_none() {
    for date in ["NIL", "\"01-Jan-1970 00:00:00 +0000\"", "\"yesterday\"", "\"\""] {
        let lines = format!("S: * 1 FETCH (UID 1 FLAGS () INTERNALDATE {date} BODY[] {{2}}\nR: hi)\\r\\n");
        let script = format!("login\nexamine 1\nC: UID FETCH *\n{lines}\ndone");
        let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1]])).await;
        outcome.unwrap();
        let FetchOutcome::Message(message) = feed.outcome(1) else { panic!("no message") };
        assert_eq!(message.received, None, "{date}");
    }
}

#[tokio::test]
async fn a_message_too_large_is_read_through_and_the_next_one_comes() {
    let script = "login\nexamine 2\nC: UID FETCH *\nM: 1 0123456789\nM: 2 b\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1, 2]]).drain_above(5)).await;
    outcome.unwrap();
    check(&feed, &[(1, "drained 10"), (2, "b")]);
    let FetchOutcome::Drained { digest, received, .. } = feed.outcome(1) else { panic!("not drained") };
    assert_eq!(*digest, mailcrane_core::digest::Digest::of(b"0123456789"));
    assert!(received.is_some());
}

#[tokio::test]
async fn what_is_read_through_passes_with_its_uid_wherever_that_stands() {
    let before = "S: * 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {10}\nR: 0123456789)\\r\\n";
    let behind = "S: * 1 FETCH (FLAGS (\\Seen) BODY[] {10}\nR: 0123456789 UID 1)\\r\\n";
    for lines in [before, behind] {
        let script = format!("login\nexamine 1\nC: UID FETCH *\n{lines}\ndone");
        let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1]]).drain_above(5)).await;
        outcome.unwrap();
        assert_eq!(feed.passed, [(Some(1), b"0123456789".to_vec())], "{lines}");
        let FetchOutcome::Drained { flags, .. } = feed.outcome(1) else { panic!("not drained") };
        assert!(flags.seen);
    }
}

#[tokio::test]
async fn what_comes_with_others_and_tells_its_uid_too_late_passes_without_one() {
    let lines = "S: * 1 FETCH (FLAGS () BODY[] {10}\nR: 0123456789 UID 1)\\r\\n\nM: 2 b";
    let script = format!("login\nexamine 2\nC: UID FETCH *\n{lines}\ndone");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1, 2]]).drain_above(5)).await;
    outcome.unwrap();
    check(&feed, &[(1, "drained 10"), (2, "b")]);
    assert_eq!(feed.passed[0], (None, b"0123456789".to_vec()));
}

#[tokio::test]
async fn gmail_gives_labels_with_the_message() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 X-GM-EXT-1] Gimap ready
        C: LOGIN *\nS: {tag} OK [CAPABILITY IMAP4rev1 X-GM-EXT-1] in\nexamine 1
        C: UID FETCH 1 (UID FLAGS INTERNALDATE X-GM-LABELS BODY.PEEK[])
        S: * 1 FETCH (X-GM-LABELS (\"\\\\Important\" Travel) UID 1 FLAGS () BODY[] {2}\nR: hi)\\r\\n\ndone";
    let (outcome, feed) = fetched(&[script], Feed::of(&[&[1]])).await;
    outcome.unwrap();
    let FetchOutcome::Message(message) = feed.outcome(1) else { panic!("no message") };
    assert_eq!(message.gmail_labels, ["\\Important", "Travel"]);
}

#[tokio::test]
async fn exchange_puts_a_notice_in_the_place_of_a_message() {
    let notice = "Subject: Retrieval using the IMAP4 protocol failed for the following message: 1\\r\\n\\r\\nThe server could not.";
    one(&[1, 2], &format!("M: 1 {notice}\nM: 2 b"), &[(1, "unreadable"), (2, "b")]).await;
}

#[tokio::test]
async fn many_scattered_uids_are_asked_for_in_lines_below_1000_octets() {
    let uids: Vec<u32> = (0..300).map(|n| 1_000_000_001 + 3 * n).collect();
    let server = Server::new(&["login\nexamine 9\nC: UID FETCH *\nC: UID FETCH *\nhang"]);
    let (mut session, _) = server.open_inbox().await;
    // The script's server reads the two lines and falls silent; what they look like is checked by `commands`.
    let fault = session.fetch(&mut Feed::of(&[&uids])).await.unwrap_err();
    assert_eq!(fault.code, "source.connection_refused");
    drop(session);
    server.finished().await;
}

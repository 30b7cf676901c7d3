//! The eight ways in which async-imap alone would lose mail in silence; under the guard none does.

use crate::bodies::{check, fetched};
use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::folder::WireName;
use mailcrane_core::ports::source::{ScanDepth, Source as _};
use mailcrane_core::uid::UidRange;

/// Responses that imap-proto refuses or panics on.
const UNPARSABLE: [&str; 12] = [
    "* NAMESPACE ((\"\" \"/\")) NIL NIL",
    "* STATUS INBOX (SIZE 5 MESSAGES 1)",
    "* ESEARCH (TAG \"A1\") UID ALL 1:3",
    "* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    "* QUOTA \"ROOT\" (STORAGE 1 2)",
    "* CAPABILITY IMAP4rev1  IDLE ",
    "* XSOMETHING new (and (nested))",
    "* OK [ALERT]\u{dc}berlastet",
    "* OK [HIGHESTMODSEQ 99999999999999999999] x",
    "* 1 FETCH (INTERNALDATE NIL)",
    "* 99999999999 EXISTS",
    "nonsense without a star",
];

#[tokio::test]
async fn fault_1_a_tagged_no_is_never_an_empty_answer() {
    let server = Server::new(&["login\nC: LIST \"\" \"*\"\nS: {tag} NO cannot\nexamine 5
        C: UID FETCH 1:* *\nS: {tag} NO [UNAVAILABLE] cannot"]);
    let mut session = server.open().await.unwrap();
    assert_eq!(session.folders().await.unwrap_err().code, "source.refused");
    session.examine(&WireName::from("INBOX")).await.unwrap();
    assert_eq!(session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap_err().code, "source.busy");
    server.finished().await;
}

#[tokio::test]
async fn fault_2_the_end_of_the_stream_is_never_the_end_of_the_folder() {
    for end in ["close", "S: * BYE timeout\nclose"] {
        let script = format!("login\nexamine 9\nC: UID FETCH *\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\n{end}");
        let server = Server::new(&[&script]);
        let (mut session, _) = server.open_inbox().await;
        let fault = session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap_err();
        assert_eq!(fault.code, "source.connection_lost");
        server.finished().await;
    }
}

#[tokio::test]
async fn fault_3_after_an_unreadable_response_the_next_folder_is_not_empty_and_done() {
    let server = Server::new(&["login\nC: LIST \"\" \"*\"\nS: * LIST () \"/\" \"broken\ndone\nexamine 5"]);
    let mut session = server.open().await.unwrap();
    session.folders().await.unwrap_err();
    assert_eq!(session.examine(&WireName::from("INBOX")).await.unwrap().exists, 5);
    server.finished().await;
}

#[tokio::test]
async fn fault_3_after_a_broken_connection_no_folder_is_empty_and_done() {
    let server = Server::new(&["login\nclose"]);
    let mut session = server.open().await.unwrap();
    for _ in 0..3 {
        assert_eq!(session.examine(&WireName::from("INBOX")).await.unwrap_err().code, "source.connection_lost");
    }
    server.finished().await;
}

#[tokio::test]
async fn fault_4_unknown_and_odd_responses_anywhere_do_not_end_the_session() {
    for line in UNPARSABLE {
        let script = format!(
            "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {line}\nS: {{tag}} OK [CAPABILITY IMAP4rev1] in
            C: EXAMINE *\nS: {line}\nS: * 2 EXISTS\nS: * OK [UIDNEXT 3] x\ndone
            C: UID FETCH 1:2 *\nS: {line}\nM: 1 a\nS: {line}\nM: 2 b\ndone\nC: LOGOUT\nS: {line}\nS: * BYE\ndone"
        );
        let server = Server::new(&[&script]);
        let (mut session, examined) = server.open_inbox().await;
        assert_eq!(examined.exists, 2, "{line}");
        let mut feed = Feed::of(&[&[1, 2]]);
        session.fetch(&mut feed).await.unwrap();
        check(&feed, &[(1, "a"), (2, "b")]);
        session.close().await;
        server.finished().await;
    }
}

#[tokio::test]
async fn fault_4_bare_line_feeds_and_double_blanks_are_read() {
    let script = "login\nexamine 2\nC: UID FETCH *
        R: * 1 FETCH (UID  1  FLAGS (\\Seen )  BODY[]  {1}\\na )\\n* 2 FETCH (FLAGS () UID 2 BODY[] {1}\\nb)\\n{tag} OK done\\n";
    let script = script.replace("\\Seen", "\\\\Seen");
    let (outcome, feed) = fetched(&[&script], Feed::of(&[&[1, 2]])).await;
    outcome.unwrap();
    check(&feed, &[(1, "a"), (2, "b")]);
}

#[tokio::test]
async fn fault_5_what_panics_the_parser_is_read_by_ours() {
    let server =
        Server::new(&["S: * OK [ALERT]\u{dc}berlastet\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: {tag} OK \u{fc}
        C: LOGIN *\nS: * OK [X]\u{1f600}\nS: {tag} OK [CAPABILITY IMAP4rev1]\u{e4}\u{f6}\nexamine 1
        C: UID FETCH *\nS: * 1 FETCH (UID 1 FLAGS () INTERNALDATE NIL BODY[] {1}\nR: a)\\r\\n\nS: {tag} OK [X]\u{fc}"]);
    let (mut session, _) = server.open_inbox().await;
    let mut feed = Feed::of(&[&[1]]);
    session.fetch(&mut feed).await.unwrap();
    check(&feed, &[(1, "a")]);
    server.finished().await;
}

#[tokio::test]
async fn fault_6_a_name_is_unquoted_once_and_quoted_once() {
    let server =
        Server::new(&["login\nC: LIST \"\" \"*\"\nS: * LIST () \"/\" \"x\\\\y\"\nS: * LIST () \"/\" Inbox\ndone
        C: EXAMINE \"x\\\\y\"\nS: * 3 EXISTS\nS: * OK [UIDNEXT 4] x\ndone"]);
    let mut session = server.open().await.unwrap();
    let folders = session.folders().await.unwrap();
    assert_eq!(folders.len(), 2, "Inbox is INBOX");
    assert_eq!(session.examine(&folders[1].wire).await.unwrap().exists, 3);
    server.finished().await;
}

#[tokio::test]
async fn fault_7_an_odd_flag_or_a_huge_size_costs_nothing_else() {
    let server = Server::new(&["login\nexamine 2\nC: UID FETCH *
        R: * 1 FETCH (UID 1 FLAGS (\\\\Seen odd\\x80flag {not \\\\) RFC822.SIZE 5000000000)\\r\\n
        S: * 2 FETCH (UID 99999999999 FLAGS () RFC822.SIZE 1)\nS: * 2 FETCH (UID 2 FLAGS () RFC822.SIZE 1)\ndone
        C: UID SEARCH UID 1:*\nS: * SEARCH 1 2\ndone"]);
    let (mut session, _) = server.open_inbox().await;
    let rows = session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].flags.seen);
    assert_eq!(rows[0].size, 5_000_000_000);
    server.finished().await;
}

#[tokio::test]
async fn fault_8_a_silent_server_is_left_at_every_step() {
    for script in ["hang", "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nhang"] {
        let server = Server::new(&[script]);
        assert_eq!(server.open().await.err().unwrap().code, "source.silent");
        server.finished().await;
    }
    let server = Server::new(&["login\nC: EXAMINE *\nS: * 3 EXISTS\nhang"]);
    let mut session = server.open().await.unwrap();
    assert_eq!(session.examine(&WireName::from("INBOX")).await.unwrap_err().code, "source.silent");
    drop(session);
    server.finished().await;
}

//! What servers do when a folder is opened and its messages are listed.

use crate::server::Server;
use mailcrane_core::Fault;
use mailcrane_core::folder::WireName;
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::source::{Examined, ScanDepth, Source as _};
use mailcrane_core::uid::{Uid, UidRange};

async fn scanned(script: &str, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
    let server = Server::new(&[&format!("login\n{script}")]);
    let (mut session, _) = server.open_inbox().await;
    let rows = session.scan(range, depth).await;
    drop(session);
    server.finished().await;
    rows
}

async fn all(script: &str) -> Result<Vec<ScanRow>, Fault> {
    scanned(script, UidRange::ALL, ScanDepth::Plain).await
}

fn uids(rows: &[ScanRow]) -> Vec<u32> {
    rows.iter().map(|row| row.uid.get()).collect()
}

async fn examined(lines: &str) -> Result<Examined, Fault> {
    let server = Server::new(&[&format!("login\nC: EXAMINE \"INBOX\"\n{lines}")]);
    let mut session = server.open().await.unwrap();
    let examined = session.examine(&WireName::from("INBOX")).await;
    drop(session);
    server.finished().await;
    examined
}

#[tokio::test]
async fn a_plain_scan_lists_uid_flags_date_and_size() {
    let rows = all("examine 2\nC: UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)
        S: * 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 44)
        S: * 2 FETCH (UID 2 FLAGS () INTERNALDATE \" 7-Jul-1996 02:44:25 +0000\" RFC822.SIZE 55)\ndone")
    .await
    .unwrap();
    assert_eq!(uids(&rows), [1, 2]);
    assert_eq!((rows[0].size, rows[0].flags.seen), (44, true));
    assert_eq!(rows[1].received.unwrap().to_string(), "1996-07-07T02:44:25Z");
}

#[tokio::test]
async fn a_scan_with_message_ids_asks_for_that_header_only() {
    let rows = scanned(
        "examine 1\nC: UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])
        S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4 BODY[HEADER.FIELDS (Message-ID)] {29}
        R: Message-ID: <a@example.org>\\r\\n)\\r\\n\ndone",
        UidRange::new(Uid::MIN, Uid::new(9).unwrap()).unwrap(),
        ScanDepth::MessageId,
    )
    .await
    .unwrap();
    assert_eq!(rows[0].message_id.as_deref(), Some("<a@example.org>"));
}

#[tokio::test]
async fn gmail_lists_ids_and_labels() {
    let server = Server::new(&["S: * OK ready\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1 X-GM-EXT-1\nS: {tag} OK x
        C: LOGIN *\nS: * CAPABILITY IMAP4rev1 X-GM-EXT-1 ID\nS: {tag} OK in\nC: ID *\nS: {tag} BAD no\nexamine 1
        C: UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID X-GM-LABELS)
        S: * 1 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (Work) UID 1 RFC822.SIZE 4 FLAGS ())\ndone"]);
    let (mut session, _) = server.open_inbox().await;
    let rows = session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap();
    assert_eq!(rows[0].gmail_id, Some(1_278_455_344_230_334_865));
    assert_eq!(rows[0].gmail_labels, ["Work"]);
    server.finished().await;
}

#[tokio::test]
async fn a_star_answers_the_last_message_though_its_uid_is_lower() {
    let script = "examine 3\nC: UID FETCH 10:* *\nS: * 3 FETCH (UID 3 FLAGS () RFC822.SIZE 4)\ndone
        C: UID SEARCH UID 10:*\nS: * SEARCH 3\ndone";
    let range = UidRange::new(Uid::new(10).unwrap(), Uid::MAX).unwrap();
    assert!(scanned(script, range, ScanDepth::Plain).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_the_list_leaves_out_though_the_answer_is_ok_is_found() {
    let rows = all("examine 3\nC: UID FETCH 1:* *\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)
        S: * 3 FETCH (UID 3 FLAGS () RFC822.SIZE 6)\ndone\nC: UID SEARCH UID 1:*\nS: * SEARCH 1 2 3\ndone")
    .await
    .unwrap();
    assert_eq!(uids(&rows), [1, 2, 3]);
    assert_eq!((rows[1].size, rows[1].received), (0, None), "its fetch tells the rest");
}

#[tokio::test]
async fn a_line_of_the_list_that_cannot_be_read_loses_no_message() {
    let script = |search: &str| {
        format!(
            "examine 2\nC: UID FETCH 1:* *\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)
            S: * 2 FETCH (UID 2 FLAGS (\\Seen RFC822.SIZE 6\ndone\nC: UID SEARCH UID 1:*\n{search}"
        )
    };
    assert_eq!(uids(&all(&script("S: * SEARCH 1 2\ndone")).await.unwrap()), [1, 2]);
    assert_eq!(all(&script("S: {tag} BAD unknown")).await.unwrap_err().code, "source.protocol");
}

#[tokio::test]
async fn a_server_that_does_not_search_is_believed_what_it_lists() {
    let script = "examine 2\nC: UID FETCH 1:* *\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\ndone
        C: UID SEARCH UID 1:*\nS: {tag} BAD unknown";
    assert_eq!(uids(&all(script).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_folder_that_the_server_does_not_open_is_no_folder_that_is_gone() {
    let server = Server::new(&["login\nC: EXAMINE \"Old\"\nS: {tag} NO [SERVERBUG] internal error"]);
    let mut session = server.open().await.unwrap();
    let fault = session.examine(&WireName::from("Old")).await.unwrap_err();
    assert_eq!(fault.code, "source.folder_refused");
    assert!(fault.message.contains("internal error"), "{fault}");
    server.finished().await;
}

#[tokio::test]
async fn an_empty_folder_is_not_asked_for_its_messages() {
    assert!(all("examine 0").await.unwrap().is_empty());
}

#[tokio::test]
async fn rows_come_in_any_order_twice_and_in_parts() {
    let rows = all(
        "examine 2\nC: UID FETCH *\nS: * 2 FETCH (UID 2 FLAGS (\\Seen))\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)
        S: * 2 FETCH (UID 2 RFC822.SIZE 5)\nS: * 1 FETCH (UID 1 FLAGS (\\Answered))\ndone",
    )
    .await
    .unwrap();
    assert_eq!(uids(&rows), [1, 2]);
    assert!(rows[0].flags.answered && rows[0].size == 4);
    assert!(rows[1].flags.seen && rows[1].size == 5);
}

#[tokio::test]
async fn a_refused_scan_is_cut_in_halves_and_the_refused_message_is_listed_bare() {
    let rows = all("examine 4
        C: UID FETCH 1:* *\nS: {tag} NO cannot
        C: UID FETCH 1:5 *\nS: {tag} NO cannot
        C: UID FETCH 1:3 *\nS: * 1 FETCH (UID 1 RFC822.SIZE 1 FLAGS ())\nS: * 2 FETCH (UID 2 RFC822.SIZE 2 FLAGS ())\nS: * 3 FETCH (UID 3 RFC822.SIZE 3 FLAGS ())\ndone
        C: UID FETCH 4:5 *\nS: {tag} NO cannot
        C: UID FETCH 4:4 *\nS: {tag} NO cannot
        C: UID FETCH 4 (UID)\nS: * 4 FETCH (UID 4)\ndone
        C: UID FETCH 5:5 *\ndone
        C: UID FETCH 6:* *\ndone").await.unwrap();
    assert_eq!(uids(&rows), [1, 2, 3, 4]);
    assert_eq!(rows[3].size, 0);
}

#[tokio::test]
async fn a_server_that_closes_in_the_middle_of_a_scan_gives_no_short_list() {
    let fault = all("examine 2\nC: UID FETCH *\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\nclose").await.unwrap_err();
    assert_eq!(fault.code, "source.connection_lost");
}

#[tokio::test]
async fn uidnext_is_missing_and_is_computed() {
    let got = examined(
        "S: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] x\ndone
        C: UID FETCH * (UID)\nS: * 3 FETCH (UID 41)\ndone",
    )
    .await
    .unwrap();
    assert_eq!(got.uidnext.get(), 42);
}

#[tokio::test]
async fn uidnext_is_missing_and_the_last_message_is_not_given_so_it_is_searched() {
    let got = examined(
        "S: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] x\ndone
        C: UID FETCH * (UID)\ndone\nC: UID SEARCH ALL\nS: * ESEARCH (TAG \"x\") UID ALL 3,9:11\ndone",
    )
    .await
    .unwrap();
    assert_eq!(got.uidnext.get(), 12);
}

#[tokio::test]
async fn uidvalidity_is_missing_or_zero() {
    for line in ["S: * OK nothing", "S: * OK [UIDVALIDITY 0] x"] {
        let got = examined(&format!("S: * 0 EXISTS\n{line}\ndone")).await.unwrap();
        assert_eq!((got.uidvalidity.0, got.uidnext), (0, Uid::MIN));
    }
}

#[tokio::test]
async fn a_folder_without_exists_is_not_taken_for_empty() {
    assert_eq!(examined("S: * OK [UIDVALIDITY 7] x\ndone").await.unwrap_err().code, "source.protocol");
}

#[tokio::test]
async fn an_untagged_no_or_alert_does_not_end_the_command() {
    let got =
        examined("S: * NO [ALERT] the disk is nearly full\nS: * BAD odd\nS: * 5 EXISTS\nS: * OK [UIDNEXT 6] x\ndone")
            .await
            .unwrap();
    assert_eq!(got.exists, 5);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_told_from_an_unreadable_inbox() {
    let server = Server::new(&["login\nC: EXAMINE \"Old\"\nS: {tag} NO [NONEXISTENT] Mailbox does not exist
        C: EXAMINE \"INBOX\"\nS: {tag} NO User is authenticated but not connected.
        C: EXAMINE \"inbox\"\nS: {tag} NO [SERVERBUG] internal error"]);
    let mut session = server.open().await.unwrap();
    for (name, code) in
        [("Old", "source.folder_gone"), ("INBOX", "source.no_right"), ("inbox", "source.inbox_not_readable")]
    {
        assert_eq!(session.examine(&WireName::from(name)).await.unwrap_err().code, code);
    }
    server.finished().await;
}

#[tokio::test]
async fn after_a_refused_folder_nothing_is_read_from_the_one_before() {
    let server = Server::new(&["login\nexamine 2\nC: EXAMINE \"Old\"\nS: {tag} NO gone"]);
    let (mut session, _) = server.open_inbox().await;
    session.examine(&WireName::from("Old")).await.unwrap_err();
    assert_eq!(session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap_err().code, "source.protocol");
    server.finished().await;
}

#[tokio::test]
async fn the_messages_since_a_day_are_searched_and_a_no_is_a_fault() {
    let server =
        Server::new(&["login\nexamine 9\nC: UID SEARCH SINCE 5-Feb-2026\nS: * SEARCH 9 7 8\nS: * SEARCH\ndone
        C: UID SEARCH SINCE 5-Feb-2026\nS: {tag} NO [SERVERBUG] no"]);
    let (mut session, _) = server.open_inbox().await;
    let day = jiff::civil::date(2026, 2, 5);
    assert_eq!(session.since(day).await.unwrap().to_string(), "7:9");
    assert_eq!(session.since(day).await.unwrap_err().code, "source.refused");
    server.finished().await;
}

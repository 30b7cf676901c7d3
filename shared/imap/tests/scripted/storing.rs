//! What servers do when messages are stored.

use crate::server::Server;
use bytes::Bytes;
use mailcrane_core::Timestamp;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{FolderId, Role, WireName};
use mailcrane_core::key::{KeyPrefix, MessageKey, SourceId};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Deleted, Destination as _, ItemId, Stored};
use mailcrane_core::uid::{Uid, UidValidity};

fn item(raw: &'static str) -> NewItem {
    let source = SourceId::of("anna", "imap.example.org");
    let prefix = KeyPrefix::of(&source, &WireName::from("INBOX"), UidValidity(7));
    NewItem {
        key: MessageKey { prefix, uid: Uid::MIN },
        raw: Bytes::from_static(raw.as_bytes()),
        flags: Flags { seen: true, ..Flags::default() },
        categories: Vec::new(),
        received: Timestamp::from_second(837_596_665).unwrap(),
        sent: None,
        signed: false,
    }
}

fn inbox() -> FolderId {
    FolderId("INBOX".to_owned())
}

fn shown(outcomes: &[Stored]) -> Vec<String> {
    let one = |stored: &Stored| match stored {
        Stored::Created(id) if id.0.starts_with("-:") => "created".to_owned(),
        Stored::Created(id) => id.0.clone(),
        Stored::Refused(fault) => format!("refused {}", fault.code),
        Stored::NotTried(fault) => format!("not tried {}", fault.code),
        Stored::Unknown(fault) => format!("unknown {}", fault.code),
    };
    outcomes.iter().map(one).collect()
}

/// Stores messages at a server with these capabilities.
async fn stored(capabilities: &str, script: &str, raws: &[&'static str]) -> Vec<String> {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {{tag}} OK [CAPABILITY IMAP4rev1 {capabilities}] in\n{script}"
    );
    let server = Server::new(&[&script]);
    let destination = server.open_destination().await;
    let items: Vec<NewItem> = raws.iter().map(|raw| item(raw)).collect();
    let outcomes = destination.store(&inbox(), &items).await;
    drop(destination);
    server.finished().await;
    shown(&outcomes)
}

#[tokio::test]
async fn a_message_is_stored_with_its_flags_and_date() {
    let script = "C: APPEND \"INBOX\" (\\Seen) \"17-Jul-1996 09:44:25 +0000\" {5}\nS: + go\nL: hello\nS: {tag} OK [APPENDUID 7 12] done";
    assert_eq!(stored("UIDPLUS", script, &["hello"]).await, ["7:12:INBOX"]);
}

#[tokio::test]
async fn literals_are_sent_at_once_where_the_server_takes_them() {
    let script = "C: APPEND \"INBOX\" (\\Seen) \"17-Jul-1996 09:44:25 +0000\" {5+}\nL: hello\ndone";
    assert_eq!(stored("LITERAL+", script, &["hello"]).await, ["created"]);
    assert_eq!(stored("LITERAL-", script, &["hello"]).await, ["created"]);
}

#[tokio::test]
async fn several_messages_go_in_one_command() {
    let script = "C: APPEND \"INBOX\" *\nL: one (\\Seen) \"17-Jul-1996 09:44:25 +0000\" {3+}\nL: two\nS: {tag} OK [APPENDUID 7 4:5] x";
    assert_eq!(stored("LITERAL+ MULTIAPPEND UIDPLUS", script, &["one", "two"]).await, ["7:4:INBOX", "7:5:INBOX"]);
}

#[tokio::test]
async fn a_refused_group_is_stored_one_by_one() {
    let script = "C: APPEND \"INBOX\" *\nL: one (\\Seen) *\nL: two\nS: {tag} NO something
        C: APPEND \"INBOX\" *\nL: one\ndone\nC: APPEND \"INBOX\" *\nL: two\nS: {tag} NO [TOOBIG] no";
    let got = stored("LITERAL+ MULTIAPPEND", script, &["one", "two"]).await;
    assert_eq!(got, ["created", "refused destination.too_large"]);
}

#[tokio::test]
async fn a_server_that_closes_before_its_answer_leaves_what_was_sent_unknown() {
    let script = "C: APPEND \"INBOX\" *\nL: one\ndone\nC: APPEND \"INBOX\" *\nL: two\nclose";
    let got = stored("LITERAL+", script, &["one", "two", "three"]).await;
    assert_eq!(got, ["created", "unknown destination.connection_lost", "unknown destination.connection_lost"]);
}

#[tokio::test]
async fn a_literal_that_must_be_asked_for_waits_for_the_answer_before_and_is_untried_when_the_server_closes() {
    let script = "C: APPEND \"INBOX\" *\nS: + go\nL: one\ndone\nC: APPEND \"INBOX\" *\nS: + go\nL: two\nclose";
    let got = stored("", script, &["one", "two", "three"]).await;
    assert_eq!(got, ["created", "unknown destination.connection_lost", "not tried destination.connection_lost"]);
}

#[tokio::test]
async fn commands_do_not_wait_for_the_answers_before_which_are_told_apart_by_their_tags() {
    let script = "C: APPEND \"INBOX\" *\nL: one\nC: APPEND \"INBOX\" *\nL: two
        S: * 1 EXISTS\nS: {tag} NO [TOOBIG] no\nS: {tag-1} OK [APPENDUID 7 4] done";
    let got = stored("LITERAL+ UIDPLUS", script, &["one", "two"]).await;
    assert_eq!(got, ["7:4:INBOX", "refused destination.too_large"]);
}

#[tokio::test]
async fn a_server_that_refuses_before_the_literal_has_stored_nothing() {
    let script = "C: APPEND \"INBOX\" *\nS: {tag} NO [OVERQUOTA] full";
    assert_eq!(stored("", script, &["one"]).await, ["refused destination.full"]);
}

#[tokio::test]
async fn a_busy_server_leaves_the_messages_untried() {
    let script = "C: APPEND \"INBOX\" *\nL: one\nS: {tag} NO [UNAVAILABLE] later
        C: APPEND \"INBOX\" *\nL: two\nS: {tag} NO [UNAVAILABLE] later";
    let got = stored("LITERAL+", script, &["one", "two"]).await;
    assert_eq!(got, ["not tried destination.busy", "not tried destination.busy"]);
}

#[tokio::test]
async fn a_missing_folder_is_named_and_not_made_in_passing() {
    let script = "C: APPEND \"INBOX\" *\nL: one\nS: {tag} NO [TRYCREATE] none";
    assert_eq!(stored("LITERAL+", script, &["one"]).await, ["refused destination.folder_gone"]);
}

#[tokio::test]
async fn a_folder_is_made_with_its_name_encoded_once_whatever_its_case() {
    let server = Server::new(&["S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *
        S: {tag} OK [CAPABILITY IMAP4rev1] in
        C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\ndone\nC: LIST \"\" \"\"\nS: * LIST (\\Noselect) \"/\" \"\"\ndone
        C: CREATE \"Entw&APw-rfe\"\ndone
        C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: * LIST () \"/\" \"Entw&APw-rfe\"\ndone"]);
    let destination = server.open_destination().await;
    for name in ["Entw\u{fc}rfe", "ENTW\u{dc}RFE"] {
        let id = destination.create_folder(None, name, None).await.unwrap();
        assert_eq!(id.0, "Entw&APw-rfe");
    }
    server.finished().await;
}

#[tokio::test]
async fn a_folder_of_special_use_is_made_under_its_usual_name() {
    let server = Server::new(&["S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *
        S: {tag} OK [CAPABILITY IMAP4rev1 CREATE-SPECIAL-USE] in
        C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\ndone\nC: LIST \"\" \"\"\nS: * LIST (\\Noselect) \"/\" \"\"\ndone
        C: CREATE \"Drafts\" (USE (\\Drafts))\ndone"]);
    let destination = server.open_destination().await;
    let id = destination.create_folder(None, "Entw\u{fc}rfe", Some(Role::Drafts)).await.unwrap();
    assert_eq!(id.0, "Drafts");
    server.finished().await;
}

#[tokio::test]
async fn nothing_is_deleted_when_the_uids_were_given_out_anew() {
    let server =
        Server::new(&["S: * OK [CAPABILITY IMAP4rev1] x\nC: LOGIN *\nS: {tag} OK [CAPABILITY IMAP4rev1 UIDPLUS] in
        C: SELECT \"INBOX\"\nS: * 1 EXISTS\nS: * OK [UIDVALIDITY 8] x\ndone"]);
    let destination = server.open_destination().await;
    let outcomes = destination.delete(&[ItemId("7:12:INBOX".to_owned())]).await;
    assert!(matches!(outcomes.as_slice(), [Deleted::Kept(_)]));
    server.finished().await;
}

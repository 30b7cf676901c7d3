//! The transport lets nothing out that could alter a source.

use mailcrane_imap::Verbs;
use mailcrane_imap::transport::{Guard, Limits, Wire};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Every command of the RFCs that changes a mailbox, its messages or the account.
const MUTATING: [&str; 31] = [
    "SELECT INBOX",
    "STORE 1 +FLAGS (\\Seen)",
    "UID STORE 1 +FLAGS.SILENT (\\Deleted)",
    "EXPUNGE",
    "UID EXPUNGE 1:*",
    "CLOSE",
    "APPEND INBOX {3}",
    "CREATE x",
    "DELETE x",
    "RENAME x y",
    "SUBSCRIBE x",
    "UNSUBSCRIBE x",
    "COPY 1 x",
    "UID COPY 1 x",
    "MOVE 1 x",
    "UID MOVE 1 x",
    "SETACL x anna lr",
    "DELETEACL x anna",
    "SETQUOTA \"\" (STORAGE 1)",
    "SETMETADATA x (/private/comment \"y\")",
    "SETMETADATA \"*\" (/shared/vendor/kolab/folder-type NIL)",
    "SETANNOTATION x y z",
    "REPLACE 1 x {3}",
    "UID REPLACE 1 x {3}",
    "FETCH 1 BODY[]",
    "UID FETCH 1 (UID BODY[TEXT])",
    "UID FETCH 1 RFC822",
    "UID FETCH 1 (RFC822.TEXT)",
    "UID FETCH 1 (BINARY[1])",
    "ENABLE UTF8=ACCEPT",
    "X-UNKNOWN",
];

#[tokio::test]
async fn every_mutating_command_is_refused_before_a_byte_leaves() {
    for command in MUTATING {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let wire: Wire = Box::new(ours);
        let client = async_imap::Client::new(Guard::new(wire, Verbs::Source, Limits::default()));
        // The sign-in is made up by the guard, so that the very first byte would be the forbidden one.
        let mut client = client;
        client.get_mut().answer_next_here();
        let mut session = client.login("a", "b").await.map_err(|(error, _)| error).unwrap();
        session.run_command(command).await.expect_err(command);
        session.run_command("NOOP").await.expect_err("the session is over");
        drop(session);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, b"", "{command}");
    }
}

#[tokio::test]
async fn a_forbidden_command_behind_an_allowed_one_in_one_write_is_refused_too() {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let wire: Wire = Box::new(ours);
    let mut guard = Guard::new(wire, Verbs::Source, Limits::default());
    guard.write_all(b"A1 NOOP\r\nA2 EXPUNGE\r\n").await.unwrap_err();
    guard.flush().await.ok();
    drop(guard);
    let mut sent = Vec::new();
    theirs.read_to_end(&mut sent).await.unwrap();
    assert!(!sent.windows(7).any(|part| part == b"EXPUNGE"));
}

#[tokio::test]
async fn a_response_beyond_the_limit_is_refused_and_not_kept() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let wire: Wire = Box::new(ours);
    let limits = Limits { patience: Duration::from_secs(5), response: 1_000_000 };
    let mut guard = Guard::new(wire, Verbs::Source, limits);
    let server = tokio::spawn(async move {
        theirs.write_all(b"* LIST () \"/\" {99999999}\r\n").await.unwrap();
        while theirs.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    assert_eq!(guard.response().await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    drop(guard);
    server.await.unwrap();
}

#[tokio::test]
async fn an_endless_line_is_refused() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let wire: Wire = Box::new(ours);
    let mut guard = Guard::new(wire, Verbs::Source, Limits::default());
    let server = tokio::spawn(async move { while theirs.write_all(&[b'x'; 1 << 16]).await.is_ok() {} });
    assert_eq!(guard.response().await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    drop(guard);
    server.await.unwrap();
}

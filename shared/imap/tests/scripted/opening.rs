//! Servers that are asked to open a folder and for its messages in one round trip.

use crate::bodies::check;
use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::Fault;
use mailcrane_core::folder::{FolderId, WireName};
use mailcrane_core::ports::destination::{Destination as _, ListPage};
use mailcrane_core::ports::source::Source as _;
use mailcrane_core::uid::UidValidity;

/// An INBOX of three messages, which both commands ask for before anything of it is answered.
const ASKED: &str = "login\nC: EXAMINE \"INBOX\"\nC: UID FETCH 1:2 *\nC: UID FETCH 3 *";
const OPENED: &str = "S: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: {tag-2} OK [READ-ONLY] opened";

async fn read_of(folder: &str, scripts: &[&str]) -> (Result<bool, Fault>, Feed) {
    let server = Server::new(scripts);
    let mut session = server.open().await.unwrap();
    let mut feed = Feed::of(&[&[1, 2], &[3]]);
    let outcome = session.fetch_of(&WireName::from(folder), UidValidity(7), &mut feed).await;
    drop(session);
    server.finished().await;
    (outcome, feed)
}

async fn read(scripts: &[&str]) -> (Result<bool, Fault>, Feed) {
    read_of("INBOX", scripts).await
}

#[tokio::test]
async fn the_first_messages_are_asked_for_before_the_folder_is_open() {
    let script = format!("{ASKED}\n{OPENED}\nM: 1 a\nM: 2 b\nS: {{tag-1}} OK done\nM: 3 c\ndone");
    let (outcome, feed) = read(&[&script]).await;
    assert!(outcome.unwrap());
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_name_that_needs_a_literal_is_sent_whole_before_anything_else() {
    let script = "login\nC: EXAMINE {3}\nS: + go\nbytes 41 fc 42 0d 0a\nC: UID FETCH 1:2 *\nC: UID FETCH 3 *
        S: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: {tag-2} OK opened
        M: 1 a\nM: 2 b\nS: {tag-1} OK done\nM: 3 c\ndone";
    let server = Server::new(&[script]);
    let mut session = server.open().await.unwrap();
    let mut feed = Feed::of(&[&[1, 2], &[3]]);
    let folder = WireName::new(vec![0x41, 0xfc, 0x42]);
    assert!(session.fetch_of(&folder, UidValidity(7), &mut feed).await.unwrap());
    drop(session);
    server.finished().await;
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn nothing_is_taken_for_a_message_of_a_folder_that_is_refused() {
    // A server may keep the folder that was open before, or give out what it likes.
    let script = format!("{ASKED}\nS: {{tag-2}} NO [NONEXISTENT] no such folder\nM: 1 x\nM: 2 y\nM: 3 z\ndone");
    let (outcome, feed) = read_of("INBOX.Old", &[&script.replace("INBOX", "INBOX.Old")]).await;
    assert_eq!(outcome.unwrap_err().code, "source.folder_gone");
    assert!(feed.outcomes().is_empty() && feed.admitted.is_empty());
}

#[tokio::test]
async fn nothing_is_taken_for_a_message_under_another_uidvalidity() {
    let script = format!("{ASKED}\n{OPENED}\nM: 1 x\nM: 2 y\nS: {{tag-1}} OK done\nM: 3 z\ndone");
    let (outcome, feed) = read(&[&script.replace("VALIDITY 7", "VALIDITY 8")]).await;
    assert!(!outcome.unwrap());
    assert!(feed.outcomes().is_empty() && feed.admitted.is_empty());
    // Nor where the server names none any more.
    let script = format!("{ASKED}\n{OPENED}\nM: 1 x\nM: 2 y\nS: {{tag-1}} OK done\nM: 3 z\ndone");
    let (outcome, feed) = read(&[&script.replace("[UIDVALIDITY 7]", "[UIDNOTSTICKY]")]).await;
    assert!(!outcome.unwrap() && feed.outcomes().is_empty());
}

#[tokio::test]
async fn a_server_that_closes_before_the_folder_is_open_has_given_nothing() {
    let (outcome, feed) = read(&[&format!("{ASKED}\nS: * 3 EXISTS\nclose")]).await;
    assert_eq!(outcome.unwrap_err().code, "source.connection_lost");
    assert!(feed.outcomes().is_empty() && feed.admitted.is_empty());
}

#[tokio::test]
async fn a_server_that_closes_once_the_folder_is_open_loses_no_message() {
    let first = format!("{ASKED}\n{OPENED}\nM: 1 a\nclose");
    let second = "login\nexamine 3\nC: UID FETCH 3 *\nM: 3 c\ndone
        C: NOOP\ndone\nC: UID FETCH 2 (UID FLAGS INTERNALDATE)\nS: * 2 FETCH (UID 2 FLAGS ())\ndone
        C: UID FETCH 2 *\nM: 2 b\ndone";
    let (outcome, feed) = read(&[&first, second]).await;
    assert!(outcome.unwrap());
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn a_folder_that_is_another_one_on_the_next_connection_is_not_read_on() {
    let first = format!("{ASKED}\n{OPENED}\nM: 1 a\nclose");
    let second = "login\nC: EXAMINE \"INBOX\"\nS: * 3 EXISTS\nS: * OK [UIDVALIDITY 8] ok\nS: * OK [UIDNEXT 4] ok\ndone";
    let (outcome, feed) = read(&[&first, second]).await;
    assert_eq!(outcome.unwrap_err().code, "source.uidvalidity_changed");
    assert_eq!(feed.outcomes().len(), 1);
}

#[tokio::test]
async fn commands_that_are_answered_before_the_folder_is_open_are_sent_again() {
    let early = "M: 1 x\nS: {tag-1} OK done\nS: {tag} BAD no folder is open";
    let again = "C: UID FETCH 1:2 *\nC: UID FETCH 3 *\nM: 1 a\nM: 2 b\nS: {tag-1} OK done\nM: 3 c\ndone";
    let (outcome, feed) = read(&[&format!("{ASKED}\n{early}\n{OPENED}\n{again}")]).await;
    assert!(outcome.unwrap());
    check(&feed, &[(1, "a"), (2, "b"), (3, "c")]);
}

async fn listed(script: &str) -> (Result<ListPage, Fault>, Result<ListPage, Fault>) {
    let server = Server::new(&[&format!("login\n{script}")]);
    let destination = server.open_destination().await;
    let folder = FolderId("Box".to_owned());
    let pages = (destination.list(&folder, None).await, destination.list(&folder, None).await);
    drop(destination);
    server.finished().await;
    pages
}

const LIST: &str = "C: EXAMINE \"Box\"\nC: UID FETCH 1:*";
const BOX: &str = "S: * 1 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [UIDNEXT 2] ok\nS: {tag-1} OK opened
    S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\ndone";

fn count(page: Result<ListPage, Fault>) -> usize {
    page.unwrap().items.len()
}

#[tokio::test]
async fn a_listing_of_a_refused_folder_leaves_the_connection_as_it_was() {
    let script = format!(
        "{LIST}\nS: {{tag-1}} NO [NONEXISTENT] none\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\nS: {{tag}} BAD none
        {LIST}\n{BOX}"
    );
    let (first, second) = listed(&script).await;
    assert_eq!(first.unwrap_err().code, "destination.folder_gone");
    assert_eq!(count(second), 1);
}

#[tokio::test]
async fn a_list_that_is_refused_in_an_empty_folder_is_empty() {
    let script = format!(
        "{LIST}\nS: * 0 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: {{tag-1}} OK opened\nS: {{tag}} NO no such messages
        {LIST}\n{BOX}"
    );
    let (first, second) = listed(&script).await;
    assert_eq!((count(first), count(second)), (0, 1));
}

#[tokio::test]
async fn a_list_that_is_refused_is_asked_for_in_parts() {
    let script = format!(
        "{LIST}\nS: * 1 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [UIDNEXT 3] ok\nS: {{tag-1}} OK opened
        S: {{tag}} NO too many\nC: UID FETCH 1:*\nS: {{tag}} NO too many
        C: UID FETCH 1:3 *\nS: * 1 FETCH (UID 2 FLAGS () RFC822.SIZE 4)\ndone\nC: UID FETCH 4:*\ndone
        {LIST}\n{BOX}"
    );
    let (first, second) = listed(&script).await;
    assert_eq!((count(first), count(second)), (1, 1));
}

#[tokio::test]
async fn a_list_that_is_answered_before_the_folder_is_open_is_asked_for_again() {
    let again = "S: * 1 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [UIDNEXT 2] ok\nS: {tag-1} OK opened
        C: UID FETCH 1:*\nS: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\ndone";
    let script = format!(
        "{LIST}\nS: {{tag}} BAD no folder is open\nS: {{tag-1}} NO [NONEXISTENT] none\n{LIST}\nS: {{tag}} BAD no\n{again}"
    );
    let (first, second) = listed(&script).await;
    assert_eq!(first.unwrap_err().code, "destination.folder_gone");
    assert_eq!(count(second), 1);
}

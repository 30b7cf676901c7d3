//! What servers do when folders are listed.

use crate::server::Server;
use mailcrane_core::folder::{Role, SourceFolder, WireName};
use mailcrane_core::ports::source::Source as _;
use mailcrane_core::{Fault, Remedy};

async fn listed(capabilities: &str, script: &str) -> Result<Vec<SourceFolder>, Fault> {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN *\nS: {{tag}} OK [CAPABILITY IMAP4rev1 {capabilities}] in\n{script}"
    );
    let server = Server::new(&[&script]);
    let mut session = server.open().await.unwrap();
    let folders = session.folders().await;
    drop(session);
    server.finished().await;
    folders
}

fn paths(folders: &[SourceFolder]) -> Vec<String> {
    folders.iter().map(|folder| folder.path.join(" > ")).collect()
}

#[tokio::test]
async fn special_uses_are_asked_for_where_the_server_can_name_them() {
    let got = listed(
        "LIST-EXTENDED SPECIAL-USE",
        "C: LIST \"\" \"*\" RETURN (SPECIAL-USE)
        S: * LIST () \"/\" INBOX\nS: * LIST (\\Sent) \"/\" Verschickt\ndone",
    )
    .await
    .unwrap();
    assert_eq!(got[1].role, Some(Role::Sent));
}

#[tokio::test]
async fn an_extended_list_is_refused_so_the_plain_one_is_asked_for() {
    let got = listed(
        "LIST-EXTENDED SPECIAL-USE",
        "C: LIST \"\" \"*\" RETURN (SPECIAL-USE)\nS: {tag} BAD what
        C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\ndone",
    )
    .await
    .unwrap();
    assert_eq!(paths(&got), ["INBOX"]);
}

#[tokio::test]
async fn a_refused_list_is_a_fault_and_not_an_empty_mailbox() {
    let fault = listed("", "C: LIST \"\" \"*\"\nS: {tag} NO cannot").await.unwrap_err();
    assert_eq!(fault.code, "source.refused");
}

#[tokio::test]
async fn a_list_that_ends_with_the_connection_is_a_fault() {
    let fault = listed("", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" a\nclose").await.unwrap_err();
    assert_eq!(fault.code, "source.connection_lost");
}

#[tokio::test]
async fn a_list_line_that_cannot_be_read_is_a_fault_and_not_a_missing_folder() {
    let fault = listed("", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" \"a\nS: b\"\ndone").await.unwrap_err();
    assert_eq!(fault.code, "source.protocol");
}

#[tokio::test]
async fn the_namespace_is_asked_for_and_its_refusal_counts_for_nothing() {
    let got = listed(
        "NAMESPACE",
        "C: NAMESPACE\nS: * NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL\ndone
        C: LIST \"\" \"*\"\nS: * LIST () \".\" INBOX\nS: * LIST () \".\" INBOX.Work\nS: * LIST () \".\" user.ben\ndone",
    )
    .await
    .unwrap();
    assert_eq!(paths(&got), ["INBOX", "Work", "user > ben"]);
    assert!(got[2].skip.is_some());
    let got = listed("NAMESPACE", "C: NAMESPACE\nS: {tag} BAD no\nC: LIST \"\" \"*\"\nS: * LIST () \".\" INBOX\ndone")
        .await
        .unwrap();
    assert_eq!(paths(&got), ["INBOX"]);
    // A busy server may have namespaces: without them the folders of others would count as the user's own.
    let busy = "C: NAMESPACE\nS: {tag} NO [UNAVAILABLE] later\nC: LIST \"\" \"*\"\nS: * LIST () \".\" INBOX\ndone";
    let fault = listed("NAMESPACE", busy).await.unwrap_err();
    assert!(matches!(fault.remedy, Remedy::RetryAfter(_)), "{fault:?}");
}

#[tokio::test]
async fn inbox_is_not_listed_and_yet_there() {
    let got = listed("", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" Work\ndone").await.unwrap();
    assert_eq!(paths(&got), ["INBOX", "Work"]);
}

#[tokio::test]
async fn gmail_shows_views_that_have_their_roles() {
    let got = listed("", "C: LIST \"\" \"*\"\nS: * LIST (\\HasNoChildren) \"/\" \"INBOX\"
        S: * LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"\nS: * LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"
        S: * LIST (\\Flagged) \"/\" \"[Gmail]/Starred\"\nS: * LIST (\\Important) \"/\" \"[Gmail]/Important\"\ndone").await.unwrap();
    let roles: Vec<_> = got.iter().map(|folder| folder.role).collect();
    assert_eq!(roles, [Some(Role::Inbox), None, Some(Role::All), Some(Role::Important), Some(Role::Flagged)]);
    assert!(!got[1].selectable);
}

#[tokio::test]
async fn nonexistent_parents_are_not_selectable() {
    let got = listed("", "C: LIST \"\" \"*\"\nS: * LIST (\\NonExistent) \"/\" a\nS: * LIST () \"/\" a/b\ndone")
        .await
        .unwrap();
    assert!(!got[1].selectable && got[2].selectable);
}

#[tokio::test]
async fn a_groupware_server_shows_its_calendar_which_is_skipped_and_named() {
    let server = Server::new(&[
        "S: * OK [CAPABILITY IMAP4rev1] Kerio Connect 9 ready\nC: LOGIN *\nS: {tag} OK [CAPABILITY IMAP4rev1] in
        C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: * LIST () \"/\" Calendar\nS: * LIST () \"/\" Plans\ndone",
    ]);
    let folders = server.open().await.unwrap().folders().await.unwrap();
    let skipped: Vec<_> = folders.iter().map(|folder| folder.skip.is_some()).collect();
    assert_eq!(skipped, [false, true, false]);
    server.finished().await;
}

/// What asks for the types of all folders.
const TYPES: &str = "C: GETMETADATA \"*\" (/shared/vendor/kolab/folder-type /private/vendor/kolab/folder-type)";

/// The names of the folders that are left out.
fn skipped(folders: &[SourceFolder]) -> Vec<String> {
    let skipped = folders.iter().filter(|folder| folder.skip.is_some());
    skipped.map(|folder| folder.path.join(" > ")).collect()
}

#[tokio::test]
async fn a_server_annotates_its_calendar_which_is_skipped_and_named_whatever_its_name() {
    let got = listed(
        "METADATA",
        &format!(
            "{TYPES}\nC: LIST \"\" \"*\"
            S: * METADATA \"INBOX\" (/shared/vendor/kolab/folder-type \"event\")
            S: * METADATA \"Rendez-vous\" (/shared/vendor/kolab/folder-type \"event.default\")
            S: * METADATA \"Leute/Privat\" (/shared/vendor/kolab/folder-type NIL /private/vendor/kolab/folder-type \"contact\")
            S: * METADATA Sent (/shared/vendor/kolab/folder-type \"mail.sentitems\")
            S: * METADATA Blog (/shared/vendor/kolab/folder-type \"blog\")
            S: * METADATA Mine (/private/vendor/kolab/folder-type mail /shared/vendor/kolab/folder-type note)
            S: {{tag-1}} OK done
            S: * LIST () \"/\" INBOX\nS: * LIST () \"/\" Rendez-vous\nS: * LIST () \"/\" Leute
            S: * LIST () \"/\" {{12}}\nR: Leute/Privat\\r\\n
            S: * LIST () \"/\" Sent\nS: * LIST () \"/\" Blog\nS: * LIST () \"/\" Mine\nS: * LIST () \"/\" Work\ndone"
        ),
    )
    .await
    .unwrap();
    assert_eq!(got.len(), 8);
    assert_eq!(skipped(&got), ["Leute > Privat", "Rendez-vous"]);
    assert_eq!(got.iter().find_map(|folder| folder.skip.as_deref()), Some("it holds no e-mail"));
}

#[tokio::test]
async fn annotations_come_behind_the_listing_too() {
    let got = listed(
        "NAMESPACE METADATA",
        &format!(
            "C: NAMESPACE\n{TYPES}\nC: LIST \"\" \"*\"
            S: * LIST () \".\" INBOX\nS: * LIST () \".\" INBOX.Plans\nS: * LIST () \".\" user.ben\nS: {{tag}} OK done
            S: * METADATA INBOX.Plans (/shared/vendor/kolab/folder-type task)\nS: {{tag-1}} OK done
            S: * NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL\nS: {{tag-2}} OK done"
        ),
    )
    .await
    .unwrap();
    assert_eq!(skipped(&got), ["Plans", "user > ben"]);
}

#[tokio::test]
async fn a_server_that_refuses_to_tell_the_types_changes_nothing() {
    let refusals =
        ["NO [NONEXISTENT] no such mailbox", "BAD what", "NO [UNAVAILABLE] later", "NO [LIMIT] too many connections"];
    for refusal in refusals {
        for (before, behind) in [("{tag-1}", ""), ("", "{tag-1}")] {
            let answer = |tag: &str| if tag.is_empty() { String::new() } else { format!("S: {tag} {refusal}\n") };
            let script = format!(
                "{TYPES}\nC: LIST \"\" \"*\"\n{}S: * LIST () \"/\" INBOX\nS: * LIST () \"/\" Calendar\ndone\n{}",
                answer(before),
                answer(behind)
            );
            let got = listed("METADATA", &script).await.unwrap();
            assert_eq!((paths(&got), skipped(&got)), (vec!["INBOX".to_owned(), "Calendar".to_owned()], vec![]));
        }
    }
}

#[tokio::test]
async fn a_server_that_only_annotates_itself_is_not_asked_for_the_types_of_folders() {
    let got = listed("METADATA-SERVER", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\ndone").await.unwrap();
    assert_eq!(paths(&got), ["INBOX"]);
}

#[tokio::test]
async fn an_annotation_that_cannot_be_read_loses_no_folder() {
    let got = listed(
        "METADATA",
        &format!(
            "{TYPES}\nC: LIST \"\" \"*\"\nS: * METADATA Plans (/shared/vendor/kolab/folder-type \"event
            S: * METADATA\nS: * METADATA Plans (x)\nS: {{tag-1}} OK done\nS: * LIST () \"/\" Plans\ndone"
        ),
    )
    .await
    .unwrap();
    assert_eq!((paths(&got), skipped(&got)), (vec!["INBOX".to_owned(), "Plans".to_owned()], vec![]));
}

#[tokio::test]
async fn quotes_and_backslashes_in_a_name_are_the_same_in_list_and_examine() {
    let server = Server::new(&["login\nC: LIST \"\" \"*\"\nS: * LIST () \"/\" \"a\\\"b\\\\c\"\ndone
        C: EXAMINE \"a\\\"b\\\\c\"\nS: * 0 EXISTS\ndone"]);
    let mut session = server.open().await.unwrap();
    let folders = session.folders().await.unwrap();
    assert_eq!(folders[1].wire, WireName::from("a\"b\\c"));
    session.examine(&folders[1].wire).await.unwrap();
    server.finished().await;
}

#[tokio::test]
async fn an_eight_bit_name_is_opened_by_its_own_octets() {
    let server = Server::new(&["login\nC: LIST \"\" \"*\"\nR: * LIST () \"/\" \"Entw\\xfcrfe\"\\r\\n\ndone
        C: EXAMINE {8}\nS: + go ahead\nbytes 45 6e 74 77 fc 72 66 65\nL: \nS: * 0 EXISTS\ndone"]);
    let mut session = server.open().await.unwrap();
    let folders = session.folders().await.unwrap();
    assert_eq!(folders[1].path, ["Entw\u{fc}rfe"]);
    session.examine(&folders[1].wire).await.unwrap();
    server.finished().await;
}

#[tokio::test]
async fn a_name_as_literal_is_a_name() {
    let got = listed("", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" {5}\nR: a\\r\\nb!\\r\\n\ndone").await.unwrap();
    assert_eq!(got[1].wire.as_bytes(), b"a\r\nb!");
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_two_folders() {
    let got = listed("", "C: LIST \"\" \"*\"\nS: * LIST () \"/\" Foo\nS: * LIST () \"/\" foo\ndone").await.unwrap();
    assert_eq!(paths(&got), ["INBOX", "Foo", "foo"]);
}

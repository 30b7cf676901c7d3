//! Folders that are somebody else's, and those that hold no mail.

use crate::server::{Dovecot, message, password};
use mailcrane_core::folder::SourceFolder;
use mailcrane_core::ports::source::{Security, Source as _, Sources as _};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Folders of other users under `user.`, of everybody under `shared.`; who may see what is in access control lists.
const SHARING: &str = "mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
namespace users {
  type = shared
  separator = .
  prefix = user.%%n.
  location = maildir:%%h/Maildir
  subscriptions = no
  list = children
}
namespace everybody {
  type = public
  separator = .
  prefix = shared.
  location = maildir:{dir}/mail/public
  subscriptions = no
  list = yes
}
plugin {
  acl = vfile
  acl_shared_dict = file:{dir}/mail/shared-mailboxes
}
";

const ANNOTATIONS: &str = "imap_metadata = yes
mail_attribute_dict = file:%h/attributes
";

/// Every listed folder and why it is left out.
async fn listed(server: &Dovecot, user: &str) -> BTreeMap<String, Option<String>> {
    let mut session = server.sources().open(&server.endpoint(Security::Tls), &password(user)).await.unwrap();
    let folders = session.folders().await.unwrap();
    // What is listed as readable is, though it is left out.
    for folder in folders.iter().filter(|folder| folder.selectable) {
        session.examine(&folder.wire).await.unwrap();
    }
    session.close().await;
    folders.into_iter().map(|SourceFolder { path, skip, .. }| (path.join(" > "), skip)).collect()
}

#[tokio::test]
async fn folders_of_others_are_listed_where_there_is_a_right_to_them_and_named_as_left_out() {
    let server = Dovecot::start(SHARING);
    server.put(&server.folder("dora", ".Team"), "0800000001.M1.host", "S", &message("team", 500));
    server.folder("dora", ".Private");
    server.write("mail/dora/Maildir/.Team/dovecot-acl", "user=anna lr\n");
    for (folder, reader) in [("Board", "anna"), ("Secret", "dora")] {
        for part in ["cur", "new", "tmp"] {
            server.write(&format!("mail/public/.{folder}/{part}/.keep"), "");
        }
        server.write(&format!("mail/public/.{folder}/dovecot-acl"), &format!("user={reader} lr\n"));
    }
    server.write("mail/shared-mailboxes", "shared/shared-boxes/user/anna/dora\n1\n");

    let anna = listed(&server, "anna").await;
    let why = |name: &str| anna.get(name).unwrap_or_else(|| panic!("{name} in {anna:?}")).as_deref();
    assert_eq!(why("INBOX"), None);
    assert_eq!(why("user > dora > Team"), Some("it belongs to another user"));
    assert_eq!(why("shared > Board"), Some("it is shared and does not belong to this mailbox"));
    for hidden in ["Private", "Secret"] {
        assert!(!anna.keys().any(|name| name.contains(hidden)), "{anna:?}");
    }

    let dora = listed(&server, "dora").await;
    assert_eq!(dora.get("Team"), Some(&None), "to its owner it is a folder like others: {dora:?}");
    assert_eq!(dora.get("Private"), Some(&None));
    assert!(dora.get("shared > Secret").is_some_and(Option::is_some), "{dora:?}");
    assert!(!dora.keys().any(|name| name.contains("anna") || name.contains("Board")), "{dora:?}");
}

/// Says something as anna and returns what is answered before the OK.
fn said(server: &Dovecot, command: &str) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    for text in ["LOGIN anna secret", command] {
        stream.get_mut().write_all(format!("a {text}\r\n").as_bytes()).unwrap();
        lines.clear();
        loop {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).unwrap() > 0, "the server has closed the connection");
            if let Some(status) = line.strip_prefix("a ") {
                assert!(status.starts_with("OK"), "{text}: {line}");
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

#[tokio::test]
async fn a_folder_that_groupware_annotated_is_left_out_whatever_its_name_is_and_others_are_not() {
    let server = Dovecot::start(ANNOTATIONS);
    for (name, entry, kind) in [
        ("Termine", "/shared/vendor/kolab/folder-type", "event.default"),
        ("Leute", "/private/vendor/kolab/folder-type", "contact"),
        ("Post", "/shared/vendor/kolab/folder-type", "mail"),
        ("Notes", "/shared/comment", "note"),
    ] {
        server.folder("anna", &format!(".{name}"));
        said(&server, &format!("SETMETADATA {name} ({entry} \"{kind}\")"));
    }
    let before = said(&server, "GETMETADATA Termine /shared/vendor/kolab/folder-type");
    let folders = listed(&server, "anna").await;
    let left_out: Vec<&str> = folders.iter().filter(|(_, why)| why.is_some()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["Leute", "Termine"], "{folders:?}");
    assert!(folders.contains_key("Post") && folders.contains_key("Notes"));
    assert_eq!(said(&server, "GETMETADATA Termine /shared/vendor/kolab/folder-type"), before);
}

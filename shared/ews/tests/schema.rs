//! Every request that can be built is valid by the schema of `Exchange2010_SP2`.
#![allow(clippy::expect_used, reason = "a test may stop")]

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use mailcrane_ews::soap::create_folder::CreateFolder;
use mailcrane_ews::soap::create_item::{CreateItem, Message, Verb};
use mailcrane_ews::soap::delete_folder::DeleteFolder;
use mailcrane_ews::soap::delete_item::{DeleteItem, DeleteType};
use mailcrane_ews::soap::find_folder::FindFolder;
use mailcrane_ews::soap::find_item::{FindItem, LISTING, Restriction};
use mailcrane_ews::soap::folder::Distinguished;
use mailcrane_ews::soap::get_folder::GetFolder;
use mailcrane_ews::soap::get_item::{GetItem, Mime, STATE};
use mailcrane_ews::soap::move_item::MoveItem;
use mailcrane_ews::soap::{Envelope, FolderRef, ItemId, Operation, Version};

const AWKWARD: &str = "<&>\"'\u{1} ü \u{1F600}\r\n";

/// Gathers requests under their names.
struct Samples(Vec<(String, Vec<u8>)>);

impl Samples {
    fn add(&mut self, what: &str, operation: &impl Operation) {
        for (how, impersonate) in [("own", None), ("impersonated", Some("anna@example.org"))] {
            let body = Envelope { version: Version::NEWEST, impersonate }.wrap(operation);
            assert_eq!(body.content_length(), body.to_vec().len() as u64);
            self.0.push((format!("{what}.{how}.xml"), body.to_vec()));
        }
    }
}

fn messages() -> Vec<Message> {
    let plain = Message {
        mime: Bytes::from_static(b"Subject: a\r\n\r\n"),
        read: false,
        draft: false,
        flagged: false,
        verb: None,
        received: "1995-06-07T08:09:10Z".parse().expect("a time"),
        sent: None,
        categories: Vec::new(),
        key: "0123456789abcdef:0000000042".into(),
        as_note: false,
        without_receipt: false,
    };
    let full = Message {
        read: true,
        flagged: true,
        verb: Some(Verb::Answered),
        sent: "2030-01-01T00:00:00.5Z".parse().ok(),
        categories: vec![AWKWARD.into(), "Work".into()],
        as_note: true,
        without_receipt: true,
        ..plain.clone()
    };
    let forwarded = Message { draft: true, verb: Some(Verb::Forwarded), mime: Bytes::new(), ..plain.clone() };
    vec![plain, full, forwarded]
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let mut samples = Samples(Vec::new());
    let id = FolderRef::Id(AWKWARD.into());
    let items = [ItemId::new(AWKWARD), ItemId { id: "AAMk=".into(), change_key: Some("CQ==".into()) }];
    for (whose, mailbox) in [("mine", None), ("theirs", Some("info@example.org".to_owned()))] {
        let all = Distinguished::ALL.map(|d| FolderRef::Distinguished(d, mailbox.clone()));
        samples.add(&format!("get_folder.{whose}"), &GetFolder { folders: &all });
        samples.add(&format!("find_folder.{whose}"), &FindFolder { parent: &all[0], offset: 500 });
        samples.add(&format!("create_folder.{whose}"), &CreateFolder { parent: &all[0], name: AWKWARD });
        samples.add(&format!("create_item.{whose}"), &CreateItem { folder: &all[1], messages: &messages() });
    }
    samples.add("create_item.by_id", &CreateItem { folder: &id, messages: &messages() });
    samples.add("create_folder.by_id", &CreateFolder { parent: &id, name: "x" });
    samples.add("delete_folder", &DeleteFolder { folder: &id });
    let folders = [id.clone(), FolderRef::Distinguished(Distinguished::Inbox, None)];
    let restrictions = [
        Restriction::Key(AWKWARD.into()),
        Restriction::KeyPrefix("0123".into()),
        Restriction::MessageId("<a@b>".into()),
    ];
    samples.add("find_item.all", &FindItem { folders: &folders, restriction: None, offset: 0, fields: &LISTING });
    for (n, restriction) in restrictions.iter().enumerate() {
        let find = FindItem { folders: &folders, restriction: Some(restriction), offset: 1000, fields: &STATE };
        samples.add(&format!("find_item.{n}"), &find);
    }
    samples.add("get_item.mime", &GetItem { items: &items, fields: &[], mime: Mime::Include });
    samples.add("get_item.state", &GetItem { items: &items, fields: &STATE, mime: Mime::Omit });
    samples.add("delete_item.soft", &DeleteItem { items: &items, how: DeleteType::Soft });
    samples.add("delete_item.hard", &DeleteItem { items: &items, how: DeleteType::Hard });
    samples.add("move_item", &MoveItem { to: &id, items: &items });
    samples.0
}

/// Runs the schema validator named in `EWS_SCHEMA_VALIDATE` (with `EWS_SCHEMA_PYTHON` when set) over all samples.
#[test]
fn every_request_is_valid_by_the_schema() {
    let samples = samples();
    assert!(samples.len() > 30, "only {} samples", samples.len());
    let Some(validate) = std::env::var_os("EWS_SCHEMA_VALIDATE") else {
        eprintln!("EWS_SCHEMA_VALIDATE is not set: only well-formedness is tested");
        return;
    };
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ews-requests");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory for the samples");
    let mut run = match std::env::var_os("EWS_SCHEMA_PYTHON") {
        Some(python) => {
            let mut run = Command::new(python);
            run.arg(validate);
            run
        }
        None => Command::new(validate),
    };
    for (name, bytes) in &samples {
        let path = dir.join(name);
        std::fs::write(&path, bytes).expect("a sample is written");
        run.arg(path);
    }
    let done = run.output().expect("the validator starts");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    assert!(out.contains(" 0 invalid"), "{out}{err}");
}

#[test]
fn every_request_is_well_formed_and_utf8() {
    for (name, bytes) in samples() {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let root = mailcrane_ews::soap::node::Node::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(root.name(), "Envelope", "{name}");
    }
}

//! The memory adapters pass the suites that every adapter passes.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use mailcrane_core::ports::source::{Credentials, Endpoint, Security};
use mailcrane_core::secret::Secret;
use mailcrane_testkit::Memory;
use mailcrane_testkit::conformance::{destination, source, table};
use mailcrane_testkit::source::Message;
use std::time::Duration;

#[test]
fn the_memory_table_conforms() {
    let memory = Memory::default();
    memory.clock.block_on(table::conformance(&memory.table, &memory.clock, "memory"));
}

#[test]
fn the_memory_table_conforms_with_small_pages() {
    let memory = Memory::default();
    memory.table.page(2);
    memory.clock.block_on(table::conformance(&memory.table, &memory.clock, "memory"));
}

fn user(password: &str) -> Credentials {
    Credentials::Password { user: "anna@example.org".to_owned(), password: Secret::new(password) }
}

fn endpoint() -> Endpoint {
    Endpoint { host: "imap.example.org".to_owned(), port: 993, security: Security::Tls, fingerprint: None }
}

fn with_sample() -> Memory {
    let memory = Memory::default();
    let mailbox = memory.ends.sources.mailbox("anna@example.org");
    for folder in source::sample() {
        let wire = folder.path.join("/");
        if !folder.path.contains(&"INBOX") {
            mailbox.folder(&wire, None);
        }
        for m in folder.messages {
            let flags = m.flags.into_iter().collect();
            mailbox.append(&wire, Message { raw: m.raw, flags, received: Some(m.received), ..Message::default() });
        }
    }
    memory
}

#[test]
fn the_memory_source_conforms() {
    let memory = with_sample();
    memory.clock.block_on(source::conformance(&memory.ends.sources, &endpoint(), &user("any")));
}

#[test]
fn a_wrong_password_is_named() {
    use mailcrane_core::ports::source::Sources as _;
    let memory = with_sample();
    memory.ends.sources.password("anna@example.org", "right");
    memory.clock.block_on(async {
        let fault = memory.ends.sources.open(&endpoint(), &user("wrong")).await.unwrap_err();
        assert_eq!(fault.code, "source.wrong_password");
        assert!(memory.ends.sources.open(&endpoint(), &user("right")).await.is_ok());
    });
}

fn check_destination(set_up: impl FnOnce(&mailcrane_testkit::destination::Mailbox)) {
    let memory = Memory::default();
    set_up(&memory.ends.destinations.mailbox("anna@example.org"));
    memory.clock.block_on(async {
        let destination = memory.ends.destinations.open("anna@example.org").await.unwrap();
        destination::conformance(&destination, &memory.clock, "memory").await;
    });
}

#[test]
fn the_memory_destination_conforms() {
    check_destination(|_| {});
}

#[test]
fn the_memory_destination_conforms_with_bad_habits() {
    check_destination(|mailbox| {
        mailbox.page(2);
        mailbox.repeat();
        mailbox.features(|f| f.search_lag = Duration::from_secs(5));
    });
}

#[test]
fn the_memory_destination_conforms_without_keys() {
    check_destination(|mailbox| mailbox.features(|f| (f.find_by_key, f.keeps_key) = (false, false)));
}

//! The suites that every source and every destination must pass, against Dovecot.

use crate::server::{Dovecot, password};
use mailcrane_core::ports::source::{AdminScheme, Credentials, Security};
use mailcrane_core::secret::Secret;
use mailcrane_imap::ImapDestination;
use mailcrane_testkit::clock::ManualClock;
use mailcrane_testkit::conformance::{destination, source};
use std::time::{Duration, SystemTime};

/// Writes the suite's sample into a user's Maildir.
fn fill(server: &Dovecot, user: &str) {
    for folder in source::sample() {
        let path = match folder.path.as_slice() {
            ["INBOX"] => server.inbox(user),
            levels => {
                let name: String =
                    levels.iter().map(|level| format!(".{}", mailcrane_imap::wire::utf7::encode(level))).collect();
                server.folder(user, &name)
            }
        };
        server.name_keywords(&path, &["$Forwarded", "Travel"]);
        for (number, message) in folder.messages.iter().enumerate() {
            let letter = |flag: &&str| match *flag {
                "\\Seen" => 'S',
                "\\Answered" => 'R',
                "\\Flagged" => 'F',
                "\\Draft" => 'D',
                "$Forwarded" => 'a',
                "Travel" => 'b',
                other => panic!("no letter for {other}"),
            };
            let mut letters: Vec<char> = message.flags.iter().map(letter).collect();
            letters.sort_unstable();
            let seconds = u64::try_from(message.received.as_second()).unwrap();
            let received = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let name = format!("{:010}.M{number}.host", 800_000_000 + number);
            server.put_dated(&path, &name, &letters.iter().collect::<String>(), &message.raw, received);
        }
    }
}

#[tokio::test]
async fn dovecot_is_a_source_by_every_protection_sign_in_and_namespace() {
    let server = Dovecot::start("");
    fill(&server, "anna");
    fill(&server, "dora");
    let sources = server.sources();
    for security in [Security::None, Security::Starttls, Security::Tls] {
        source::conformance(&sources, &server.endpoint(security), &password("anna")).await;
    }
    let tls = server.endpoint(Security::Tls);
    source::conformance(&sources, &tls, &password("dora")).await;
    let administrator = |scheme| Credentials::Administrator {
        user: "anna".to_owned(),
        admin_user: "root-admin".to_owned(),
        admin_password: Secret::new("master-secret"),
        scheme,
    };
    source::conformance(&sources, &tls, &administrator(AdminScheme::Master)).await;
    source::conformance(&sources, &tls, &administrator(AdminScheme::Authzid)).await;
    let token = Credentials::Token { user: "anna".to_owned(), token: Secret::new("token-of-anna") };
    source::conformance(&sources, &tls, &token).await;
}

#[tokio::test]
async fn dovecot_is_a_destination_with_and_without_a_namespace_prefix() {
    let server = Dovecot::start("");
    for user in ["anna", "dora"] {
        let endpoint = server.endpoint(Security::Tls);
        let opened = ImapDestination::open(&server.opening(), &endpoint, &password(user)).await.unwrap();
        destination::conformance(&opened, &ManualClock::default(), "Conformance").await;
        opened.close().await;
    }
}

//! The suite that every source must pass, against servers other than Dovecot, filled over the wire.
//!
//! pymap comes with the Python packages of the local stack. Cyrus and Courier are installed and started by
//! `make sources`, which names their ports.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it does not expect")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod filler;
mod pymap;

use filler::Filler;
use mailcrane_core::ports::source::{Credentials, Endpoint, Security};
use mailcrane_core::secret::Secret;
use mailcrane_imap::{ImapSources, Network, Reach, TlsSettings};
use mailcrane_testkit::conformance::source;

const USER: &str = "anna";
const PASSWORD: &str = "secret";

/// Fills the mailbox of a server on loopback and runs the suite.
async fn conforms(port: u16, prefix: &str, delimiter: char) {
    Filler::sign_in(port, USER, PASSWORD).fill(prefix, delimiter);
    let network = Network { reach: Reach::Private, ports: Vec::new(), ..Network::default() };
    let sources = ImapSources::over_tcp(network, &TlsSettings::default()).unwrap();
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port, security: Security::None, fingerprint: None };
    let credentials = Credentials::Password { user: USER.to_owned(), password: Secret::new(PASSWORD) };
    source::conformance(&sources, &endpoint, &credentials).await;
}

fn port(variable: &str) -> u16 {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make sources`")).parse().unwrap()
}

#[tokio::test]
async fn pymap_is_a_source() {
    let server = pymap::Pymap::start(USER, PASSWORD);
    conforms(server.port, "", '/').await;
}

#[tokio::test]
#[ignore = "Cyrus is installed and started by `make sources`"]
async fn cyrus_is_a_source() {
    conforms(port("CYRUS_PORT"), "", '/').await;
}

#[tokio::test]
#[ignore = "Courier is installed and started by `make sources`"]
async fn courier_is_a_source() {
    conforms(port("COURIER_PORT"), "INBOX.", '.').await;
}

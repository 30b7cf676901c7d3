//! The address that was vetted is the one that is connected to, and the name is asked for once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_imap::connect::Resolver;
use mailcrane_imap::{Dial as _, Failure, Network, Reach, TcpDial};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// Gives another answer each time, and counts how often it was asked.
struct Changing {
    answers: Vec<SocketAddr>,
    asked: AtomicUsize,
}

impl Resolver for Changing {
    async fn lookup(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers.get(at.min(self.answers.len() - 1)).copied().into_iter().collect())
    }
}

fn dial(network: Network, answers: &[SocketAddr]) -> TcpDial<Changing> {
    TcpDial { network, resolver: Changing { answers: answers.to_vec(), asked: AtomicUsize::new(0) } }
}

fn everywhere() -> Network {
    Network { reach: Reach::Private, ports: Vec::new(), connect: Duration::from_secs(2), ..Network::default() }
}

fn at(port: u16) -> Endpoint {
    Endpoint { host: "imap.example.org".to_owned(), port, security: Security::Tls, fingerprint: None }
}

fn asked(dial: &TcpDial<Changing>) -> usize {
    dial.resolver.asked.load(Ordering::Relaxed)
}

async fn refused(dial: &TcpDial<Changing>, endpoint: &Endpoint) -> Failure {
    dial.dial(endpoint).await.err().expect("a refusal")
}

#[tokio::test]
async fn the_vetted_address_is_connected_to_and_asked_for_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Whoever asked again would be led to where nobody listens.
    let dial = dial(everywhere(), &[address, "127.0.0.1:1".parse().unwrap()]);
    let mut wire = dial.dial(&at(address.port())).await.unwrap();
    wire.write_all(b"x").await.unwrap();
    listener.accept().await.unwrap();
    assert_eq!(asked(&dial), 1);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_and_nobody_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let network = Network { reach: Reach::Public, ..everywhere() };
    let dial = dial(network, &[address]);
    assert_eq!(refused(&dial, &at(address.port())).await.code(), "source.address_refused");
    let met = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(met.is_err(), "there was a connection");
}

#[tokio::test]
async fn every_connection_vets_the_answer_that_it_gets() {
    // A documentation address is refused like one inside; the second answer is inside in earnest.
    let answers = ["203.0.113.1:993".parse().unwrap(), "169.254.169.254:993".parse().unwrap()];
    let dial = dial(Network::default(), &answers);
    for address in ["203.0.113.1", "169.254.169.254"] {
        let failure = refused(&dial, &at(993)).await;
        assert!(
            matches!(&failure, Failure::AddressRefused { address: met, .. } if met.to_string() == address),
            "{failure}"
        );
    }
    assert_eq!(asked(&dial), 2);
}

#[tokio::test]
async fn other_ports_are_refused_before_the_name_is_asked_for() {
    let dial = dial(Network::default(), &["203.0.113.1:25".parse().unwrap()]);
    for port in [0, 22, 25, 110, 587, 8_080] {
        assert_eq!(refused(&dial, &at(port)).await.code(), "source.port_refused", "{port}");
    }
    assert_eq!(asked(&dial), 0);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let dial = dial(everywhere(), &[address]);
    assert_eq!(refused(&dial, &at(address.port())).await.code(), "source.connection_refused");
}

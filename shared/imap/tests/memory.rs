//! A message that is only read through costs next to no memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it does not expect")]

use mailcrane_core::folder::WireName;
use mailcrane_core::message::{FetchOutcome, Fetched};
use mailcrane_core::ports::source::{Admission, Credentials, Endpoint, FetchFeed, Security, Source as _, Sources as _};
use mailcrane_core::secret::Secret;
use mailcrane_core::uid::Uid;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{Dial, Failure, ImapSources, Network, Opening, Tls, TlsSettings, Verbs};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// The length of the message.
const OCTETS: usize = 100 * 1024 * 1024;
/// What it may cost.
const LIMIT: u64 = 16 * 1024 * 1024;

struct Large;

impl Dial for Large {
    fn dial<'a>(&'a self, _: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve(theirs));
            let wire: Wire = Box::new(ours);
            Ok(wire)
        })
    }
}

async fn serve(stream: DuplexStream) {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap() > 0 {
        let tag = line.split(' ').next().unwrap().to_owned();
        let out = stream.get_mut();
        if line.contains("EXAMINE") {
            out.write_all(b"* 1 EXISTS\r\n* OK [UIDNEXT 2] x\r\n").await.unwrap();
        }
        if line.contains("FETCH") {
            out.write_all(format!("* 1 FETCH (UID 1 FLAGS () BODY[] {{{OCTETS}}}\r\n").as_bytes()).await.unwrap();
            for _ in 0..OCTETS / 4096 {
                out.write_all(&[b'x'; 4096]).await.unwrap();
            }
            out.write_all(b")\r\n").await.unwrap();
        }
        out.write_all(format!("{tag} OK [CAPABILITY IMAP4rev1] done\r\n").as_bytes()).await.unwrap();
        line.clear();
    }
}

#[derive(Default)]
struct Skip {
    asked: bool,
    octets: u64,
}

impl FetchFeed for Skip {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        (!std::mem::replace(&mut self.asked, true)).then(|| vec![Uid::MIN])
    }

    async fn admit(&mut self, _octets: u64) -> Admission {
        Admission::Drain
    }

    async fn put(&mut self, fetched: Fetched) {
        if let FetchOutcome::Drained { octets, .. } = fetched.outcome {
            self.octets = octets;
        }
    }
}

/// The highest memory that this process ever held, in octets.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_message_of_100_mb_that_is_skipped_costs_less_than_16_mb() {
    let tls = Tls::new(&TlsSettings::default()).unwrap();
    let opening = Opening { dial: Arc::new(Large), tls, network: Network::default(), verbs: Verbs::Source };
    let endpoint =
        Endpoint { host: "imap.example.org".to_owned(), port: 143, security: Security::None, fingerprint: None };
    let credentials = Credentials::Password { user: "anna".to_owned(), password: Secret::new("secret") };
    let mut session = ImapSources::new(opening).open(&endpoint, &credentials).await.unwrap();
    session.examine(&WireName::from("INBOX")).await.unwrap();
    let before = peak();
    let mut feed = Skip::default();
    session.fetch(&mut feed).await.unwrap();
    assert_eq!(feed.octets, OCTETS as u64);
    let cost = peak() - before;
    assert!(cost < LIMIT, "it cost {cost} octets");
}

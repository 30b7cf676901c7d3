//! A server that follows a script, over a pipe.
//!
//! One line of a script is one step:
//!
//! | step | meaning |
//! |---|---|
//! | `C: text` | the client must send a command that reads so behind its tag; `*` at the end takes any rest |
//! | `L: text` | the client must send a line that reads so, without a tag |
//! | `S: text` | the server sends the line; `{tag}` is the tag of the last command, `{tag-1}` of the one before |
//! | `R: text` | the server sends these octets, with `\r`, `\n`, `\0`, `\\` and `\xNN`, and no line end |
//! | `M: uid body` | the server sends that message, seen, of 17 July 1996 |
//! | `split n` | from now on n octets at a time |
//! | `login`, `examine n` | the usual sign-in; an INBOX of n messages with the UIDs 1 to n |
//! | `done` | the server answers the last command with OK |
//! | `bytes 41 fc` | the client must send these octets |
//! | `wait` | the client must send something, whatever it is |
//! | `close`, `hang` | the server closes; or says nothing more |

use mailcrane_core::Fault;
use mailcrane_core::folder::WireName;
use mailcrane_core::ports::source::{Credentials, Endpoint, Examined, Security, Source as _, Sources as _};
use mailcrane_core::secret::Secret;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{
    Dial, Failure, ImapDestination, ImapSession, ImapSources, Network, Opening, Tls, TlsSettings, Verbs,
};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::task::JoinHandle;

/// A row of connections, each with its script.
pub struct Server {
    scripts: Mutex<VecDeque<Vec<String>>>,
    running: Mutex<Vec<JoinHandle<()>>>,
    security: Security,
}

impl Server {
    /// Every script serves one connection.
    pub fn new(scripts: &[&str]) -> Arc<Self> {
        Self::with_security(scripts, Security::None)
    }

    pub fn with_security(scripts: &[&str], security: Security) -> Arc<Self> {
        let lines = |script: &&str| {
            script.lines().map(str::trim_start).filter(|line| !line.is_empty()).flat_map(expand).collect()
        };
        Arc::new(Self { scripts: Mutex::new(scripts.iter().map(lines).collect()), running: Mutex::default(), security })
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint { host: "imap.example.org".to_owned(), port: 143, security: self.security, fingerprint: None }
    }

    fn opening(self: &Arc<Self>) -> Opening {
        let mut network = Network::default();
        network.limits.patience = Duration::from_millis(400);
        let tls = Tls::new(&TlsSettings::default()).unwrap();
        Opening { dial: Arc::<Self>::clone(self), tls, network, verbs: Verbs::Source }
    }

    pub async fn open_as(self: &Arc<Self>, credentials: &Credentials) -> Result<ImapSession, Fault> {
        ImapSources::new(self.opening()).open(&self.endpoint(), credentials).await
    }

    /// Signs in as anna with a password.
    pub async fn open(self: &Arc<Self>) -> Result<ImapSession, Fault> {
        self.open_as(&password()).await
    }

    /// Signs in and opens the INBOX.
    pub async fn open_inbox(self: &Arc<Self>) -> (ImapSession, Examined) {
        let mut session = self.open().await.unwrap();
        let examined = session.examine(&WireName::from("INBOX")).await.unwrap();
        (session, examined)
    }

    /// Signs in as anna to store messages.
    pub async fn open_destination(self: &Arc<Self>) -> ImapDestination {
        ImapDestination::open(&self.opening(), &self.endpoint(), &password()).await.unwrap()
    }

    /// Asserts that every script was followed to its end.
    pub async fn finished(self: &Arc<Self>) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for task in running {
            tokio::time::timeout(Duration::from_secs(5), task).await.expect("a script is not at its end").unwrap();
        }
        assert!(self.scripts.lock().unwrap().is_empty(), "a connection was not opened");
    }
}

/// The credentials of `login`.
pub fn password() -> Credentials {
    Credentials::Password { user: "anna".to_owned(), password: Secret::new("secret") }
}

impl Dial for Server {
    fn dial<'a>(&'a self, _endpoint: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let script = self.scripts.lock().unwrap().pop_front();
            let Some(script) = script else {
                return Err(Failure::ConnectionRefused { host: "imap.example.org".to_owned(), port: 143 });
            };
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            self.running.lock().unwrap().push(tokio::spawn(follow(script, theirs)));
            let wire: Wire = Box::new(ours);
            Ok(wire)
        })
    }
}

fn expand(line: &str) -> Vec<String> {
    if line == "login" {
        return [
            "S: * OK [CAPABILITY IMAP4rev1] ready",
            "C: LOGIN \"anna\" \"secret\"",
            "S: {tag} OK [CAPABILITY IMAP4rev1] in",
        ]
        .map(str::to_owned)
        .to_vec();
    }
    if let Some(count) = line.strip_prefix("examine ") {
        let next = count.parse::<u64>().unwrap() + 1;
        return vec![
            "C: EXAMINE \"INBOX\"".to_owned(),
            format!("S: * {count} EXISTS"),
            "S: * OK [UIDVALIDITY 7] ok".to_owned(),
            format!("S: * OK [UIDNEXT {next}] ok"),
            "S: {tag} OK [READ-ONLY] opened".to_owned(),
        ];
    }
    if line == "done" {
        return vec!["S: {tag} OK done".to_owned()];
    }
    vec![line.to_owned()]
}

async fn follow(script: Vec<String>, stream: DuplexStream) {
    let mut stream = BufReader::new(stream);
    let mut tags: Vec<String> = Vec::new();
    let mut piece = usize::MAX;
    for step in script {
        let (word, text) = step.split_once(' ').unwrap_or((&step, ""));
        match word {
            "C:" | "L:" => {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let line = line.trim_end_matches(['\r', '\n']);
                let said = if word == "C:" {
                    let (tag, said) = line.split_once(' ').unwrap_or((line, ""));
                    tags.push(tag.to_owned());
                    said
                } else {
                    line
                };
                match text.strip_suffix('*') {
                    Some(head) => assert!(said.starts_with(head), "expected {text}, the client said {said}"),
                    None => assert_eq!(said, text),
                }
            }
            "S:" => send(&mut stream, format!("{}\r\n", tagged(text, &tags)).as_bytes(), piece).await,
            "R:" => send(&mut stream, &unescape(&tagged(text, &tags)), piece).await,
            "M:" => {
                let (uid, body) = text.split_once(' ').unwrap_or((text, ""));
                let body = unescape(body);
                let head = format!(
                    "* {uid} FETCH (UID {uid} FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {{{}}}\r\n",
                    body.len()
                );
                send(&mut stream, &[head.as_bytes(), &body, b")\r\n"].concat(), piece).await;
            }
            "split" => piece = text.parse().unwrap(),
            "bytes" => {
                let expected: Vec<u8> = text.split(' ').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
                let mut got = vec![0; expected.len()];
                stream.read_exact(&mut got).await.unwrap();
                assert_eq!(got, expected);
            }
            "wait" => {
                stream.fill_buf().await.unwrap();
            }
            "close" => return,
            "hang" => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                return;
            }
            _ => panic!("no such step: {step}"),
        }
    }
}

fn tagged(text: &str, tags: &[String]) -> String {
    let back = |n: usize| tags.len().checked_sub(n).and_then(|at| tags.get(at)).map_or("", String::as_str);
    text.replace("{tag}", back(1)).replace("{tag-1}", back(2)).replace("{tag-2}", back(3))
}

async fn send(stream: &mut BufReader<DuplexStream>, octets: &[u8], piece: usize) {
    for part in octets.chunks(piece.min(octets.len().max(1))) {
        // A client that has seen enough may be gone.
        if stream.get_mut().write_all(part).await.is_err() {
            return;
        }
        if piece != usize::MAX {
            tokio::task::yield_now().await;
        }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        match rest.next() {
            Some(b'r') => octets.push(b'\r'),
            Some(b'n') => octets.push(b'\n'),
            Some(b'0') => octets.push(0),
            Some(b'x') => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                octets.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some(other) => octets.push(other),
            None => octets.push(b'\\'),
        }
    }
    octets
}

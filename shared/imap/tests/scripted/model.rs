//! A server that holds a tree of folders and answers what a reader asks, in pieces of any size.

use mailcrane_core::ports::source::Endpoint;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{Dial, Failure};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// A tree.
#[derive(Debug)]
pub struct Model {
    /// The names on the wire, and the messages of each with the UIDs from 1 on.
    pub folders: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// The hierarchy delimiter.
    pub delimiter: char,
    /// How many octets go out at a time, over and over.
    pub pieces: Vec<usize>,
}

impl Dial for Model {
    fn dial<'a>(&'a self, _: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let model = Self { folders: self.folders.clone(), delimiter: self.delimiter, pieces: self.pieces.clone() };
            tokio::spawn(serve(Arc::new(model), theirs));
            let wire: Wire = Box::new(ours);
            Ok(wire)
        })
    }
}

async fn serve(model: Arc<Model>, stream: DuplexStream) {
    let mut stream = BufReader::new(stream);
    let mut cuts = model.pieces.clone().into_iter().cycle();
    let mut open: Option<usize> = None;
    send(&mut stream, b"* OK [CAPABILITY IMAP4rev1] ready\r\n", &mut cuts).await;
    while let Some(command) = command(&mut stream).await {
        let (tag, rest) = split(&command);
        let (verb, rest) = split(rest);
        let mut out = Vec::new();
        match verb {
            b"LIST" => model.list(&mut out),
            b"EXAMINE" => {
                open = model.folders.iter().position(|(name, _)| *name == unquoted(rest));
                let Some((_, messages)) = open.and_then(|at| model.folders.get(at)) else {
                    send(&mut stream, &[tag, b" NO no such folder\r\n"].concat(), &mut cuts).await;
                    continue;
                };
                let (count, next) = (messages.len(), messages.len() + 1);
                out.extend(
                    format!("* {count} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {next}] x\r\n").into_bytes(),
                );
            }
            b"UID" => {
                let messages = open.and_then(|at| model.folders.get(at)).map(|(_, messages)| messages.as_slice());
                fetch(&String::from_utf8_lossy(rest), messages.unwrap_or_default(), &mut out);
            }
            _ => {}
        }
        out.extend([tag, b" OK [CAPABILITY IMAP4rev1] done\r\n"].concat());
        send(&mut stream, &out, &mut cuts).await;
    }
}

impl Model {
    /// Every second name as a literal, the others in quotes.
    fn list(&self, out: &mut Vec<u8>) {
        for (at, (name, _)) in self.folders.iter().enumerate() {
            out.extend(format!("* LIST () \"{}\" ", self.delimiter).into_bytes());
            if at % 2 == 0 {
                out.extend(format!("{{{}}}\r\n", name.len()).into_bytes());
                out.extend(name);
            } else {
                out.push(b'"');
                for octet in name {
                    out.extend(if matches!(octet, b'"' | b'\\') { vec![b'\\', *octet] } else { vec![*octet] });
                }
                out.push(b'"');
            }
            out.extend(b"\r\n");
        }
    }
}

fn fetch(rest: &str, messages: &[Vec<u8>], out: &mut Vec<u8>) {
    let (set, items) = rest.strip_prefix("FETCH ").unwrap().split_once(' ').unwrap();
    let last = messages.len();
    let number = |text: &str| if text == "*" { last } else { text.parse().unwrap() };
    for part in set.split(',') {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        for uid in number(from)..=number(to).min(last) {
            let Some(body) = uid.checked_sub(1).and_then(|at| messages.get(at)) else { continue };
            out.extend(format!("* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE {}", body.len()).into_bytes());
            if items.contains("BODY.PEEK[]") {
                out.extend(format!(" BODY[] {{{}}}\r\n", body.len()).into_bytes());
                out.extend(body);
            }
            out.extend(b")\r\n");
        }
    }
}

/// Reads a command with its literals; nothing when the client is gone.
async fn command(stream: &mut BufReader<DuplexStream>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        whole.extend_from_slice(line.trim_ascii_end());
        let literal = line.trim_ascii_end().strip_suffix(b"}").and_then(|head| {
            let at = head.iter().rposition(|octet| *octet == b'{')?;
            std::str::from_utf8(&head[at + 1..]).ok()?.parse::<usize>().ok()
        });
        let Some(length) = literal else { return Some(whole) };
        stream.get_mut().write_all(b"+ go on\r\n").await.ok()?;
        let mut octets = vec![0; length];
        stream.read_exact(&mut octets).await.ok()?;
        whole.extend(octets);
    }
}

/// Takes an argument out of its quotes, or from behind the announcement of its literal.
fn unquoted(argument: &[u8]) -> Vec<u8> {
    if let Some(inner) = argument.strip_prefix(b"\"") {
        let inner = inner.strip_suffix(b"\"").unwrap();
        let mut escaped = false;
        let keep = |octet: &&u8| {
            escaped = **octet == b'\\' && !escaped;
            !escaped
        };
        return inner.iter().filter(keep).copied().collect();
    }
    let at = argument.iter().position(|octet| *octet == b'}').unwrap();
    argument[at + 1..].to_vec()
}

fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|octet| *octet == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

async fn send(stream: &mut BufReader<DuplexStream>, octets: &[u8], cuts: &mut (impl Iterator<Item = usize> + Send)) {
    let mut rest = octets;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
        // A client that has seen enough may be gone.
        if stream.get_mut().write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
        rest = tail;
    }
}

//! Reads one response of a body fetch; the body never passes through a parser.

use crate::failure::Failure;
use crate::session::link::Link;
use crate::transport::Event;
use crate::wire::fetch::{self, Attributes, Body};
use crate::wire::status::Status;
use bytes::{Bytes, BytesMut};
use mailcrane_core::digest::Digest;
use mailcrane_core::ports::source::{Admission, FetchFeed};
use mailcrane_core::uid::Uid;
use sha2::{Digest as _, Sha256};

/// How much is set aside at once for a body of that length; more grows with what really comes.
const RESERVE: u64 = 16 * 1024 * 1024;
/// The most octets of a response apart from its body.
const MAX_REST: usize = 8 * 1024 * 1024;

/// One response.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A FETCH response, with the body that came as a literal or in quotes.
    Message(Box<Attributes>, Option<Taken>),
    /// The end of a command.
    Tagged(Status),
    /// Something else.
    Other,
}

/// A body that was read.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its exact length.
    pub(super) octets: u64,
    /// Its octets, unless they were only read through.
    pub(super) kept: Option<Bytes>,
    /// Their digest, when they were only read through.
    pub(super) digest: Digest,
}

/// What is known of the body that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The UID, when it came before the body.
    hot: Option<Uid>,
    /// The UID that a body without one belongs to, when no other was asked for.
    expected: Option<Uid>,
    /// The length that was admitted to memory and is being read.
    admitted: Option<u64>,
    /// Admissions whose body was lost; the same body is not asked for twice.
    spare: Vec<u64>,
}

impl Reading {
    /// Tells which UID alone is asked for, when there is only one.
    pub(super) fn expect(&mut self, uid: Option<Uid>) {
        self.expected = uid;
    }

    /// The connection broke; gives the UID whose body was being read.
    pub(super) fn broke(&mut self) -> Option<Uid> {
        self.spare.extend(self.admitted.take());
        self.hot.take()
    }

    /// A body was read in vain; its admission serves the next one of that length.
    pub(super) fn unused(&mut self, taken: Option<&Taken>) {
        self.spare.extend(taken.filter(|taken| taken.kept.is_some()).map(|taken| taken.octets));
    }

    /// Reads the next response.
    pub(super) async fn next<F: FetchFeed>(&mut self, link: &mut Link, feed: &mut F) -> Result<Incoming, Failure> {
        let mut line = BytesMut::new();
        let mut taken = None;
        let mut behind_body = false;
        loop {
            let event = link.event().await?;
            if std::mem::take(&mut behind_body) && !continues(&event) {
                // More octets than announced: what was read is no message.
                self.unused(taken.take().as_ref());
                line.extend_from_slice(b" ");
            }
            match event {
                Event::Literal { line: piece, length } => {
                    line.extend_from_slice(&piece);
                    if taken.is_none() && announces_body(&line) {
                        self.hot = uid_before(&line);
                        taken = Some(self.body(link, feed, length).await?);
                        line.extend_from_slice(b"NIL");
                        behind_body = true;
                    } else {
                        other_literal(link, length, &mut line).await?;
                    }
                }
                Event::Chunk(_) => return Err(Failure::Protocol("octets without a literal")),
                Event::End(piece) if line.is_empty() => return Ok(self.whole(&piece, taken, feed).await),
                Event::End(piece) => {
                    line.extend_from_slice(&piece);
                    return Ok(self.whole(&line, taken, feed).await);
                }
            }
        }
    }

    async fn whole<F: FetchFeed>(&mut self, line: &[u8], taken: Option<Taken>, feed: &mut F) -> Incoming {
        self.hot = None;
        if let Some(status) = Status::parse(line) {
            return if status.tag == "*" { Incoming::Other } else { Incoming::Tagged(status) };
        }
        let Some(mut attributes) = fetch::parse(line) else {
            self.unused(taken.as_ref());
            return Incoming::Other;
        };
        let taken = match (taken, std::mem::take(&mut attributes.body)) {
            (None, Body::Text(text)) => Some(self.quoted(text, feed).await),
            (taken, body) => {
                attributes.body = body;
                taken
            }
        };
        Incoming::Message(Box::new(attributes), taken)
    }

    async fn body<F: FetchFeed>(&mut self, link: &mut Link, feed: &mut F, length: u64) -> Result<Taken, Failure> {
        let mut left = length;
        match self.admit(feed, length).await {
            Admission::Keep => {
                self.admitted = Some(length);
                let mut kept = BytesMut::with_capacity(usize::try_from(length.min(RESERVE)).unwrap_or(0));
                while left > 0 {
                    let chunk = chunk(link).await?;
                    left = left.saturating_sub(chunk.len() as u64);
                    kept.extend_from_slice(&chunk);
                }
                self.admitted = None;
                Ok(Taken { octets: length, kept: Some(kept.freeze()), digest: Digest([0; 32]) })
            }
            Admission::Drain => {
                let mut sha = Sha256::new();
                let uid = self.hot.or(self.expected);
                while left > 0 {
                    let chunk = chunk(link).await?;
                    left = left.saturating_sub(chunk.len() as u64);
                    sha.update(&chunk);
                    feed.pass(uid, &chunk).await;
                }
                Ok(Taken { octets: length, kept: None, digest: Digest(sha.finalize().into()) })
            }
        }
    }

    async fn quoted<F: FetchFeed>(&mut self, text: Vec<u8>, feed: &mut F) -> Taken {
        let octets = text.len() as u64;
        match self.admit(feed, octets).await {
            Admission::Keep => Taken { octets, kept: Some(Bytes::from(text)), digest: Digest([0; 32]) },
            Admission::Drain => {
                let (digest, text) = (Digest::of(&text), Bytes::from(text));
                feed.pass(self.hot.or(self.expected), &text).await;
                Taken { octets, kept: None, digest }
            }
        }
    }

    async fn admit<F: FetchFeed>(&mut self, feed: &mut F, octets: u64) -> Admission {
        if let Some(at) = self.spare.iter().position(|spare| *spare == octets) {
            self.spare.swap_remove(at);
            return Admission::Keep;
        }
        feed.admit(octets).await
    }
}

/// Tells whether a piece begins as the rest of a response does behind a literal.
fn continues(event: &Event) -> bool {
    match event {
        Event::Literal { line, .. } | Event::End(line) => matches!(line.first(), None | Some(b' ' | b')' | b'\t')),
        Event::Chunk(_) => false,
    }
}

async fn chunk(link: &mut Link) -> Result<Bytes, Failure> {
    match link.event().await? {
        Event::Chunk(chunk) => Ok(chunk),
        _ => Err(Failure::Protocol("a literal shorter than announced")),
    }
}

async fn other_literal(link: &mut Link, length: u64, line: &mut BytesMut) -> Result<(), Failure> {
    if length > (MAX_REST as u64).saturating_sub(line.len() as u64) {
        return Err(Failure::Protocol("a response beyond every limit"));
    }
    line.extend_from_slice(format!("{{{length}}}\r\n").as_bytes());
    let mut left = length;
    while left > 0 {
        let chunk = chunk(link).await?;
        left = left.saturating_sub(chunk.len() as u64);
        line.extend_from_slice(&chunk);
    }
    Ok(())
}

/// Tells whether the literal behind this piece is the whole message.
fn announces_body(line: &[u8]) -> bool {
    let upper = line.trim_ascii_end().to_ascii_uppercase();
    let fetch = upper.split(|&octet| octet == b' ').nth(2).is_some_and(|word| word == b"FETCH");
    fetch && [&b"BODY[]"[..], b"BODY[]<0>", b" RFC822", b"(RFC822"].iter().any(|name| upper.ends_with(name))
}

fn uid_before(line: &[u8]) -> Option<Uid> {
    fetch::parse(&[line, b"NIL)"].concat())?.uid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_message_is_a_body() {
        assert!(announces_body(b"* 1 FETCH (UID 5 BODY[] "));
        assert!(announces_body(b"* 1 fetch (body[] "));
        assert!(!announces_body(b"* 1 FETCH (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)] "));
        assert!(!announces_body(b"* 1 FETCH (X-GM-LABELS ("));
        assert!(!announces_body(b"* LIST () \"/\" BODY[] "));
    }

    #[test]
    fn the_uid_is_known_when_it_stands_before_the_body() {
        assert_eq!(uid_before(b"* 1 FETCH (FLAGS (\\Seen) UID 5 BODY[] "), Uid::new(5));
        assert_eq!(uid_before(b"* 1 FETCH (BODY[] "), None);
    }
}

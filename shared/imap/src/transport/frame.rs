//! Cuts the incoming octets into response lines and literals, wherever the network split them.

use super::event::Event;
use crate::wire::status::Status;
use bytes::{Bytes, BytesMut};

/// The longest response line; a SEARCH answer with three million UIDs fits.
const MAX_LINE: usize = 32 * 1024 * 1024;

/// A line without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a line of more than 32 MiB")]
pub struct LineTooLong;

/// Where in a response the stream stands.
#[derive(Debug, Default)]
pub struct Framer {
    /// Octets of the literal still to come.
    literal_left: u64,
    /// Whether the response has begun with a piece that a literal interrupted.
    inside: bool,
    /// How much of the buffer holds no line end for certain.
    scanned: usize,
}

impl Framer {
    /// Tells whether the stream stands between two responses.
    #[must_use]
    pub fn between_responses(&self) -> bool {
        !self.inside && self.literal_left == 0
    }

    /// Takes the next event off the buffer; nothing when more octets are needed.
    ///
    /// # Errors
    /// When a line has no end within 32 MiB.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Event>, LineTooLong> {
        if self.literal_left > 0 {
            return Ok(self.chunk(buffer));
        }
        let fresh = buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&byte| byte == b'\n') else {
            self.scanned = buffer.len();
            return if buffer.len() > MAX_LINE { Err(LineTooLong) } else { Ok(None) };
        };
        let mut line = buffer.split_to(self.scanned + at + 1).freeze();
        self.scanned = 0;
        line.truncate(line.len() - 1);
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        if let Some((kept, length)) = announcement(&line)
            && (self.inside || may_hold_literals(&line))
        {
            self.inside = true;
            self.literal_left = length;
            return Ok(Some(Event::Literal { line: line.slice(..kept), length }));
        }
        self.inside = false;
        Ok(Some(Event::End(line)))
    }

    fn chunk(&mut self, buffer: &mut BytesMut) -> Option<Event> {
        if buffer.is_empty() {
            return None;
        }
        let take = usize::try_from(self.literal_left).unwrap_or(usize::MAX).min(buffer.len());
        self.literal_left = self.literal_left.saturating_sub(take as u64);
        Some(Event::Chunk(buffer.split_to(take).freeze()))
    }
}

/// Finds `{123}`, `{123+}` or `~{123}` at the end of a line: how much of the line stays, and the length.
fn announcement(line: &Bytes) -> Option<(usize, u64)> {
    let open = line.strip_suffix(b"}")?;
    let at = open.iter().rposition(|&byte| byte == b'{')?;
    let digits = open.get(at + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let before = line.get(..at)?;
    Some((before.strip_suffix(b"~").unwrap_or(before).len(), length))
}

/// Text for people may end in `{3}`; only data responses hold literals.
fn may_hold_literals(line: &[u8]) -> bool {
    line.starts_with(b"* ") && Status::parse(line).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let mut framer = Framer::default();
        let mut buffer = BytesMut::new();
        let mut events = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(event) = framer.next(&mut buffer).unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn end(line: &'static str) -> Event {
        Event::End(Bytes::from_static(line.as_bytes()))
    }

    #[test]
    fn a_response_with_a_literal_comes_in_three_pieces() {
        let got = events(&[b"* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\n* 2 EXISTS\r\n"]);
        assert_eq!(
            got,
            vec![
                Event::Literal { line: Bytes::from_static(b"* 1 FETCH (BODY[] "), length: 3 },
                Event::Chunk(Bytes::from_static(b"abc")),
                end(" UID 7)"),
                end("* 2 EXISTS"),
            ]
        );
    }

    #[test]
    fn an_empty_literal_has_no_chunk() {
        let got = events(&[b"* 1 FETCH (BODY[] {0}\r\n)\r\n"]);
        assert_eq!(got.len(), 2);
        assert_eq!(got[1], end(")"));
    }

    #[test]
    fn text_for_people_that_ends_in_braces_is_no_literal() {
        assert_eq!(events(&[b"* OK try {3}\r\nA1 NO see {12}\r\n+ go {4}\r\n"]).len(), 3);
    }

    #[test]
    fn bare_line_feeds_and_literal8_are_read() {
        let got = events(&[b"* 1 FETCH (BODY[] ~{2}\nab)\n"]);
        assert_eq!(got[0], Event::Literal { line: Bytes::from_static(b"* 1 FETCH (BODY[] "), length: 2 });
        assert_eq!(got[2], end(")"));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut framer = Framer::default();
        let mut buffer = BytesMut::zeroed(MAX_LINE + 1);
        assert_eq!(framer.next(&mut buffer), Err(LineTooLong));
    }

    proptest! {
        #[test]
        fn any_split_of_the_wire_gives_the_same_responses(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..5),
            cuts in prop::collection::vec(1usize..40, 1..60),
        ) {
            let mut wire = Vec::new();
            for body in &bodies {
                wire.extend_from_slice(format!("* 1 FETCH (UID 5 BODY[] {{{}}}\r\n", body.len()).as_bytes());
                wire.extend_from_slice(body);
                wire.extend_from_slice(b")\r\n");
            }
            let mut framer = Framer::default();
            let mut buffer = BytesMut::new();
            let mut got: Vec<Vec<u8>> = Vec::new();
            let mut rest = wire.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                buffer.extend_from_slice(piece);
                rest = tail;
                while let Some(event) = framer.next(&mut buffer).unwrap() {
                    match event {
                        Event::Literal { .. } => got.push(Vec::new()),
                        Event::Chunk(chunk) => got.last_mut().unwrap().extend_from_slice(&chunk),
                        Event::End(line) => prop_assert_eq!(&line[..], b")"),
                    }
                }
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(got, bodies);
        }
    }
}

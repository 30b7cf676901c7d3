//! What the wire brings, piece by piece, and whole responses made of it.

use bytes::{Bytes, BytesMut};

/// One piece of a response, in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A literal begins: what of the response came before it, without the announcement, and its exact length in octets.
    Literal {
        /// The piece of the response line before the announcement.
        line: Bytes,
        /// How many octets follow as [`Event::Chunk`].
        length: u64,
    },
    /// Octets of the literal, at most what one read brought.
    Chunk(Bytes),
    /// The last piece of the response line, without its line end. The response is complete.
    End(Bytes),
}

/// Puts a whole response together from its events, literals in their wire form.
#[derive(Debug, Default)]
pub struct Assembly {
    bytes: BytesMut,
}

impl Assembly {
    /// Takes one event; gives the whole response, without its last line end, with the last one.
    pub fn push(&mut self, event: Event) -> Option<Bytes> {
        match event {
            Event::Literal { line, length } => {
                self.bytes.extend_from_slice(&line);
                self.bytes.extend_from_slice(format!("{{{length}}}\r\n").as_bytes());
                None
            }
            Event::Chunk(chunk) => {
                self.bytes.extend_from_slice(&chunk);
                None
            }
            Event::End(line) if self.bytes.is_empty() => Some(line),
            Event::End(line) => {
                self.bytes.extend_from_slice(&line);
                Some(self.bytes.split().freeze())
            }
        }
    }

    /// Returns how many octets are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bytes.len()
    }
}

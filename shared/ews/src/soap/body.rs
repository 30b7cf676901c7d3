//! A request body that knows its length and encodes MIME to base64 a piece at a time while it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Raw bytes encoded at once; divisible by three, so that pieces join without padding.
const PIECE: usize = 48 * 1024;

#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(Bytes),
    Base64(Bytes),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Text(bytes) => bytes.len() as u64,
            Self::Base64(raw) => (raw.len() as u64).div_ceil(3).saturating_mul(4),
        }
    }
}

/// A request body; clones share their bytes, so a request can be sent again without another copy.
#[derive(Debug, Clone)]
pub struct Body {
    parts: Arc<[Part]>,
    len: u64,
}

impl Body {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        let len = parts.iter().map(Part::len).sum();
        Self { parts: parts.into(), len }
    }

    /// Gives the length on the wire in bytes.
    pub fn content_length(&self) -> u64 {
        self.len
    }

    /// Gives the pieces in order; each is at most 64 KiB of base64 or one run of XML text.
    pub fn pieces(&self) -> Pieces {
        Pieces { parts: Arc::clone(&self.parts), part: 0, offset: 0, left: self.len }
    }

    /// Gives the whole body in one piece (tests and small requests).
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces().fold(Vec::new(), |mut all, piece| {
            all.extend_from_slice(&piece);
            all
        })
    }
}

/// Walks over a body once.
#[derive(Debug)]
pub struct Pieces {
    parts: Arc<[Part]>,
    part: usize,
    offset: usize,
    left: u64,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = match self.parts.get(self.part)? {
                Part::Text(bytes) => {
                    self.part = self.part.saturating_add(1);
                    bytes.clone()
                }
                Part::Base64(raw) => {
                    let end = raw.len().min(self.offset.saturating_add(PIECE));
                    let encoded = raw.get(self.offset..end).map(|raw| STANDARD.encode(raw)).unwrap_or_default();
                    self.offset = end;
                    if end == raw.len() {
                        self.part = self.part.saturating_add(1);
                        self.offset = 0;
                    }
                    Bytes::from(encoded)
                }
            };
            if !piece.is_empty() {
                self.left = self.left.saturating_sub(piece.len() as u64);
                return Some(piece);
            }
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_joined_are_the_base64_of_the_whole(size in 0usize..(3 * PIECE + 5), seed in any::<u8>()) {
            let raw: Vec<u8> = (0u8..=255).map(|i| i.wrapping_mul(31).wrapping_add(seed)).cycle().take(size).collect();
            let body = Body::new(vec![Part::Text(Bytes::from_static(b"<a>")), Part::Base64(raw.clone().into()), Part::Text(Bytes::from_static(b"</a>"))]);
            let whole = body.to_vec();
            prop_assert_eq!(whole.len() as u64, body.content_length());
            prop_assert_eq!(whole, format!("<a>{}</a>", STANDARD.encode(&raw)).into_bytes());
        }
    }
}

//! Walks the parts of a message line by line, with a stack of boundaries instead of recursion (RFC 2046 section 5.1).

use crate::attachment::Count;
use crate::content::Content;
use crate::header::{begins, continues, is_envelope};
use crate::lines::{Line, lines};
use std::borrow::Cow;
use std::collections::HashMap;

/// Multiparts nested deeper than this count as text.
const DEEPEST: usize = 1_000;

/// What the walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Structure {
    /// The decoded octets of the largest attachment, 0 without one.
    pub(crate) largest_attachment: u64,
    /// Whether any part is signed or encrypted.
    pub(crate) signed: bool,
}

/// Tells the structure of a message.
pub(crate) fn structure(raw: &[u8]) -> Structure {
    let mut walk = Walk::new(raw);
    for line in lines(raw).skip_while(is_envelope) {
        walk.take(&line);
    }
    walk.end_part(Count::at_end);
    walk.found
}

/// Where the walk is.
enum Place<'a> {
    /// In the header of a part, perhaps in a field: its name and where its value begins and ends.
    Header(Content<'a>, Option<(&'a [u8], usize, usize)>),
    /// In an attachment.
    Attachment(Count),
    /// In text, or between the parts of a multipart.
    Elsewhere,
}

struct Walk<'a> {
    raw: &'a [u8],
    found: Structure,
    place: Place<'a>,
    /// The open multiparts, outermost first: boundary, and whether it is a digest.
    open: Vec<(Cow<'a, [u8]>, bool)>,
    /// Where each boundary is in `open`.
    levels: HashMap<Cow<'a, [u8]>, usize>,
}

impl<'a> Walk<'a> {
    fn new(raw: &'a [u8]) -> Self {
        let place = Place::Header(Content::default(), None);
        Self { raw, found: Structure::default(), place, open: Vec::new(), levels: HashMap::new() }
    }

    fn take(&mut self, line: &Line<'a>) {
        if let Some((level, closes)) = self.boundary(line.text) {
            self.end_part(Count::before_boundary);
            self.close_above(if closes { level } else { level + 1 });
            self.place = if closes { Place::Elsewhere } else { Place::Header(Content::default(), None) };
            return;
        }
        match &mut self.place {
            Place::Elsewhere => {}
            Place::Attachment(count) => count.add(line),
            Place::Header(content, field) => match (field.as_mut(), begins(line)) {
                (Some((_, _, end)), _) if continues(line) => *end = line.end(),
                (_, Some(next)) => {
                    take_field(self.raw, content, field.take());
                    let start = line.start + line.text.len() - next.value.len();
                    *field = Some((next.name, start, line.end()));
                }
                _ => {
                    self.begin_body();
                    if let (Place::Attachment(count), false) = (&mut self.place, line.text.is_empty()) {
                        count.add(line);
                    }
                }
            },
        }
    }

    /// Returns the level of the boundary that the line is, and whether it closes it.
    fn boundary(&self, text: &[u8]) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--").filter(|_| !self.open.is_empty())?.trim_ascii_end();
        if let Some(level) = self.levels.get(text) {
            return Some((*level, false));
        }
        let level = self.levels.get(text.strip_suffix(b"--")?.trim_ascii_end())?;
        Some((*level, true))
    }

    fn begin_body(&mut self) {
        let Place::Header(content, field) = &mut self.place else { return };
        let mut content = std::mem::take(content);
        take_field(self.raw, &mut content, field.take());
        self.place = Place::Elsewhere;
        self.found.signed |= content.is_signed();
        let in_digest = self.open.last().is_some_and(|(_, digest)| *digest);
        if content.is_attachment(in_digest) {
            self.place = Place::Attachment(Count::new(content.encoding));
        }
        let digest = content.is_digest();
        if let (true, Some(boundary)) = (content.is_multipart(), content.boundary.map(trimmed)) {
            // A boundary used twice belongs to the outer multipart: its parts are met either way.
            if self.open.len() < DEEPEST && !self.levels.contains_key(&boundary) {
                self.levels.insert(boundary.clone(), self.open.len());
                self.open.push((boundary, digest));
            }
        }
    }

    fn end_part(&mut self, size: fn(Count) -> u64) {
        self.begin_body();
        if let Place::Attachment(count) = self.place {
            self.found.largest_attachment = self.found.largest_attachment.max(size(count));
        }
    }

    fn close_above(&mut self, level: usize) {
        for (boundary, _) in self.open.drain(level.min(self.open.len())..) {
            self.levels.remove(&boundary);
        }
    }
}

fn take_field<'a>(raw: &'a [u8], content: &mut Content<'a>, field: Option<(&'a [u8], usize, usize)>) {
    if let Some((name, start, end)) = field {
        content.take(name, raw.get(start..end).unwrap_or_default());
    }
}

fn trimmed(boundary: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match boundary {
        Cow::Borrowed(b) => Cow::Borrowed(b.trim_ascii_end()),
        Cow::Owned(b) => Cow::Owned(b.trim_ascii_end().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, largest_attachment: u64, signed: bool) {
        let expected = Structure { largest_attachment, signed };
        assert_eq!(structure(raw.as_bytes()), expected, "{raw}");
        assert_eq!(structure(raw.replace('\n', "\r\n").as_bytes()).signed, signed);
    }

    const FILE: &str = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nTWFu\nTWFu\n";

    #[test]
    fn the_largest_attachment_counts() {
        let mail = "Content-Type: multipart/mixed; boundary=x\n\npreamble\n--x\n\ntext of some length\n";
        check(&format!("{mail}--x\n{FILE}--x\nContent-Type: a/b\n\n123\n--x--\n{FILE}"), 6, false);
        check(&format!("{mail}--x\nContent-Type: a/b\n\n12345678\n--x--"), 8, false);
    }

    #[test]
    fn a_multipart_that_is_never_closed_ends_with_the_message_or_its_parent() {
        let inner = format!("Content-Type: multipart/mixed; boundary=y\n\n--y\n{FILE}");
        check(&format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n{inner}--x\n\ntext\n--x--\n"), 6, false);
        check(&inner, 6, false);
    }

    #[test]
    fn a_missing_or_unusable_boundary_leaves_text() {
        check("Content-Type: multipart/mixed\n\n--x\nContent-Type: a/b\n\n123\n", 0, false);
        check(&format!("Content-Type: multipart/mixed; boundary=other\n\n--x\n{FILE}--x--"), 0, false);
    }

    #[test]
    fn a_boundary_used_twice_is_met_once() {
        let inner = format!("Content-Type: multipart/alternative; boundary=x\n\n--x\n{FILE}--x--\n");
        check(&format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n{inner}--x--\n"), 6, false);
    }

    #[test]
    fn an_attached_message_is_one_attachment() {
        let inner = format!("Content-Type: multipart/signed; boundary=y\n\n--y\n{FILE}--y--");
        let attached = format!("Content-Type: message/rfc822\n\n{inner}");
        let mail = format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n{attached}\n--x--\n");
        check(&mail, inner.len() as u64, false);
    }

    #[test]
    fn a_digest_holds_messages() {
        check("Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\nb\n--x--\n", 13, false);
    }

    #[test]
    fn signatures_and_encryption_are_seen_at_any_depth() {
        check("Content-Type: application/pkcs7-mime; name=smime.p7m\n\nabc", 3, true);
        let inner = "Content-Type: multipart/encrypted; boundary=y\n\n--y--";
        check(&format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n{inner}\n--x--\n"), 0, true);
        check("Content-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----", 0, false);
    }

    #[test]
    fn a_part_whose_header_is_cut_off_is_a_part() {
        check("Content-Type: multipart/signed; boundary=x\n\n--x\nContent-Type: a/b\n--x--", 0, true);
        check("Content-Type: application/pkcs7-mime", 0, true);
    }
}

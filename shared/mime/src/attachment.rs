//! Counts the octets that a part decodes to, without decoding it.

use crate::content::Encoding;
use crate::lines::Line;

/// The sum over the lines of a part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    encoding: Encoding,
    octets: u64,
    /// The line break before the next line; it belongs to the boundary when a boundary follows.
    line_break: u64,
}

impl Count {
    /// Begins a part.
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, octets: 0, line_break: 0 }
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, line: &Line<'_>) {
        match self.encoding {
            Encoding::Base64 => self.octets += line.text.iter().filter(|b| is_base64(**b)).count() as u64,
            Encoding::Identity => {
                self.octets += self.line_break + line.text.len() as u64;
                self.line_break = line.ending as u64;
            }
            Encoding::QuotedPrintable => {
                let text = line.text.trim_ascii_end();
                let soft = text.strip_suffix(b"=");
                self.octets += self.line_break + quoted_printable(soft.unwrap_or(text));
                self.line_break = if soft.is_some() { 0 } else { line.ending as u64 };
            }
        }
    }

    /// Returns the decoded octets of a part that a boundary ends.
    pub(crate) fn before_boundary(self) -> u64 {
        if self.encoding == Encoding::Base64 { self.octets / 4 * 3 + self.octets % 4 * 3 / 4 } else { self.octets }
    }

    /// Returns the decoded octets of a part that the message's end ends.
    pub(crate) fn at_end(self) -> u64 {
        self.before_boundary() + self.line_break
    }
}

fn is_base64(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'/'
}

fn quoted_printable(text: &[u8]) -> u64 {
    let mut rest = text;
    let mut octets = 0;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let hex = rest.get(at + 1..at + 3).is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
        octets += at as u64 + 1;
        rest = rest.get(at + if hex { 3 } else { 1 }..).unwrap_or_default();
    }
    octets + rest.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::lines;

    fn count(encoding: Encoding, raw: &[u8]) -> u64 {
        let mut count = Count::new(encoding);
        lines(raw).for_each(|line| count.add(&line));
        count.at_end()
    }

    #[test]
    fn base64_is_counted_whatever_its_padding() {
        for (text, octets) in [("", 0), ("TQ==", 1), ("TWE=", 2), ("TWFu", 3), ("TW\r\nFu\r\nTQ==\r\n", 4), ("TQ", 1)] {
            assert_eq!(count(Encoding::Base64, text.as_bytes()), octets, "{text}");
        }
    }

    #[test]
    fn quoted_printable_is_counted_with_soft_line_breaks() {
        assert_eq!(count(Encoding::QuotedPrintable, b"caf=C3=A9 =\r\nau lait  \r\nx==Z=3"), 6 + 7 + 2 + 6);
        assert_eq!(count(Encoding::QuotedPrintable, b"a=3D=3d"), 3);
    }

    #[test]
    fn other_encodings_count_as_they_are() {
        assert_eq!(count(Encoding::Identity, b"a\r\nb\n"), 5);
    }
}

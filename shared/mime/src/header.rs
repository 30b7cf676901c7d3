//! The header of a message: its fields as they stand, and a hash of those that stay the same on the way.

use crate::lines::{Line, lines};
use sha2::{Digest as _, Sha256};

/// The fields that the header hash covers.
const HASHED: [&str; 6] = ["date", "from", "to", "cc", "subject", "message-id"];

/// How much of a message without any of these fields is hashed.
const HASHED_OCTETS: usize = 4096;

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its name as spelt.
    pub(crate) name: &'a [u8],
    /// Everything behind the colon, folded lines included.
    pub(crate) value: &'a [u8],
}

impl Field<'_> {
    /// Tells whether it has that name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Returns the field that the line begins, up to the end of the line; nothing when it begins none.
pub(crate) fn begins<'a>(line: &Line<'a>) -> Option<Field<'a>> {
    let colon = line.text.iter().position(|b| !(b'!'..=b'~').contains(b) || *b == b':')?;
    let (name, rest) = line.text.split_at_checked(colon)?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    (!name.is_empty()).then_some(Field { name, value })
}

/// Tells whether the line goes on with the field before it.
pub(crate) fn continues(line: &Line<'_>) -> bool {
    matches!(line.text.first(), Some(b' ' | b'\t'))
}

/// Tells whether the line is the envelope line of an mbox file, which some servers leave in front of the header.
pub(crate) fn is_envelope(line: &Line<'_>) -> bool {
    line.start == 0 && (line.text.starts_with(b"From ") || line.text.starts_with(b">From "))
}

/// Returns the fields of the message's own header. The first line that cannot belong to a header ends it.
pub(crate) fn fields(raw: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = lines(raw).skip_while(is_envelope).peekable();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        let field = begins(&first)?;
        let mut end = first.end();
        while let Some(more) = rest.next_if(continues) {
            end = more.end();
        }
        let start = first.start + first.text.len() - field.value.len();
        Some(Field { name: field.name, value: raw.get(start..end)? })
    })
}

/// Returns the value of the first field of that name.
pub(crate) fn value<'a>(raw: &'a [u8], name: &str) -> Option<&'a [u8]> {
    fields(raw).find(|f| f.is(name)).map(|f| f.value)
}

/// Returns the parts of a value between its blanks and line breaks.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Returns a hash of the fields that servers leave alone; without any of them, of the first octets.
pub(crate) fn hash(raw: &[u8]) -> u64 {
    let mut sha = Sha256::new();
    let mut found = false;
    for field in fields(raw) {
        let Some(name) = HASHED.iter().find(|name| field.is(name)) else { continue };
        found = true;
        sha.update(name);
        for word in words(field.value) {
            sha.update(b" ");
            sha.update(word);
        }
        sha.update(b"\n");
    }
    if !found {
        sha.update(raw.get(..HASHED_OCTETS).unwrap_or(raw));
    }
    let whole: [u8; 32] = sha.finalize().into();
    whole.iter().take(8).fold(0, |n, b| (n << 8) | u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &[u8]) -> Vec<String> {
        fields(raw).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect()
    }

    #[test]
    fn a_field_reaches_over_its_folded_lines() {
        let raw = b"Subject: a\r\n b\r\n\tc\r\nTo : x\r\n\r\nbody: no";
        assert_eq!(names(raw), ["Subject", "To"]);
        assert_eq!(value(raw, "SUBJECT"), Some(&b" a\r\n b\r\n\tc\r\n"[..]));
        assert_eq!(value(raw, "to"), Some(&b" x\r\n"[..]));
    }

    #[test]
    fn what_is_no_field_ends_the_header() {
        assert_eq!(names(b"A: 1\nhello\nB: 2\n"), ["A"]);
        assert_eq!(names(b" B: 2\n"), [""; 0]);
        assert_eq!(names(b": 2\n"), [""; 0]);
        assert_eq!(names(b"From anna Thu Jan  1\nA: 1\n\n"), ["A"]);
    }

    #[test]
    fn folding_blanks_and_added_fields_do_not_change_the_hash() {
        let plain = hash(b"Subject: one two\nDate: x\n\nbody");
        assert_eq!(plain, hash(b"Received: y\nSUBJECT:  one\r\n  two \r\nX-Spam: no\r\nDate: x\r\n\r\nother"));
        assert_ne!(plain, hash(b"Subject: onetwo\nDate: x\n\nbody"));
        assert_ne!(plain, hash(b"Subject: one\nDate: two x\n\nbody"));
    }

    #[test]
    fn without_such_fields_the_first_4_kib_are_hashed() {
        let mut raw = vec![b'.'; 5000];
        let before = hash(&raw);
        raw[4096] = b'!';
        assert_eq!(hash(&raw), before);
        raw[4095] = b'!';
        assert_ne!(hash(&raw), before);
    }
}

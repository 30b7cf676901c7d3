//! `Content-Type`, `Content-Disposition` and `Content-Transfer-Encoding` (RFC 2045), as far as sizes need them.

use std::borrow::Cow;

/// No more of a value is looked at.
const LONGEST: usize = 16 * 1024;

/// A boundary may have 70 characters (RFC 2046 section 5.1.1); mailers exceed that, but not by much.
const LONGEST_BOUNDARY: usize = 250;

/// How the octets of a part are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    /// As they are.
    #[default]
    Identity,
    /// Four characters for three octets.
    Base64,
    /// `=XX` for what is not text.
    QuotedPrintable,
}

/// What the header of a part says of its content.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    media_type: Option<Vec<u8>>,
    /// The boundary of a multipart, when it has a usable one.
    pub(crate) boundary: Option<Cow<'a, [u8]>>,
    /// The encoding.
    pub(crate) encoding: Encoding,
    named: bool,
    attached: bool,
}

impl<'a> Content<'a> {
    /// Takes a field into account; the first one of a name counts.
    pub(crate) fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let value = value.get(..LONGEST).unwrap_or(value);
        if name.eq_ignore_ascii_case(b"content-type") && self.media_type.is_none() {
            let (word, rest) = token(skip(value));
            self.media_type = Some(word.to_ascii_lowercase());
            self.parameters(rest);
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            let (word, rest) = token(skip(value));
            self.attached |= word.eq_ignore_ascii_case(b"attachment");
            self.parameters(rest);
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let (word, _) = token(skip(value));
            self.encoding = match word.to_ascii_lowercase().as_slice() {
                b"base64" => Encoding::Base64,
                b"quoted-printable" => Encoding::QuotedPrintable,
                _ => Encoding::Identity,
            };
        }
    }

    fn parameters(&mut self, mut rest: &'a [u8]) {
        while let Some(at) = rest.iter().position(|b| *b == b';') {
            let (name, after) = token(skip(rest.get(at + 1..).unwrap_or_default()));
            rest = after;
            let Some(after) = skip(after).strip_prefix(b"=") else { continue };
            let (value, after) = quoted(skip(after));
            rest = after;
            let is = |n: &[u8]| name.len() >= n.len() && name.get(..n.len()).is_some_and(|s| s.eq_ignore_ascii_case(n));
            if is(b"name") || is(b"filename") {
                self.named |= !value.is_empty();
            } else if name.eq_ignore_ascii_case(b"boundary") && self.boundary.is_none() {
                let fits = (1..=LONGEST_BOUNDARY).contains(&value.trim_ascii_end().len());
                self.boundary = fits.then_some(value);
            }
        }
    }

    fn media(&self) -> &[u8] {
        self.media_type.as_deref().unwrap_or_default()
    }

    /// Tells whether it is a multipart.
    pub(crate) fn is_multipart(&self) -> bool {
        self.media().starts_with(b"multipart/")
    }

    /// Tells whether parts without a type are messages.
    pub(crate) fn is_digest(&self) -> bool {
        self.media() == b"multipart/digest"
    }

    /// Tells whether it is signed or encrypted.
    pub(crate) fn is_signed(&self) -> bool {
        const SIGNED: [&[u8]; 4] =
            [b"multipart/signed", b"multipart/encrypted", b"application/pkcs7-mime", b"application/x-pkcs7-mime"];
        SIGNED.contains(&self.media())
    }

    /// Tells whether it is an attachment: neither a multipart nor unnamed text.
    pub(crate) fn is_attachment(&self, in_digest: bool) -> bool {
        let media = self.media();
        let message = media.is_empty() && in_digest;
        let known = !media.is_empty() && media.contains(&b'/');
        let text = !known || media.starts_with(b"text/");
        !self.is_multipart() && (message || self.named || self.attached || !text)
    }
}

/// Skips blanks, line breaks and comments.
fn skip(mut text: &[u8]) -> &[u8] {
    let mut depth = 0_u32;
    while let Some((first, rest)) = text.split_first() {
        match first {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b if depth > 0 || b.is_ascii_whitespace() => {}
            _ => break,
        }
        text = rest;
    }
    text
}

/// Splits a token off; what cannot be in one ends it.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b';' | b'=' | b'(' | b'"' | b',');
    let end = text.iter().position(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}

/// Splits a value off, quoted or not; unquoted ones end at a blank, a comment or a semicolon.
fn quoted(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(inner) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b';' | b'('));
        let (value, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, b""));
        return (Cow::Borrowed(value), rest);
    };
    let mut escaped = false;
    let closing = |b: &u8| {
        let end = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        end
    };
    let end = inner.iter().position(closing).unwrap_or(inner.len());
    let (value, rest) = inner.split_at_checked(end).unwrap_or((inner, b""));
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    if !value.contains(&b'\\') {
        return (Cow::Borrowed(value), rest);
    }
    let mut escaped = false;
    let plain = |b: &u8| {
        escaped = *b == b'\\' && !escaped;
        (!escaped).then_some(*b)
    };
    (Cow::Owned(value.iter().filter_map(plain).collect()), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &[u8]) -> Content<'_> {
        let mut content = Content::default();
        content.take(b"Content-Type", value);
        content
    }

    fn boundary(value: &[u8]) -> Option<Vec<u8>> {
        of(value).boundary.map(Cow::into_owned)
    }

    #[test]
    fn boundaries_are_found_quoted_escaped_and_behind_comments() {
        assert_eq!(boundary(b" multipart/mixed; boundary=abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(boundary(b"Multipart/Mixed (c) ;\r\n\tBoundary = \"a b;c\"").as_deref(), Some(&b"a b;c"[..]));
        assert_eq!(boundary(b"multipart/mixed; charset=x; boundary=\"a\\\"b\"; x=y").as_deref(), Some(&b"a\"b"[..]));
        assert_eq!(boundary(b"multipart/mixed; boundary=\"\""), None);
        assert_eq!(boundary(b"multipart/mixed; x=\"; boundary=no\""), None);
    }

    #[test]
    fn unnamed_text_is_no_attachment() {
        for text in [&b"text/plain; charset=utf-8"[..], b"text/html", b"", b"garbage", b"multipart/mixed; name=x"] {
            assert!(!of(text).is_attachment(false), "{}", text.escape_ascii());
        }
        for file in [&b"text/plain; name=a.txt"[..], b"image/png", b"message/rfc822", b"text/plain; name*0=a"] {
            assert!(of(file).is_attachment(false), "{}", file.escape_ascii());
        }
        assert!(Content::default().is_attachment(true));
    }

    #[test]
    fn a_disposition_makes_an_attachment() {
        let mut content = of(b"text/plain");
        content.take(b"content-disposition", b" attachment");
        assert!(content.is_attachment(false));
        let mut content = of(b"text/plain");
        content.take(b"Content-Disposition", b" inline;\r\n filename*=utf-8''a");
        assert!(content.is_attachment(false));
    }
}

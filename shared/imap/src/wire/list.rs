//! LIST and NAMESPACE responses.

use super::token::{Token, tokenize};

/// One LIST (or XLIST) response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The attributes in lower case, such as `\noselect` or `\sent`.
    pub attributes: Vec<String>,
    /// The hierarchy delimiter; nothing when the name is flat.
    pub delimiter: Option<u8>,
    /// The name, unquoted, as it came.
    pub name: Vec<u8>,
}

/// What a line was, when LIST was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A folder.
    Folder(Listed),
    /// A LIST response that cannot be read: it must be named, not dropped.
    Unreadable,
    /// Something else.
    Other,
}

/// Reads one response to LIST; extended data behind the name is passed over.
#[must_use]
pub fn parse(response: &[u8]) -> Line {
    let upper = response.get(..8).unwrap_or(response).to_ascii_uppercase();
    if !(upper.starts_with(b"* LIST ") || upper.starts_with(b"* XLIST ")) {
        return Line::Other;
    }
    let Ok(tokens) = tokenize(response) else { return Line::Unreadable };
    let [_, _, Token::List(attributes), delimiter, name, ..] = tokens.as_slice() else { return Line::Unreadable };
    let Some(name) = name.bytes() else { return Line::Unreadable };
    let lower = |token: &Token| token.bytes().map(|bytes| String::from_utf8_lossy(bytes).to_ascii_lowercase());
    Line::Folder(Listed {
        attributes: attributes.iter().filter_map(lower).collect(),
        delimiter: delimiter.nstring().and_then(|bytes| bytes.first().copied()),
        name: name.to_vec(),
    })
}

/// The namespaces of a server (RFC 2342).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces {
    /// The prefix of the user's own folders, such as `INBOX.`.
    pub personal: Vec<u8>,
    /// The prefixes of other users' folders, never empty ones.
    pub others: Vec<Vec<u8>>,
    /// The prefixes of shared folders, never empty ones.
    pub shared: Vec<Vec<u8>>,
}

/// Reads a NAMESPACE response.
#[must_use]
pub fn namespaces(response: &[u8]) -> Option<Namespaces> {
    let tokens = tokenize(response).ok()?;
    let [star, word, personal, others, shared, ..] = tokens.as_slice() else { return None };
    if !star.is_atom("*") || !word.is_atom("NAMESPACE") {
        return None;
    }
    Some(Namespaces {
        personal: prefixes(personal).into_iter().next().unwrap_or_default(),
        others: prefixes(others).into_iter().filter(|prefix| !prefix.is_empty()).collect(),
        shared: prefixes(shared).into_iter().filter(|prefix| !prefix.is_empty()).collect(),
    })
}

fn prefixes(token: &Token) -> Vec<Vec<u8>> {
    let first = |entry: &Token| Some(entry.list()?.first()?.bytes()?.to_vec());
    token.list().unwrap_or_default().iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(line: &[u8]) -> Listed {
        match parse(line) {
            Line::Folder(listed) => listed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_come_as_atom_quoted_or_literal() {
        for line in [
            &b"* LIST (\\Sent) \"/\" Sent"[..],
            b"* LIST (\\Sent) \"/\" \"Sent\"",
            b"* LIST (\\Sent) \"/\" {4}\r\nSent",
        ] {
            let got = folder(line);
            assert_eq!(got.name, b"Sent");
            assert_eq!(got.delimiter, Some(b'/'));
            assert_eq!(got.attributes, ["\\sent"]);
        }
    }

    #[test]
    fn escapes_in_names_are_undone() {
        assert_eq!(folder(br#"* LIST () "\\" "a\"b\\c""#).name, br#"a"b\c"#);
        assert_eq!(folder(br#"* LIST () "\\" "a\"b\\c""#).delimiter, Some(b'\\'));
    }

    #[test]
    fn extended_data_and_a_nil_delimiter_are_read() {
        let got = folder(b"* LIST (\\HasChildren) NIL \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
        assert_eq!((got.delimiter, got.name.as_slice()), (None, &b"a"[..]));
    }

    #[test]
    fn raw_eight_bit_names_keep_their_octets() {
        assert_eq!(folder(b"* LIST () \"/\" \"Entw\xfcrfe\"").name, b"Entw\xfcrfe");
    }

    #[test]
    fn an_unreadable_list_line_is_not_taken_for_something_else() {
        assert_eq!(parse(b"* LIST () \"/\" \"abc"), Line::Unreadable);
        assert_eq!(parse(b"* LIST () \"/\""), Line::Unreadable);
        assert_eq!(parse(b"* STATUS a (MESSAGES 1)"), Line::Other);
    }

    #[test]
    fn namespaces_are_read() {
        let got = namespaces(b"* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\")(\"shared.\" \".\"))")
            .unwrap();
        assert_eq!(got.personal, b"INBOX.");
        assert_eq!(got.others, [b"user.".to_vec()]);
        assert_eq!(got.shared, [b"shared.".to_vec()]);
        assert_eq!(namespaces(b"* NAMESPACE NIL NIL NIL"), Some(Namespaces::default()));
    }
}

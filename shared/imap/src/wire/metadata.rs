//! METADATA responses (RFC 5464): what groupware keeps in a folder.

use super::token::{Token, tokenize};

/// The entries that name the type of a folder, the user's own behind the one for everybody.
pub const FOLDER_TYPES: [&str; 2] = ["/shared/vendor/kolab/folder-type", "/private/vendor/kolab/folder-type"];

/// The type of a folder, such as `event.default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderType {
    /// The folder's name, unquoted, as it came.
    pub name: Vec<u8>,
    /// The type in lower case.
    pub kind: String,
    /// Whether it is the user's own word, which counts more than the one for everybody.
    pub private: bool,
}

/// Reads the types out of a METADATA response; nothing from other responses and from entries without a value.
#[must_use]
pub fn folder_types(response: &[u8]) -> Vec<FolderType> {
    if !response.get(..11).is_some_and(|head| head.eq_ignore_ascii_case(b"* METADATA ")) {
        return Vec::new();
    }
    let tokens = tokenize(response).unwrap_or_default();
    let [_, _, name, Token::List(entries), ..] = tokens.as_slice() else { return Vec::new() };
    let Some(name) = name.bytes() else { return Vec::new() };
    let of = |pair: &[Token]| {
        let [entry, value] = pair else { return None };
        let (entry, value) = (entry.bytes()?, value.nstring()?);
        let at = FOLDER_TYPES.iter().position(|known| entry.eq_ignore_ascii_case(known.as_bytes()))?;
        let kind = String::from_utf8_lossy(value).trim().to_ascii_lowercase();
        Some(FolderType { name: name.to_vec(), kind, private: at == 1 })
    };
    entries.chunks(2).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(line: &[u8]) -> Vec<(String, bool)> {
        folder_types(line).into_iter().map(|found| (found.kind, found.private)).collect()
    }

    #[test]
    fn types_come_quoted_as_literal_in_any_case_and_by_two_entries() {
        let quoted = b"* METADATA \"My Calendar\" (/shared/vendor/kolab/folder-type \"Event.Default\")";
        assert_eq!(kinds(quoted), [("event.default".to_owned(), false)]);
        assert_eq!(folder_types(quoted)[0].name, b"My Calendar");
        let literal = b"* metadata {1}\r\na (/Private/Vendor/Kolab/Folder-Type {4}\r\ntask)";
        assert_eq!(kinds(literal), [("task".to_owned(), true)]);
        let both =
            b"* METADATA a (/shared/vendor/kolab/folder-type note /private/vendor/kolab/folder-type ~{4}\r\nmail)";
        assert_eq!(kinds(both), [("note".to_owned(), false), ("mail".to_owned(), true)]);
    }

    #[test]
    fn what_has_no_value_or_is_something_else_says_nothing() {
        for line in [
            &b"* METADATA \"INBOX\" (/shared/vendor/kolab/folder-type NIL)"[..],
            b"* METADATA \"INBOX\" /shared/vendor/kolab/folder-type /private/comment",
            b"* METADATA a (/shared/vendor/kolab/color \"event\")",
            b"* METADATA a (/shared/vendor/kolab/folder-type)",
            b"* METADATA a",
            b"* METADATA a (/shared/vendor/kolab/folder-type \"event\"",
            b"* LIST () \"/\" a",
            b"A1 OK [METADATA LONGENTRIES 2199] done",
        ] {
            assert_eq!(folder_types(line), [], "{}", line.escape_ascii());
        }
    }
}

//! Folders: what RFC 3501 calls mailboxes, on the wire and as people see them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a folder exactly as the source server spells it, in octets.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WireName(Vec<u8>);

impl WireName {
    /// Takes over the octets of a name, unquoted.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// Returns the octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether this is the INBOX, in any case.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.0.eq_ignore_ascii_case(b"INBOX")
    }
}

impl From<&str> for WireName {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().to_vec())
    }
}

impl fmt::Debug for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl From<WireName> for String {
    /// Writes octets outside of printable ASCII, and the percent sign, as `%XX`.
    fn from(name: WireName) -> Self {
        let mut text = String::with_capacity(name.0.len());
        for octet in name.0 {
            match octet {
                b' '..=b'~' if octet != b'%' => text.push(char::from(octet)),
                _ => text.push_str(&format!("%{octet:02X}")),
            }
        }
        text
    }
}

/// A text whose `%` is not followed by two hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a percent sign must be followed by two hexadecimal digits")]
pub struct MalformedName;

impl TryFrom<String> for WireName {
    type Error = MalformedName;
    fn try_from(text: String) -> Result<Self, MalformedName> {
        let mut octets = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(octet) = rest.next() {
            if octet != b'%' {
                octets.push(octet);
                continue;
            }
            let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16)).ok_or(MalformedName);
            let value = digit()? * 16 + digit()?;
            octets.push(u8::try_from(value).map_err(|_| MalformedName)?);
        }
        Ok(Self(octets))
    }
}

/// What a folder is for (RFC 6154), plus the INBOX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The INBOX of RFC 3501.
    Inbox,
    /// `\Sent`
    Sent,
    /// `\Drafts`
    Drafts,
    /// `\Trash`
    Trash,
    /// `\Junk`
    Junk,
    /// `\Archive`
    Archive,
    /// `\All`: every message, whatever folder it is in.
    All,
    /// `\Flagged`: a view, never copied.
    Flagged,
    /// `\Important` (RFC 8457): a view, never copied.
    Important,
}

impl Role {
    /// Tells whether the folder only shows messages that are in other folders too.
    #[must_use]
    pub fn is_view(self) -> bool {
        matches!(self, Self::All | Self::Flagged | Self::Important)
    }
}

/// One folder of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFolder {
    /// Its name on the wire; what EXAMINE is given.
    pub wire: WireName,
    /// Its name for people, level by level, without the personal namespace's prefix.
    pub path: Vec<String>,
    /// Its special use, or a good guess from its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether it can hold messages; `\Noselect` and `\NonExistent` folders are only parents.
    pub selectable: bool,
    /// Why it holds no e-mail for us (a calendar, another user's folder); such a folder is skipped and named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
}

/// The identity of a folder at the destination, in the destination's own form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FolderId(pub String);

/// One folder of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationFolder {
    /// Its identity.
    pub id: FolderId,
    /// The folder it is in; nothing for those at the top.
    pub parent: Option<FolderId>,
    /// Its last name.
    pub name: String,
    /// Its special use.
    pub role: Option<Role>,
    /// How many items it holds, when the server says so.
    pub items: Option<u64>,
    /// Whether it is one for e-mail (not calendar, contacts and so on).
    pub mail: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_octets_survive_json() {
        let name = WireName::new((0..=255).collect());
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(serde_json::from_str::<WireName>(&json).unwrap(), name);
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for text in ["\"%\"", "\"%4\"", "\"%zz\""] {
            assert!(serde_json::from_str::<WireName>(text).is_err(), "{text}");
        }
    }
}

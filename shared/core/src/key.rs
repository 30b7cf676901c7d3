//! The key that every copied message carries at the destination.

use crate::digest::short;
use crate::folder::WireName;
use crate::uid::{Uid, UidValidity};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What names a source mailbox for good, whatever its host or password become later.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(String);

impl SourceId {
    /// Returns the identity of the mailbox of that user on that host, as first entered.
    #[must_use]
    pub fn of(user: &str, host: &str) -> Self {
        Self(format!("{:016x}", short(&[user.as_bytes(), host.to_ascii_lowercase().as_bytes()])))
    }

    /// Returns its 16 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The common beginning of the keys of one folder: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPrefix(u64);

impl KeyPrefix {
    /// Returns the prefix of a folder in the epoch of that UIDVALIDITY.
    #[must_use]
    pub fn of(source: &SourceId, folder: &WireName, uidvalidity: UidValidity) -> Self {
        Self(short(&[source.0.as_bytes(), folder.as_bytes(), &uidvalidity.0.to_be_bytes()]))
    }

    /// Returns the prefix of a folder whose server gave out UIDs again under the same UIDVALIDITY.
    #[must_use]
    pub fn again(source: &SourceId, folder: &WireName, uidvalidity: UidValidity, epoch: u32) -> Self {
        Self(short(&[source.0.as_bytes(), folder.as_bytes(), &uidvalidity.0.to_be_bytes(), &epoch.to_be_bytes()]))
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is not a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a message key: 16 hexadecimal digits, a colon and 10 digits are expected")]
pub struct MalformedKey;

impl TryFrom<String> for KeyPrefix {
    type Error = MalformedKey;
    fn try_from(text: String) -> Result<Self, MalformedKey> {
        let fits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !fits {
            return Err(MalformedKey);
        }
        u64::from_str_radix(&text, 16).map(Self).map_err(|_| MalformedKey)
    }
}

impl From<KeyPrefix> for String {
    fn from(prefix: KeyPrefix) -> Self {
        prefix.to_string()
    }
}

/// The key of one message: prefix, colon, the UID in 10 digits. A listing of keys gives back the UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageKey {
    /// The folder and its epoch.
    pub prefix: KeyPrefix,
    /// The message.
    pub uid: Uid,
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:010}", self.prefix, self.uid.get())
    }
}

impl TryFrom<String> for MessageKey {
    type Error = MalformedKey;
    fn try_from(text: String) -> Result<Self, MalformedKey> {
        let (prefix, uid) = text.split_once(':').ok_or(MalformedKey)?;
        let digits = uid.len() == 10 && uid.bytes().all(|b| b.is_ascii_digit());
        let uid = uid.parse().ok().filter(|_| digits).and_then(Uid::new).ok_or(MalformedKey)?;
        Ok(Self { prefix: KeyPrefix::try_from(prefix.to_owned())?, uid })
    }
}

impl From<MessageKey> for String {
    fn from(key: MessageKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MessageKey {
        let source = SourceId::of("anna@example.org", "imap.example.org");
        let prefix = KeyPrefix::of(&source, &WireName::from("INBOX"), UidValidity(7));
        MessageKey { prefix, uid: Uid::new(42).unwrap() }
    }

    #[test]
    fn a_key_never_changes_between_versions() {
        assert_eq!(key().to_string(), "2bad01fd94e47c35:0000000042");
        assert_eq!(MessageKey::try_from(key().to_string()), Ok(key()));
    }

    #[test]
    fn the_host_counts_in_any_case() {
        assert_eq!(SourceId::of("a", "IMAP.example.org"), SourceId::of("a", "imap.example.org"));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", ":", "0123456789abcdef:42", "0123456789ABCDEF:0000000042", "0123456789abcdef:0000000000"] {
            assert_eq!(MessageKey::try_from(text.to_owned()), Err(MalformedKey), "{text}");
        }
    }
}

//! Identities: migrations by name, everything below a migration by number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An identity that does not have its form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a migration id is 10 to 32 characters of 0-9 and a-z")]
pub struct MalformedId;

/// The order number of a migration: 10 to 32 characters of `0-9a-z`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MigrationId(String);

impl MigrationId {
    /// Takes over a name that has the form of a migration id.
    ///
    /// # Errors
    /// [`MalformedId`] when the name has another length or other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, MalformedId> {
        let text = text.into();
        let fits =
            (10..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        if fits { Ok(Self(text)) } else { Err(MalformedId) }
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MigrationId {
    type Error = MalformedId;
    fn try_from(text: String) -> Result<Self, MalformedId> {
        Self::new(text)
    }
}

impl From<MigrationId> for String {
    fn from(id: MigrationId) -> Self {
        id.0
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $format:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl $name {
            /// Returns the number after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

number!(
    /// An account of a migration, from 0, in the order of their creation.
    AccountNo(u32), "{:05}"
);
number!(
    /// A pass over an account, from 1.
    PassNo(u32), "{:04}"
);
number!(
    /// A folder of an account, from 0.
    FolderNo(u32), "{:05}"
);
number!(
    /// A slice of a pass, from 0.
    SliceNo(u32), "{:06}"
);
number!(
    /// A lane of an account, from 0.
    LaneNo(u16), "{:03}"
);
number!(
    /// How often a lane was taken; a continuation for an older generation ends at once.
    Generation(u64), "{}"
);

impl AccountNo {
    /// Returns the bucket of 250 accounts that this one is kept in.
    #[must_use]
    pub fn bucket(self) -> u32 {
        self.0 / 250
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_id_has_only_digits_and_small_letters() {
        assert!(MigrationId::new("0123456789ab").is_ok());
        assert_eq!(MigrationId::new("short"), Err(MalformedId));
        assert_eq!(MigrationId::new("0123456789AB"), Err(MalformedId));
        assert_eq!(MigrationId::new("0123456789#B"), Err(MalformedId));
    }

    #[test]
    fn a_malformed_id_cannot_be_read_from_json() {
        assert!(serde_json::from_str::<MigrationId>("\"a#b#c#d#e#f#\"").is_err());
    }

    #[test]
    fn numbers_sort_as_text_as_they_do_as_numbers() {
        assert!(SliceNo(9).to_string() < SliceNo(10).to_string());
    }
}

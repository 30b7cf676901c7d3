//! The state of a message: system flags and keywords (RFC 3501 section 2.3.2).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The flags of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    /// `\Seen`
    #[serde(default)]
    pub seen: bool,
    /// `\Answered`
    #[serde(default)]
    pub answered: bool,
    /// `\Flagged`
    #[serde(default)]
    pub flagged: bool,
    /// `\Draft`
    #[serde(default)]
    pub draft: bool,
    /// `\Deleted`
    #[serde(default)]
    pub deleted: bool,
    /// `$Forwarded`
    #[serde(default)]
    pub forwarded: bool,
    /// Every other keyword, as the server spells it.
    #[serde(default)]
    pub keywords: BTreeSet<String>,
}

impl Flags {
    /// Adds a flag by its name on the wire, in any case; `\Recent` and unknown system flags count for nothing.
    pub fn add(&mut self, name: &str) {
        match name.to_ascii_lowercase().as_str() {
            "\\seen" => self.seen = true,
            "\\answered" => self.answered = true,
            "\\flagged" => self.flagged = true,
            "\\draft" => self.draft = true,
            "\\deleted" => self.deleted = true,
            "$forwarded" => self.forwarded = true,
            other if other.starts_with('\\') || other.is_empty() => {}
            _ => {
                self.keywords.insert(name.to_owned());
            }
        }
    }

    /// Returns the keywords that a user set, without those that programs set for themselves (`$…`, `Junk` and the like).
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        const SYSTEM: [&str; 4] = ["junk", "nonjunk", "notjunk", "forwarded"];
        let user = |k: &&String| !k.starts_with('$') && !SYSTEM.contains(&k.to_ascii_lowercase().as_str());
        self.keywords.iter().filter(user).map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Flags {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut flags = Self::default();
        names.into_iter().for_each(|name| flags.add(name));
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_known_in_any_case_and_keywords_kept() {
        let flags: Flags = ["\\SEEN", "$Forwarded", "Work", "\\Recent", "$MDNSent", "NonJunk"].into_iter().collect();
        assert!(flags.seen && flags.forwarded && !flags.answered);
        assert_eq!(flags.categories().collect::<Vec<_>>(), ["Work"]);
        assert!(flags.keywords.contains("$MDNSent"));
    }
}

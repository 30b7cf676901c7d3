//! Temporary passwords, as WorkMail's directories want them: 8 to 63 characters, of at least three of five kinds
//! (AWS, Amazon WorkMail administrator guide, "password policies").

use mailcrane_core::secret::Secret;

/// Letters and digits that people do not mistake for each other.
const ALPHABET: &[u8; 55] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345679";

/// Characters between hyphens, and how many such groups there are.
const GROUPS: (usize, usize) = (5, 4);

/// Makes a password of 115 random bits: twenty characters in groups, among them a small letter, a capital and a digit.
///
/// # Errors
/// When the machine gives no random octets.
pub(crate) fn temporary() -> Result<Secret, getrandom::Error> {
    loop {
        let characters = characters(GROUPS.0 * GROUPS.1)?;
        let kinds: [fn(&char) -> bool; 3] = [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit];
        if kinds.iter().all(|kind| characters.iter().any(kind)) {
            let groups: Vec<String> = characters.chunks(GROUPS.0).map(|group| group.iter().collect()).collect();
            return Ok(Secret::new(groups.join("-")));
        }
    }
}

/// Draws so many characters, each as likely as the others.
fn characters(count: usize) -> Result<Vec<char>, getrandom::Error> {
    // The largest multiple of the alphabet's length that an octet holds; what lies above would favour its beginning.
    let fair = 256 / ALPHABET.len() * ALPHABET.len();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let mut octets = [0; 64];
        getrandom::fill(&mut octets)?;
        let good = octets.into_iter().map(usize::from).filter(|octet| *octet < fair);
        drawn.extend(good.filter_map(|octet| ALPHABET.get(octet % ALPHABET.len())).map(|c| char::from(*c)));
    }
    drawn.truncate(count);
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_password_obeys_the_policy_and_none_comes_twice() {
        let passwords: BTreeSet<String> = (0..1_000).map(|_| temporary().unwrap().expose().to_owned()).collect();
        assert_eq!(passwords.len(), 1_000);
        for password in passwords {
            assert_eq!(password.len(), 23, "{password}");
            let has = |kind: fn(char) -> bool| password.chars().any(kind);
            let kinds: [fn(char) -> bool; 4] =
                [|c| c.is_ascii_lowercase(), |c| c.is_ascii_uppercase(), |c| c.is_ascii_digit(), |c| c == '-'];
            assert!(kinds.into_iter().all(has), "{password}");
        }
    }

    #[test]
    fn every_character_is_as_likely_as_the_others() {
        let mut counts = BTreeMap::new();
        for character in characters(55_000).unwrap() {
            *counts.entry(character).or_insert(0) += 1;
        }
        // 1,000 are expected of each; seven standard deviations are 220.
        assert_eq!(counts.len(), ALPHABET.len());
        assert!(counts.values().all(|count| (780..1_220).contains(count)), "{counts:?}");
    }
}

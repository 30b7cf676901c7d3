//! Who may do what: the operator key, capability tokens of migrations, and comparisons that take the same time.

use crate::http::{Problem, Request};
use mailcrane_core::digest::Digest;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::table::{Table, TableError};
use mailcrane_core::record::{Migration, Versioned, keys};
use mailcrane_core::secret::Secret;

/// The alphabet of tokens and ids: 32 characters that people do not mistake for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The hash of the operator key; all that is kept of it.
#[derive(Debug, Clone)]
pub struct OperatorKey(String);

impl OperatorKey {
    /// Hashes the key.
    #[must_use]
    pub fn of(key: &Secret) -> Self {
        Self(hash(key.expose().trim()))
    }

    /// Tells whether the request carries the operator key.
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        request.bearer().is_some_and(|bearer| same(&hash(bearer), &self.0))
    }
}

/// Returns the SHA-256 of a secret in hexadecimal digits.
#[must_use]
pub fn hash(secret: &str) -> String {
    Digest::of(secret.as_bytes()).to_string()
}

/// Compares two texts in a time that depends on their length alone.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    let difference = left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

/// Makes that many random characters of 5 bits each.
///
/// # Errors
/// When the machine gives no random octets.
pub fn random(characters: usize) -> Result<String, getrandom::Error> {
    let mut octets = vec![0; characters];
    getrandom::fill(&mut octets)?;
    Ok(octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet % 32))).map(|c| char::from(*c)).collect())
}

/// Makes characters of 5 bits each, at most 32 of them, out of a secret and a salt: the same for the same two, and to be
/// told by nobody who lacks one of them.
#[must_use]
pub fn derived(secret: &Secret, salt: &str, characters: usize) -> String {
    let digest = Digest::of(format!("{}\n{salt}", hash(secret.expose())).as_bytes());
    let octets = digest.0.iter().take(characters);
    octets.filter_map(|octet| ALPHABET.get(usize::from(octet % 32))).map(|c| char::from(*c)).collect()
}

/// Makes a capability token of 130 random bits.
///
/// # Errors
/// When the machine gives no random octets.
pub fn new_token() -> Result<Secret, getrandom::Error> {
    random(26).map(Secret::new)
}

/// Makes an order number of 12 characters: the second in 7 of them, so that numbers sort by time, and 25 random bits.
///
/// # Errors
/// When the machine gives no random octets.
pub fn new_migration_id(now: jiff::Timestamp) -> Result<MigrationId, getrandom::Error> {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let digit = |shift: u32| usize::try_from((seconds >> (5 * shift)) & 31).unwrap_or_default();
    let mut id: String = (0..7).rev().filter_map(|shift| ALPHABET.get(digit(shift))).map(|c| char::from(*c)).collect();
    loop {
        id.truncate(7);
        id.push_str(&random(5)?);
        if let Ok(id) = MigrationId::new(id.clone()) {
            return Ok(id);
        }
    }
}

/// Opens a migration for a request: its own token or the operator key. A wrong token and a migration that does
/// not exist are answered alike, after the same work.
///
/// # Errors
/// 401 without a token, 404 for a wrong one or no such migration, 503 when the table does not answer.
pub async fn migration(
    table: &impl Table,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Versioned<Migration>, Problem> {
    let bearer = request.bearer().ok_or_else(Problem::no_access)?;
    let given = hash(bearer);
    let known = MigrationId::new(id);
    let key = keys::migration(known.as_ref().unwrap_or(&placeholder()));
    let item = table.get(&key).await.map_err(|error| unavailable(&error))?;
    let found = item.as_ref().map(Versioned::<Migration>::of).transpose().map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a migration cannot be read");
        Problem::unavailable()
    })?;
    let expected = found.as_ref().map_or_else(|| "0".repeat(64), |found| found.record.token_hash.clone());
    let allowed = same(&given, &expected) | same(&given, &operator.0);
    found.filter(|_| allowed && known.is_ok()).ok_or_else(Problem::no_such_migration)
}

fn placeholder() -> MigrationId {
    MigrationId::new("0000000000").unwrap_or_else(|_| unreachable!("ten digits are a migration id"))
}

/// Logs a failure of the table and tells the client to come again.
#[must_use]
pub fn unavailable(error: &TableError) -> Problem {
    tracing::error!(error = error as &dyn std::error::Error, "the table did not answer");
    Problem::unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_130_bits_and_is_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.expose().len(), 26);
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_derived_depends_on_secret_and_salt() {
        let of = |secret: &str, salt: &str| derived(&Secret::new(secret), salt, 20);
        assert_eq!(of("key", "salt").len(), 20);
        assert_eq!(of("key", "salt"), of("key", "salt"));
        assert!(of("key", "salt") != of("other", "salt") && of("key", "salt") != of("key", "other"));
    }

    #[test]
    fn order_numbers_sort_by_time() {
        let at = |text: &str| new_migration_id(text.parse().unwrap()).unwrap();
        assert!(at("2026-01-01T00:00:00Z") < at("2026-01-01T00:00:01Z"));
        assert!(at("2026-01-01T00:00:00Z") < at("2099-01-01T00:00:00Z"));
        assert_eq!(at("2026-01-01T00:00:00Z").as_str().len(), 12);
    }

    #[test]
    fn only_equal_texts_are_the_same() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "ab") && !same("", "a"));
    }
}

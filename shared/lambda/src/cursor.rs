//! Cursors: where a page goes on, as a text that needs no escaping in a query.

use crate::http::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest place: the sort key of an item.
const LONGEST: usize = 1_024;

/// Writes a place as a cursor.
#[must_use]
pub fn encode(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// Reads a cursor.
///
/// # Errors
/// 400 when it is none of ours.
pub fn decode(cursor: &str) -> Result<String, Problem> {
    let octets = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = octets.and_then(|octets| String::from_utf8(octets).ok());
    place.filter(|place| (1..=LONGEST).contains(&place.len())).ok_or_else(unknown)
}

/// The refusal of a cursor.
#[must_use]
pub fn unknown() -> Problem {
    Problem::query("cursor", "is not a cursor that was given out; begin again without one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_needs_no_escaping() {
        let cursor = encode("P#2026-01-01T00:00:00Z#plan#00001");
        assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cursor}");
        assert_eq!(decode(&cursor).unwrap(), "P#2026-01-01T00:00:00Z#plan#00001");
        for wrong in ["ä".to_owned(), String::new(), encode(&"x".repeat(1_025))] {
            assert_eq!(decode(&wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }
}

//! The Message-ID, when there is exactly one that is usable.

use crate::header::{fields, words};

/// No line may be longer than this (RFC 5322 section 2.1.1), so no Message-ID is.
const LONGEST: usize = 998;

/// Returns the Message-ID without its blanks; nothing when it is missing, empty, too long, or when two differ.
pub(crate) fn read(raw: &[u8]) -> Option<String> {
    let mut found: Option<&[u8]> = None;
    for field in fields(raw).filter(|f| f.is("message-id")) {
        match found {
            Some(first) if !without_blanks(first).eq(without_blanks(field.value)) => return None,
            Some(_) => {}
            None => found = Some(field.value),
        }
    }
    let octets: Vec<u8> = without_blanks(found?).take(LONGEST + 1).collect();
    let text = String::from_utf8_lossy(&octets);
    let id: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (octets.len() <= LONGEST && !id.is_empty()).then_some(id)
}

fn without_blanks(value: &[u8]) -> impl Iterator<Item = u8> {
    words(value).flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(read(format!("{header}\r\n\r\nbody").as_bytes()).as_deref(), expected, "{header}");
    }

    #[test]
    fn one_is_taken_without_its_blanks() {
        check("Message-ID:  <a@example.org>\t", Some("<a@example.org>"));
        check("MESSAGE-id:\r\n <a@\r\n example.org>", Some("<a@example.org>"));
        check("Message-ID: without brackets", Some("withoutbrackets"));
    }

    #[test]
    fn two_equal_ones_are_one_and_two_different_ones_none() {
        check("Message-ID: <a>\r\nMessage-ID:  <a> ", Some("<a>"));
        check("Message-ID: <a>\r\nMessage-ID: <b>", None);
        check("Message-ID: <a>\r\nMessage-ID: <a>\r\nMessage-ID:", None);
    }

    #[test]
    fn an_empty_a_missing_or_an_endless_one_is_none() {
        check("Message-ID: ", None);
        check("Subject: x", None);
        check(&format!("Message-ID: {}", "x".repeat(998)), Some(&"x".repeat(998)));
        check(&format!("Message-ID: {}", "x".repeat(999)), None);
    }
}

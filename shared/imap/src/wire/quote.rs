//! How a string is written into a command: as an atom-safe quoted string or as a literal.

/// A string argument of a command (RFC 3501 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Fits into quotes; already quoted and escaped.
    Quoted(String),
    /// Needs a literal: 8-bit bytes, line ends or NUL.
    Literal(Vec<u8>),
}

impl Argument {
    /// Chooses the form for `bytes`, which stay what they are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let plain = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
        match std::str::from_utf8(bytes) {
            Ok(text) if plain => Self::Quoted(quote(text)),
            _ => Self::Literal(bytes.to_vec()),
        }
    }
}

/// Puts `text` into quotes and escapes quotes and backslashes.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped_once() {
        assert_eq!(Argument::new(br#"a"b\c"#), Argument::Quoted(r#""a\"b\\c""#.to_owned()));
    }

    #[test]
    fn eight_bit_names_and_line_ends_become_literals() {
        assert_eq!(Argument::new(b"Entw\xfcrfe"), Argument::Literal(b"Entw\xfcrfe".to_vec()));
        assert_eq!(Argument::new(b"a\r\nb"), Argument::Literal(b"a\r\nb".to_vec()));
    }
}

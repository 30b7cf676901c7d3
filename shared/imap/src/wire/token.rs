//! The tolerant tokenizer: atoms, quoted strings, literals and lists of one response.

/// How deep lists may nest before the response counts as hostile.
const MAX_DEPTH: usize = 64;

/// One token of a response (RFC 3501 section 4), kept as the bytes that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A word outside quotes, a flag or a number.
    Atom(Vec<u8>),
    /// A quoted string without its quotes and escapes.
    Quoted(Vec<u8>),
    /// The bytes of a literal.
    Literal(Vec<u8>),
    /// A parenthesised list.
    List(Vec<Token>),
}

/// Why a response has no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A quoted string or a list that never ends.
    #[error("the response ends inside a quoted string or a list")]
    Unfinished,
    /// Lists nested deeper than any server needs.
    #[error("the response nests its lists too deep")]
    TooDeep,
    /// A literal that announces more bytes than there are.
    #[error("a literal is shorter than announced")]
    ShortLiteral,
}

impl Token {
    /// Returns the bytes of an atom, quoted string or literal; `None` for a list.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(bytes) | Self::Quoted(bytes) | Self::Literal(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    /// Returns the bytes of a string, `None` for NIL and for a list.
    #[must_use]
    pub fn nstring(&self) -> Option<&[u8]> {
        if self.is_nil() { None } else { self.bytes() }
    }

    /// Tells whether this is the atom NIL.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.is_atom("NIL")
    }

    /// Tells whether this is the atom `word`, in any case.
    #[must_use]
    pub fn is_atom(&self, word: &str) -> bool {
        matches!(self, Self::Atom(bytes) if bytes.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Returns the entries of a list, `None` for everything else.
    #[must_use]
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the number that an atom (or, from odd servers, a string) spells.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.bytes()?).ok()?.parse().ok()
    }
}

/// Splits one response, literals included in their wire form, into tokens.
///
/// Several blanks between tokens count as one; a stray closing parenthesis is passed over.
///
/// # Errors
/// When a string or list never ends, or lists nest deeper than 64.
pub fn tokenize(input: &[u8]) -> Result<Vec<Token>, TokenError> {
    let mut rest = input;
    let mut open: Vec<Vec<Token>> = Vec::new();
    let mut current: Vec<Token> = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => rest = tail,
            b'(' => {
                if open.len() >= MAX_DEPTH {
                    return Err(TokenError::TooDeep);
                }
                open.push(std::mem::take(&mut current));
                rest = tail;
            }
            b')' => {
                if let Some(outer) = open.pop() {
                    let entries = std::mem::replace(&mut current, outer);
                    current.push(Token::List(entries));
                }
                rest = tail;
            }
            b'"' => {
                let (text, after) = quoted(tail)?;
                current.push(Token::Quoted(text));
                rest = after;
            }
            _ => {
                if let Some((length, after)) = literal_announcement(rest) {
                    let body = after.get(..length).ok_or(TokenError::ShortLiteral)?;
                    current.push(Token::Literal(body.to_vec()));
                    rest = after.get(length..).unwrap_or_default();
                } else {
                    let (word, after) = atom(rest);
                    current.push(Token::Atom(word.to_vec()));
                    rest = after;
                }
            }
        }
    }
    if open.is_empty() { Ok(current) } else { Err(TokenError::Unfinished) }
}

/// Reads a quoted string whose opening quote is gone.
///
/// A quote that is not followed by a blank, a parenthesis or the end belongs to the text: some
/// servers forget to escape it.
fn quoted(input: &[u8]) -> Result<(Vec<u8>, &[u8]), TokenError> {
    let mut text = Vec::new();
    let mut rest = input;
    loop {
        match rest {
            [b'\\', escaped, tail @ ..] => {
                text.push(*escaped);
                rest = tail;
            }
            [b'"', tail @ ..] => {
                if matches!(tail.first(), None | Some(b' ' | b')' | b'(' | b'\r' | b'\n' | b'\t' | b']')) {
                    return Ok((text, tail));
                }
                text.push(b'"');
                rest = tail;
            }
            [byte, tail @ ..] => {
                text.push(*byte);
                rest = tail;
            }
            [] => return Err(TokenError::Unfinished),
        }
    }
}

/// Recognises `{12}`, `{12+}` and `~{12}` with the line end that follows.
fn literal_announcement(input: &[u8]) -> Option<(usize, &[u8])> {
    let rest = input.strip_prefix(b"~").unwrap_or(input).strip_prefix(b"{")?;
    let close = rest.iter().position(|&byte| byte == b'}')?;
    let digits = rest.get(..close)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let after = rest.get(close + 1..)?;
    let after = after.strip_prefix(b"\r").unwrap_or(after).strip_prefix(b"\n")?;
    Some((length, after))
}

/// Reads a word; the bracket of `BODY[HEADER.FIELDS (MESSAGE-ID)]` belongs to it, blanks included.
fn atom(input: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    let mut in_section = false;
    while let Some(&byte) = input.get(at) {
        match byte {
            b']' if in_section => in_section = false,
            b'\r' | b'\n' => break,
            _ if in_section => {}
            b' ' | b'\t' | b'(' | b')' => break,
            b'[' => in_section = opens_section(input.get(..at).unwrap_or_default()),
            _ => {}
        }
        at += 1;
    }
    input.split_at_checked(at.max(1)).unwrap_or((input, &[]))
}

fn opens_section(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"BODY") || word.eq_ignore_ascii_case(b"BINARY")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom_of(text: &str) -> Token {
        Token::Atom(text.as_bytes().to_vec())
    }

    #[test]
    fn words_strings_literals_and_lists_are_told_apart() {
        let tokens = tokenize(b"LIST (\\HasNoChildren) \"/\" {5}\r\na \"b\\").unwrap();
        assert_eq!(
            tokens,
            vec![
                atom_of("LIST"),
                Token::List(vec![atom_of("\\HasNoChildren")]),
                Token::Quoted(b"/".to_vec()),
                Token::Literal(b"a \"b\\".to_vec()),
            ]
        );
    }

    #[test]
    fn a_body_section_with_blanks_and_parentheses_is_one_word() {
        let tokens = tokenize(b"BODY[HEADER.FIELDS (MESSAGE-ID)] {2}\r\nab UID 7").unwrap();
        assert_eq!(tokens[0], atom_of("BODY[HEADER.FIELDS (MESSAGE-ID)]"));
        assert_eq!(tokens[3].number(), Some(7));
    }

    #[test]
    fn a_flag_with_an_open_bracket_ends_at_its_blank() {
        let tokens = tokenize(b"(a[b \\Seen)").unwrap();
        assert_eq!(tokens, vec![Token::List(vec![atom_of("a[b"), atom_of("\\Seen")])]);
    }

    #[test]
    fn an_unescaped_quote_inside_a_quoted_name_belongs_to_the_name() {
        assert_eq!(tokenize(b"\"a\"b\"").unwrap(), vec![Token::Quoted(b"a\"b".to_vec())]);
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(tokenize(br#""a\"b\\c""#).unwrap(), vec![Token::Quoted(br#"a"b\c"#.to_vec())]);
    }

    #[test]
    fn literal8_and_non_synchronising_literals_are_read() {
        assert_eq!(tokenize(b"~{2}\r\n\0a").unwrap(), vec![Token::Literal(b"\0a".to_vec())]);
        assert_eq!(tokenize(b"{1+}\nz").unwrap(), vec![Token::Literal(b"z".to_vec())]);
    }

    #[test]
    fn lists_nested_a_thousand_deep_are_refused_without_recursion() {
        assert_eq!(tokenize(&[b'('; 1000]), Err(TokenError::TooDeep));
    }

    #[test]
    fn a_string_or_list_that_never_ends_is_an_error() {
        assert_eq!(tokenize(b"\"abc"), Err(TokenError::Unfinished));
        assert_eq!(tokenize(b"(a (b)"), Err(TokenError::Unfinished));
        assert_eq!(tokenize(b"{9}\r\nabc"), Err(TokenError::ShortLiteral));
    }

    #[test]
    fn numbers_above_32_bits_are_read() {
        assert_eq!(tokenize(b"4294967297").unwrap()[0].number(), Some(4_294_967_297));
    }

    proptest! {
        #[test]
        fn any_bytes_are_tokenized_or_refused_but_never_panic(bytes: Vec<u8>) {
            let _ = tokenize(&bytes);
        }

        #[test]
        fn any_literal_comes_back_byte_for_byte(bytes: Vec<u8>) {
            let mut wire = format!("{{{}}}\r\n", bytes.len()).into_bytes();
            wire.extend_from_slice(&bytes);
            prop_assert_eq!(tokenize(&wire).unwrap(), vec![Token::Literal(bytes)]);
        }
    }
}

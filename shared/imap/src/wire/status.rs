//! Status responses: tagged OK/NO/BAD and the untagged greeting, BYE and PREAUTH.

/// The word of a status response (RFC 3501 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// OK.
    Ok,
    /// NO: the command failed.
    No,
    /// BAD: the command was not understood.
    Bad,
    /// BYE: the server closes.
    Bye,
    /// PREAUTH: signed in by other means.
    Preauth,
}

/// One status response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The tag of the command, `*` when untagged.
    pub tag: String,
    /// OK, NO, BAD, BYE or PREAUTH.
    pub word: Word,
    /// The response code without its brackets, such as `ALERT` or `UIDNEXT 7`.
    pub code: Option<String>,
    /// The text for people, 8-bit bytes replaced where they are no UTF-8.
    pub text: String,
}

impl Status {
    /// Reads a status response from a line without its line end; `None` for other responses.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (tag, rest) = word(line);
        let (keyword, rest) = word(rest);
        let word = match keyword.to_ascii_uppercase().as_slice() {
            b"OK" => Word::Ok,
            b"NO" => Word::No,
            b"BAD" => Word::Bad,
            b"BYE" if tag == b"*" => Word::Bye,
            b"PREAUTH" if tag == b"*" => Word::Preauth,
            _ => return None,
        };
        let tag = std::str::from_utf8(tag).ok().filter(|tag| !tag.is_empty())?.to_owned();
        let rest = String::from_utf8_lossy(rest);
        let (code, text) = split_code(rest.trim_start());
        Some(Self { tag, word, code: code.map(str::to_owned), text: text.trim().to_owned() })
    }

    /// Returns the first word of the response code in upper case.
    #[must_use]
    pub fn code_word(&self) -> Option<String> {
        self.code.as_deref()?.split_whitespace().next().map(str::to_ascii_uppercase)
    }

    /// Returns what follows the response code's first word, when that is `name`.
    #[must_use]
    pub fn code_value(&self, name: &str) -> Option<&str> {
        let code = self.code.as_deref()?.trim_start();
        let (first, value) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
        first.eq_ignore_ascii_case(name).then_some(value.trim())
    }
}

fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let start = line.iter().position(|byte| *byte != b' ').unwrap_or(line.len());
    let line = line.get(start..).unwrap_or_default();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    line.split_at_checked(end).unwrap_or((line, &[]))
}

/// Splits `[CODE with "a ] in quotes"] text`; brackets that never close are text.
fn split_code(rest: &str) -> (Option<&str>, &str) {
    let Some(inner) = rest.strip_prefix('[') else { return (None, rest) };
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in inner.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => {
                return (inner.get(..at), inner.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    match inner.split_once(']') {
        Some((code, text)) => (Some(code), text),
        None => (None, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Status {
        Status::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn tag_word_code_and_text_are_read() {
        let status = parse("A1 NO [AUTHENTICATIONFAILED] Wrong password");
        assert_eq!(status.tag, "A1");
        assert_eq!(status.word, Word::No);
        assert_eq!(status.code_word().as_deref(), Some("AUTHENTICATIONFAILED"));
        assert_eq!(status.text, "Wrong password");
    }

    #[test]
    fn a_code_followed_by_multi_byte_text_is_read() {
        let status = parse("A1 NO [ALERT]Zugriff verweigert \u{2013} \u{e4}");
        assert_eq!(status.code.as_deref(), Some("ALERT"));
        assert_eq!(status.text, "Zugriff verweigert \u{2013} \u{e4}");
    }

    #[test]
    fn values_of_codes_are_read_in_any_case() {
        assert_eq!(parse("* ok [uidvalidity 77] fine").code_value("UIDVALIDITY"), Some("77"));
    }

    #[test]
    fn a_bracket_inside_quotes_does_not_end_the_code() {
        let status = parse("A1 NO [BADURL \"a]b\"] text");
        assert_eq!(status.code.as_deref(), Some("BADURL \"a]b\""));
    }

    #[test]
    fn data_responses_are_no_status() {
        for line in ["* LIST () \"/\" OK", "* 5 EXISTS", "+ go on", "", "A1", "A1 BYE bye"] {
            assert_eq!(Status::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_status_without_any_text_is_read() {
        assert_eq!(parse("A2 OK").word, Word::Ok);
    }
}

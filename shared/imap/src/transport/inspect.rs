//! Decides what async-imap is shown of a response: only what its parser certainly takes.

use crate::wire::capability;
use crate::wire::status::{Status, Word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// What becomes of a response in guard mode.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// These octets are handed to async-imap.
    Bytes(Vec<u8>),
    /// Only our own tokenizer sees it.
    Nothing,
}

/// Chooses the form of one whole response.
pub(super) fn show(response: &Bytes, status: Option<&Status>) -> Shown {
    if let Some(text) = response.strip_prefix(b"+") {
        return continuation(text);
    }
    if let Some(status) = status {
        return tagged(status);
    }
    // Of all other data async-imap needs the capabilities alone. Its parser panics on some lines; it is shown none.
    capability::parse(response).map_or(Shown::Nothing, |capabilities| Shown::Bytes(normalised(&capabilities)))
}

/// A tagged status is shown without code and text, which the records keep; untagged ones not at all:
/// async-imap takes an untagged NO for the end of its command.
fn tagged(status: &Status) -> Shown {
    if status.tag == "*" {
        return Shown::Nothing;
    }
    let word = match status.word {
        Word::Ok | Word::Preauth => "OK",
        Word::No | Word::Bye => "NO",
        Word::Bad => "BAD",
    };
    Shown::Bytes(format!("{} {word} seen\r\n", status.tag).into_bytes())
}

/// async-imap decodes every continuation as base64; `+ go ahead` would be an error.
fn continuation(text: &[u8]) -> Shown {
    let text = text.trim_ascii();
    let shown = if STANDARD.decode(text).is_ok() { text } else { &[] };
    Shown::Bytes([b"+ ", shown, b"\r\n"].concat())
}

/// Writes capabilities as the parser takes them; a word with other characters is left out.
fn normalised(capabilities: &capability::Capabilities) -> Vec<u8> {
    let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=+-_./:&".contains(&byte));
    let mut line = b"* CAPABILITY IMAP4rev1".to_vec();
    for word in capabilities.words().filter(|word| *word != "IMAP4REV1").filter(plain) {
        line.push(b' ');
        line.extend_from_slice(word.as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show_line(line: &'static str) -> Shown {
        let bytes = Bytes::from_static(line.as_bytes());
        show(&bytes, Status::parse(&bytes).as_ref())
    }

    fn bytes(text: &str) -> Shown {
        Shown::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn a_tagged_status_is_shown_without_code_and_text() {
        assert_eq!(show_line("A1 NO [X]\u{e4}\u{f6}"), bytes("A1 NO seen\r\n"));
    }

    #[test]
    fn a_continuation_that_is_no_base64_is_shown_empty() {
        assert_eq!(show_line("+ go ahead"), bytes("+ \r\n"));
        assert_eq!(show_line("+"), bytes("+ \r\n"));
        assert_eq!(show_line("+ eyJhIjoxfQ=="), bytes("+ eyJhIjoxfQ==\r\n"));
    }

    #[test]
    fn capabilities_with_double_spaces_are_normalised() {
        assert_eq!(show_line("* CAPABILITY IMAP4rev1  IDLE   ID "), bytes("* CAPABILITY IMAP4rev1 ID IDLE\r\n"));
    }

    #[test]
    fn capabilities_of_any_kind_are_shown_as_the_parser_takes_them() {
        for words in
            ["IMAP4rev1 AUTH= =X AUTH", "]", "\"x\" (y) {3}", "\u{e4}\u{f6} STARTTLS", "", "IMAP4 +", "AUTH=PLAIN % *"]
        {
            let line = Bytes::from(format!("* CAPABILITY {words}"));
            let Shown::Bytes(shown) = show(&line, None) else { panic!("{words} is not shown") };
            let parsed = imap_proto::Response::parse(&shown);
            assert!(parsed.is_ok_and(|(rest, _)| rest.is_empty()), "{words}: {}", String::from_utf8_lossy(&shown));
        }
    }

    #[test]
    fn what_kills_or_panics_the_parser_is_not_shown() {
        for line in [
            "* NAMESPACE ((\"\" \"/\")) NIL NIL",
            "* STATUS x (SIZE 5)",
            "* ESEARCH (TAG \"A1\") UID ALL 1:3",
            "* QUOTA \"ROOT\"",
            "* 1 FETCH (INTERNALDATE NIL)",
            "* OK [ALERT]\u{e4}\u{f6}\u{fc}",
            "* XUNKNOWN 1 2 3",
            "* NO disk nearly full",
            "* 12 EXISTS",
            "nonsense",
            "",
        ] {
            assert_eq!(show_line(line), Shown::Nothing, "{line}");
        }
    }
}

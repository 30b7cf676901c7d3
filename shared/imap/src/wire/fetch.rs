//! FETCH responses: the attributes of one message.

use super::date;
use super::token::{Token, tokenize};
use jiff::Timestamp;
use mailcrane_core::flags::Flags;
use mailcrane_core::uid::Uid;

/// What one FETCH response tells, literals of bodies apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// The UID; nothing when it is missing, 0 or above 32 bits.
    pub uid: Option<Uid>,
    /// The flags; nothing when the response has none.
    pub flags: Option<Flags>,
    /// INTERNALDATE, when it is sensible.
    pub received: Option<Timestamp>,
    /// RFC822.SIZE in octets.
    pub size: Option<u64>,
    /// X-GM-MSGID.
    pub gmail_id: Option<u64>,
    /// X-GM-LABELS, decoded.
    pub gmail_labels: Vec<String>,
    /// What stands at `BODY[]`.
    pub body: Body,
    /// What stands at `BODY[HEADER.FIELDS (...)]`.
    pub header: Option<Vec<u8>>,
}

/// What a response holds of the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// Nothing: a response that only tells of flags.
    #[default]
    Absent,
    /// NIL: the message is gone, or the server cannot read it.
    Nil,
    /// Octets in quotes; some servers send short messages so.
    Text(Vec<u8>),
}

/// Reads the attributes of a FETCH response, in which body literals may have become NIL.
///
/// Nothing when it is another response or cannot be cut into tokens.
#[must_use]
pub fn parse(response: &[u8]) -> Option<Attributes> {
    let tokens = tokenize(response).ok()?;
    let [star, number, word, rest @ ..] = tokens.as_slice() else { return None };
    if !star.is_atom("*") || number.number().is_none() || !word.is_atom("FETCH") {
        return None;
    }
    let entries = match rest {
        [Token::List(entries), ..] => entries.as_slice(),
        plain => plain,
    };
    let mut attributes = Attributes::default();
    let mut entries = entries.iter();
    while let Some(name) = entries.next() {
        let Some(name) = name.bytes() else { continue };
        let Some(value) = entries.next() else { break };
        attributes.take(&name.to_ascii_uppercase(), value);
    }
    Some(attributes)
}

/// Tells whether a response begins as a FETCH response does, readable or not.
#[must_use]
pub fn is_fetch(response: &[u8]) -> bool {
    let mut words = response.split(|octet| *octet == b' ');
    words.next() == Some(b"*")
        && words.next().is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

impl Attributes {
    fn take(&mut self, name: &[u8], value: &Token) {
        match name {
            b"UID" => self.uid = value.number().and_then(|number| Uid::new(u32::try_from(number).ok()?)),
            b"FLAGS" => self.flags = Some(flags(value)),
            b"INTERNALDATE" => self.received = value.nstring().and_then(date::parse),
            b"RFC822.SIZE" => self.size = value.number(),
            b"X-GM-MSGID" => self.gmail_id = value.number(),
            b"X-GM-LABELS" => self.gmail_labels = labels(value),
            b"BODY[]" | b"RFC822" => {
                self.body = match value.nstring() {
                    Some(text) => Body::Text(text.to_vec()),
                    None => Body::Nil,
                }
            }
            _ if name.starts_with(b"BODY[HEADER.FIELDS") => self.header = value.nstring().map(<[u8]>::to_vec),
            _ => {}
        }
    }

    /// Returns the Message-ID of the fetched header field, when there is exactly one.
    #[must_use]
    pub fn message_id(&self) -> Option<String> {
        message_id(self.header.as_deref()?)
    }
}

/// One odd flag does not cost the others: 8-bit flags are read lossily, lists inside are passed over.
fn flags(value: &Token) -> Flags {
    let mut flags = Flags::default();
    for name in value.list().unwrap_or_default().iter().filter_map(Token::bytes) {
        flags.add(&String::from_utf8_lossy(name));
    }
    flags
}

fn labels(value: &Token) -> Vec<String> {
    value.list().unwrap_or_default().iter().filter_map(Token::bytes).map(super::utf7::decode).collect()
}

/// Reads a folded Message-ID header; two of them are none.
fn message_id(header: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(header).replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let mut values = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("message-id").then(|| value.split_whitespace().collect::<String>())
    });
    let first = values.next().filter(|value| !value.is_empty());
    if values.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Attributes {
        parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn the_attributes_come_in_any_order_and_case() {
        let got = read(
            "* 3 fetch (flags (\\Seen $Forwarded) rfc822.size 120 uid 9 InternalDate \"17-Jul-1996 02:44:25 -0700\")",
        );
        assert_eq!(got.uid, Uid::new(9));
        assert_eq!(got.size, Some(120));
        assert!(got.flags.as_ref().unwrap().seen && got.flags.unwrap().forwarded);
        assert_eq!(got.received.unwrap().to_string(), "1996-07-17T09:44:25Z");
    }

    #[test]
    fn an_internaldate_of_nil_is_no_date() {
        assert_eq!(read("* 3 FETCH (UID 9 INTERNALDATE NIL)").received, None);
    }

    #[test]
    fn an_odd_flag_does_not_cost_the_others() {
        let got = read("* 3 FETCH (UID 9 FLAGS (\\Seen a\"b [x ]y \u{e4} ()))");
        let flags = got.flags.unwrap();
        assert!(flags.seen);
        assert!(flags.keywords.contains("a\"b") && flags.keywords.contains("[x") && flags.keywords.contains("\u{e4}"));
    }

    #[test]
    fn a_size_above_32_bits_is_read_and_such_a_uid_is_none() {
        let got = read("* 3 FETCH (UID 4294967296 RFC822.SIZE 4294967296)");
        assert_eq!((got.uid, got.size), (None, Some(4_294_967_296)));
    }

    #[test]
    fn double_blanks_inside_are_read() {
        assert_eq!(read("* 3 FETCH (UID  9  RFC822.SIZE 7 )").uid, Uid::new(9));
    }

    #[test]
    fn the_message_id_is_unfolded_and_two_are_none() {
        let one =
            read("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)] {31}\r\nMessage-Id:\r\n <a@example.org>\r\n\r\n)");
        assert_eq!(one.message_id().as_deref(), Some("<a@example.org>"));
        assert_eq!(message_id(b"Message-ID: <a>\r\nMessage-ID: <b>\r\n\r\n"), None);
        assert_eq!(message_id(b"\r\n"), None);
    }

    #[test]
    fn gmail_attributes_are_read() {
        let got =
            read("* 1 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (\"\\\\Inbox\" Work \"Entw&APw-rfe\") UID 4)");
        assert_eq!(got.gmail_id, Some(1_278_455_344_230_334_865));
        assert_eq!(got.gmail_labels, ["\\Inbox", "Work", "Entw\u{fc}rfe"]);
    }

    #[test]
    fn a_body_in_quotes_and_one_of_nil_are_told_apart() {
        assert_eq!(read("* 1 FETCH (BODY[] \"hi\" UID 4)").body, Body::Text(b"hi".to_vec()));
        assert_eq!(read("* 1 FETCH (BODY[] NIL UID 4)").body, Body::Nil);
        assert_eq!(read("* 1 FETCH (FLAGS () UID 4)").body, Body::Absent);
    }

    #[test]
    fn other_responses_are_none() {
        for line in ["* 3 EXISTS", "* LIST () NIL a", "A1 OK", "* FETCH (UID 1)", "* 1 FETCH (UID 1"] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}

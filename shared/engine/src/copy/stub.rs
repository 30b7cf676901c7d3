//! The stub of a message that is too large: its own header, and where the original is.

use bytes::Bytes;

/// The fields of the original that the stub keeps, as they stand (RFC 5322 section 3.6).
const KEPT: [&str; 10] =
    ["date", "from", "sender", "reply-to", "to", "cc", "subject", "message-id", "in-reply-to", "references"];

/// The most octets of a field; a longer one is left out.
const LONGEST: usize = 16 << 10;

/// No stub is longer: its fields come from the beginning that is kept of a message.
const MOST: u64 = 80 << 10;

/// Tells whether an item of that size, if it is known, is rather the stub of a message of so many octets than the message:
/// the destination may have refused it, and the answer to its stub was lost.
#[must_use]
pub fn may_be(size: Option<u64>, octets: u64) -> bool {
    octets > MOST && size.is_none_or(|size| size <= MOST && size.saturating_mul(4) < octets)
}

/// What a stub tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// The length of the original in octets.
    pub octets: u64,
    /// Where it can be fetched.
    pub link: &'a str,
    /// The name of its object, for the administrator.
    pub place: &'a str,
    /// `de` or any other, which means English.
    pub language: &'a str,
}

/// Makes the stub; `head` is the beginning of the original, at least its header.
#[must_use]
pub fn make(head: &[u8], told: &Told<'_>) -> Bytes {
    let mut stub = Vec::new();
    for field in kept(head) {
        stub.extend_from_slice(&field);
    }
    stub.extend_from_slice(b"MIME-Version: 1.0\r\n");
    stub.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
    stub.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n\r\n");
    stub.extend_from_slice(text(told).as_bytes());
    stub.into()
}

/// Returns the fields that are kept, each with its folded lines and CRLF at their ends.
fn kept(head: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut keeps = false;
    for (at, line) in head.split_inclusive(|octet| *octet == b'\n').enumerate() {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            break;
        }
        if at == 0 && text.starts_with(b"From ") {
            continue;
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            if let Some(field) = fields.last_mut().filter(|_| keeps) {
                field.extend_from_slice(text);
                field.extend_from_slice(b"\r\n");
            }
            continue;
        }
        let Some((name, _)) =
            text.iter().position(|octet| *octet == b':').and_then(|colon| text.split_at_checked(colon))
        else {
            break;
        };
        let name = name.trim_ascii_end();
        keeps = KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()));
        if keeps {
            fields.push([text, b"\r\n"].concat());
        }
    }
    fields.retain(|field| field.len() <= LONGEST);
    fields
}

fn text(told: &Told<'_>) -> String {
    let Told { octets, link, place, language } = told;
    let megabytes = octets.div_ceil(1_000_000);
    if *language == "de" {
        return format!(
            "Diese Nachricht ist {megabytes} MB groß, zu groß für dieses Postfach. Beim Umzug wurde das Original\r\n\
             unverändert mit allen Anhängen an einem anderen Ort abgelegt. Hier wird es geladen:\r\n\r\n\
             {link}\r\n\r\n\
             Wer diesen Link hat, kann die Nachricht lesen; geben Sie ihn nur weiter, wenn das so sein soll. Öffnet er\r\n\
             nicht mehr, hilft Ihre Administration mit diesem Namen weiter:\r\n\r\n\
             {place}\r\n"
        );
    }
    format!(
        "This message has {megabytes} MB, too large for this mailbox. When the mailbox was moved, the original was\r\n\
         kept elsewhere, unchanged and with all attachments. It can be fetched here:\r\n\r\n\
         {link}\r\n\r\n\
         Whoever has this link can read the message; pass it on only where that is meant. Should it not open any\r\n\
         more, your administrator finds the original by this name:\r\n\r\n\
         {place}\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub(head: &[u8], language: &str) -> String {
        let told = Told {
            octets: 52_000_001,
            link: "https://move.example.org/v1/rescued/a/b.eml",
            place: "s3://bucket/rescued/a/b.eml",
            language,
        };
        String::from_utf8(make(head, &told).to_vec()).unwrap()
    }

    const HEAD: &[u8] = b"Received: from a\r\n by b\r\nFrom: Anna <anna@example.org>\r\nSubject: =?utf-8?q?a?=\r\n \
                          more\r\nMessage-ID: <1@example.org>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n";

    #[test]
    fn a_stub_has_the_header_of_its_message_and_says_where_that_is() {
        let stub = stub(HEAD, "en");
        let head = "From: Anna <anna@example.org>\r\nSubject: =?utf-8?q?a?=\r\n more\r\nMessage-ID: <1@example.org>\r\n\
                    MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
        assert!(stub.starts_with(head), "{stub}");
        assert!(stub.contains("53 MB") && stub.contains("https://move.example.org/v1/rescued/a/b.eml\r\n"));
        assert!(stub.contains("s3://bucket/rescued/a/b.eml"));
        assert!(super::tests::stub(HEAD, "de").contains("zu groß für dieses Postfach"));
    }

    #[test]
    fn the_facts_of_a_stub_are_those_of_its_message() {
        let stub = stub(HEAD, "en");
        let (facts, original) = (mailcrane_mime::facts(stub.as_bytes()), mailcrane_mime::facts(HEAD));
        assert_eq!((facts.message_id, facts.header_hash), (original.message_id, original.header_hash));
        assert_eq!((facts.largest_attachment, facts.signed), (0, false));
    }

    #[test]
    fn a_message_without_a_header_has_a_stub_too() {
        for head in [&b""[..], b"\r\nbody", b"no header at all", b"\xff\xfe\x00", b"Subject"] {
            assert!(stub(head, "en").starts_with("MIME-Version: 1.0\r\n"), "{head:?}");
        }
        assert!(stub(b"From x@example.org Mon\nSubject: a\nTo: b\n\n", "en").starts_with("Subject: a\r\nTo: b\r\n"));
    }

    #[test]
    fn a_field_without_end_is_left_out() {
        let long = [b"References: ", "x".repeat(20_000).as_bytes(), b"\r\nTo: b\r\n\r\n"].concat();
        assert!(stub(&long, "en").starts_with("To: b\r\n"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_original_begins_with_its_stub_is_small_and_ends_with_the_place(head: Vec<u8>) {
            let told = Told { octets: 1, link: "l", place: "the-place", language: "" };
            let stub = make(&head, &told);
            proptest::prop_assert!(stub.ends_with(b"the-place\r\n") && stub.len() < head.len() * 2 + 2_000);
        }
    }
}

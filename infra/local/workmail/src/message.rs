//! What a message says about itself, read at the time of storing.

pub mod rewrite;

use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders};
use serde::{Deserialize, Serialize};

/// A display name and an address, either of which may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Header fields that are kept beside the message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Headers {
    /// From.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Person>,
    /// Sender.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sender: Vec<Person>,
    /// To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Person>,
    /// Cc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Person>,
    /// Bcc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Person>,
    /// Reply-To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Person>,
    /// In-Reply-To.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// References.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<String>,
}

/// Everything read from a message.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Subject, decoded; empty when missing.
    pub subject: String,
    /// Message-ID with angle brackets.
    pub message_id: Option<String>,
    /// Date in seconds since 1970.
    pub date: Option<i64>,
    /// Kept header fields.
    pub headers: Headers,
    /// Octets of each attachment, decoded.
    pub attachments: Vec<usize>,
    /// The item class that such a message gets unless another is asked for.
    pub class: String,
}

/// An attachment as listed.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Octets, decoded.
    pub size: usize,
}

/// Reads a message; what cannot be read is left empty.
pub fn facts(raw: &[u8]) -> Facts {
    let Some(message) = MessageParser::default().parse(raw) else {
        return Facts { class: "IPM.Note".to_owned(), ..Facts::default() };
    };
    Facts {
        subject: message.subject().unwrap_or_default().to_owned(),
        message_id: message.message_id().map(|id| format!("<{id}>")),
        date: message.date().map(mail_parser::DateTime::to_timestamp),
        headers: Headers {
            from: persons(message.from()),
            sender: persons(message.sender()),
            to: persons(message.to()),
            cc: persons(message.cc()),
            bcc: persons(message.bcc()),
            reply_to: persons(message.reply_to()),
            in_reply_to: ids(message.in_reply_to()),
            references: ids(message.references()),
        },
        attachments: message.attachments().map(|a| a.contents().len()).collect(),
        class: class(&message).to_owned(),
    }
}

/// Tells signed, encrypted and meeting mail apart, as an Exchange import does.
fn class(message: &Message<'_>) -> &'static str {
    if message.is_content_type("multipart", "signed") {
        return "IPM.Note.SMIME.MultipartSigned";
    }
    if message.is_content_type("application", "pkcs7-mime") || message.is_content_type("application", "x-pkcs7-mime") {
        return "IPM.Note.SMIME";
    }
    let method = message
        .parts
        .iter()
        .filter(|p| p.is_content_type("text", "calendar"))
        .find_map(|p| p.content_type()?.attribute("method"));
    match method.map(str::to_ascii_uppercase).as_deref() {
        Some("REQUEST") => "IPM.Schedule.Meeting.Request",
        Some("CANCEL") => "IPM.Schedule.Meeting.Canceled",
        Some("REPLY") => "IPM.Schedule.Meeting.Resp.Pos",
        _ => "IPM.Note",
    }
}

/// Gives the text of a message: HTML when wanted and there, else plain; and whether it is HTML.
pub fn body(raw: &[u8], html: bool) -> (String, bool) {
    let Some(message) = MessageParser::default().parse(raw) else {
        return (String::new(), false);
    };
    let has_html = message.html_part(0).is_some_and(|p| p.is_text_html());
    if html && has_html {
        return (message.body_html(0).unwrap_or_default().into_owned(), true);
    }
    (message.body_text(0).unwrap_or_default().into_owned(), false)
}

/// Lists the attachments.
pub fn attachments(raw: &[u8]) -> Vec<Attachment> {
    let Some(message) = MessageParser::default().parse(raw) else {
        return Vec::new();
    };
    message
        .attachments()
        .map(|part| Attachment {
            name: part.attachment_name().unwrap_or("attachment").to_owned(),
            media_type: part.content_type().map_or_else(
                || "application/octet-stream".to_owned(),
                |t| format!("{}/{}", t.ctype(), t.subtype().unwrap_or("octet-stream")),
            ),
            size: part.contents().len(),
        })
        .collect()
}

/// Lists the header fields in order, unfolded.
pub fn header_fields(raw: &[u8]) -> Vec<(String, String)> {
    let Some(message) = MessageParser::default().parse_headers(raw) else {
        return Vec::new();
    };
    message
        .headers_raw()
        .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// Gives the header block as it stands, lossily as text.
pub fn header_block(raw: &[u8]) -> String {
    let end = raw
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|p| p.saturating_add(4))
        .or_else(|| raw.windows(2).position(|w| w == b"\n\n").map(|p| p.saturating_add(2)))
        .unwrap_or(raw.len());
    String::from_utf8_lossy(raw.get(..end).unwrap_or(raw)).into_owned()
}

/// Writes a plain message for an item that came without `MimeContent`.
pub fn compose(subject: &str, headers: &Headers, body: &str, html: bool, date: &str) -> Vec<u8> {
    let mut out = String::new();
    let list = |people: &[Person]| people.iter().map(address).collect::<Vec<_>>().join(", ");
    for (name, value) in [
        ("From", list(&headers.from)),
        ("To", list(&headers.to)),
        ("Cc", list(&headers.cc)),
        ("Bcc", list(&headers.bcc)),
    ] {
        if !value.is_empty() {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    out.push_str(&format!("Subject: {}\r\nDate: {date}\r\nMIME-Version: 1.0\r\n", subject.replace(['\r', '\n'], " ")));
    let kind = if html { "html" } else { "plain" };
    out.push_str(&format!("Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}"));
    out.into_bytes()
}

fn address(person: &Person) -> String {
    let email = person.email.clone().unwrap_or_default();
    person
        .name
        .as_ref()
        .map_or_else(|| email.clone(), |name| format!("\"{}\" <{email}>", name.replace(['"', '\\', '\r', '\n'], "")))
}

fn persons(address: Option<&Address<'_>>) -> Vec<Person> {
    address.map_or_else(Vec::new, |list| {
        list.iter()
            .map(|a| Person { name: a.name().map(str::to_owned), email: a.address().map(str::to_owned) })
            .collect()
    })
}

fn ids(value: &HeaderValue<'_>) -> Option<String> {
    let list = value.as_text_list()?;
    (!list.is_empty()).then(|| list.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_what_and_when() {
        let raw = b"From: Anna <anna@example.org>\r\nTo: ben@example.org\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n\
            Message-ID: <1@example.org>\r\nReferences: <a@x> <b@x>\r\nDate: Thu, 01 Jan 1970 01:00:00 +0100\r\n\r\nhello\r\n";
        let facts = facts(raw);
        assert_eq!(
            (facts.subject.as_str(), facts.message_id.as_deref(), facts.date),
            ("grün", Some("<1@example.org>"), Some(0))
        );
        assert_eq!(facts.headers.from.first().unwrap().name.as_deref(), Some("Anna"));
        assert_eq!(facts.headers.references.as_deref(), Some("<a@x> <b@x>"));
        assert_eq!(body(raw, true), ("hello\r\n".to_owned(), false));
    }

    #[test]
    fn odd_messages_are_no_trouble() {
        for raw in [&b""[..], b"\r\n", b"\0\xff", b"Subject: \xff\xfe\nDate: never\n\nx", b"no header at all"] {
            let facts = facts(raw);
            assert_eq!(facts.message_id, None);
            body(raw, true);
            header_fields(raw);
        }
    }

    #[test]
    fn attachments_are_measured_decoded() {
        let raw = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
            --x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAAAAAA\r\n--x--\r\n";
        assert_eq!(facts(raw).attachments, [6]);
        assert_eq!(attachments(raw).first().unwrap().name, "a.pdf");
    }
}

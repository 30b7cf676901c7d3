//! Rebuilds a message as a real server does: same content, other octets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{MessageParser, MimeHeaders, PartType};

/// Writes the message anew: fields in another order and other folding, a Received field, other boundaries, text as base64.
pub fn rebuild(raw: &[u8], number: i64) -> Vec<u8> {
    let mut fields = super::header_fields(raw);
    fields.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !name.starts_with("content-") && name != "mime-version"
    });
    fields.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let mut out =
        format!("Received: from mail.example.org (192.0.2.1) by store.example.org\r\n id {number:08}; rebuilt\r\n");
    for (name, value) in fields {
        out.push_str(&format!("{name}: {}\r\n", fold(&value)));
    }
    out.push_str("MIME-Version: 1.0\r\n");
    out.push_str(&content(raw, number));
    out.into_bytes()
}

fn fold(value: &str) -> String {
    let mut line = 0_usize;
    let mut out = String::new();
    for word in value.split(' ') {
        if line > 0 {
            let long = line.saturating_add(word.len()) > 60;
            out.push_str(if long { "\r\n\t" } else { " " });
            line = if long { 0 } else { line };
        }
        out.push_str(word);
        line = line.saturating_add(word.len()).saturating_add(1);
    }
    out
}

fn content(raw: &[u8], number: i64) -> String {
    let Some(message) = MessageParser::default().parse(raw) else {
        return "\r\n".to_owned();
    };
    let leaves: Vec<_> = message.parts.iter().filter(|p| !matches!(p.body, PartType::Multipart(_))).collect();
    let mut written = Vec::new();
    for leaf in &leaves {
        let kind = leaf
            .content_type()
            .map_or_else(|| "text/plain".to_owned(), |t| format!("{}/{}", t.ctype(), t.subtype().unwrap_or("plain")));
        let name = leaf.attachment_name().map(|n| format!("; name=\"{}\"", n.replace('"', ""))).unwrap_or_default();
        let charset = if matches!(leaf.body, PartType::Text(_) | PartType::Html(_)) { "; charset=utf-8" } else { "" };
        let mut encoded = String::new();
        for line in STANDARD.encode(leaf.contents()).as_bytes().chunks(76) {
            encoded.push_str(&String::from_utf8_lossy(line));
            encoded.push_str("\r\n");
        }
        written
            .push(format!("Content-Type: {kind}{charset}{name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"));
    }
    match written.as_slice() {
        [] => "\r\n".to_owned(),
        [one] => one.clone(),
        many => {
            let boundary = format!("_rebuilt_{number:08}_");
            let mut out = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n");
            for part in many {
                out.push_str(&format!("--{boundary}\r\n{part}\r\n"));
            }
            out.push_str(&format!("--{boundary}--\r\n"));
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_octets_differ_and_the_content_does_not() {
        let raw = b"Subject: a rather long subject that goes on and on for quite a while so that it must be folded\r\n\
            From: anna@example.org\r\nMessage-ID: <1@example.org>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=FCn\r\n";
        let rebuilt = rebuild(raw, 7);
        assert_ne!(rebuilt, raw);
        let (before, after) = (crate::message::facts(raw), crate::message::facts(&rebuilt));
        assert_eq!((before.subject, before.message_id), (after.subject, after.message_id));
        assert_eq!(crate::message::body(&rebuilt, false).0, "grün\r\n");
    }

    #[test]
    fn odd_messages_are_rebuilt_too() {
        for raw in [&b""[..], b"\0", b"no header", b"A: b\n\n"] {
            assert!(!rebuild(raw, 1).is_empty());
        }
    }
}

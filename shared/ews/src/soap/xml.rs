//! Writes XML that is balanced by construction, with MIME parts encoded to base64 only while they are sent.

use bytes::Bytes;

use super::body::{Body, Part};

/// Namespace of the SOAP 1.1 envelope.
pub(crate) const SOAP_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of the EWS operations.
pub(crate) const MESSAGES_NS: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
/// Namespace of the EWS data types.
pub(crate) const TYPES_NS: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
/// Namespace of what stands in a fault's detail.
pub(crate) const ERRORS_NS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";

/// Collects one document.
#[derive(Debug, Default)]
pub struct Xml {
    parts: Vec<Part>,
    text: String,
}

impl Xml {
    /// Starts a document with its XML declaration.
    pub fn document() -> Self {
        Self { parts: Vec::new(), text: String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>") }
    }

    /// Writes an element whose content `inside` writes; an element without content is written closed.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape_into(value, &mut self.text);
            self.text.push('"');
        }
        let before = (self.parts.len(), self.text.len());
        self.text.push('>');
        let opened = (self.parts.len(), self.text.len());
        inside(self);
        if opened == (self.parts.len(), self.text.len()) {
            self.text.truncate(before.1);
            self.text.push_str("/>");
            return;
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Writes an element that holds text only.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.element(name, &[], |xml| escape_into(text, &mut xml.text));
    }

    /// Writes an element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.element(name, attributes, |_| {});
    }

    /// Writes an element whose content is the base64 of `raw`, without copying or encoding it now.
    pub fn base64(&mut self, name: &str, raw: Bytes) {
        self.element(name, &[], |xml| {
            xml.parts.push(Part::Text(Bytes::from(std::mem::take(&mut xml.text))));
            xml.parts.push(Part::Base64(raw));
        });
    }

    /// Ends the document.
    pub fn finish(mut self) -> Body {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(Bytes::from(self.text)));
        }
        Body::new(self.parts)
    }
}

/// Appends `text` escaped for element content and attribute values; characters XML 1.0 cannot hold are left out.
fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if is_xml_char(c) => out.push(c),
            _ => {}
        }
    }
}

/// Says whether XML 1.0 can hold `c` (section 2.2, production `Char`).
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml::default();
        write(&mut xml);
        String::from_utf8(xml.finish().to_vec()).expect("what we write is UTF-8")
    }

    #[test]
    fn an_element_without_content_is_closed_at_once() {
        assert_eq!(text(|x| x.empty("t:A", &[("Id", "1")])), "<t:A Id=\"1\"/>");
    }

    #[test]
    fn markup_in_text_and_attributes_is_escaped() {
        let out = text(|x| x.element("a", &[("b", "\"<&\n")], |x| x.leaf("c", "1 < 2 & 3 > 2\r")));
        assert_eq!(out, "<a b=\"&quot;&lt;&amp;&#10;\"><c>1 &lt; 2 &amp; 3 &gt; 2&#13;</c></a>");
    }

    #[test]
    fn characters_that_xml_cannot_hold_are_left_out() {
        assert_eq!(text(|x| x.leaf("a", "x\u{0}\u{1}\u{b}\u{1f}\u{FFFE}\u{FFFF}y\u{10FFFF}")), "<a>xy\u{10FFFF}</a>");
    }

    #[test]
    fn base64_stands_where_it_was_written() {
        let out = text(|x| {
            x.element("a", &[], |x| {
                x.base64("b", Bytes::from_static(b"mail"));
                x.leaf("c", "d");
            })
        });
        assert_eq!(out, "<a><b>bWFpbA==</b><c>d</c></a>");
    }
}

//! Writes elements as text, escaped, without what XML 1.0 cannot hold.

/// A growing piece of XML.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element with attributes.
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.start(name, attributes);
        self.out.push('>');
        self
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) -> &mut Self {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self
    }

    /// Writes an element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.start(name, attributes);
        self.out.push_str("/>");
        self
    }

    /// Writes an element with text.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name, &[]);
        self.escape(text);
        self.close(name)
    }

    /// Writes an element with text when there is one.
    pub fn optional(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.text(name, text);
        }
        self
    }

    /// Writes a truth value.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.text(name, if value { "true" } else { "false" })
    }

    /// Writes XML that is ready.
    pub fn raw(&mut self, xml: &str) -> &mut Self {
        self.out.push_str(xml);
        self
    }

    /// Writes character data.
    pub fn escape(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#xD;"),
                '\t' | '\n' => self.out.push(c),
                c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => self.out.push('\u{fffd}'),
                c => self.out.push(c),
            }
        }
        self
    }

    /// Gives what was written.
    pub fn finish(self) -> String {
        self.out
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.escape(value);
            self.out.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_out_as_it_went_in() {
        let text = "a & <b> \"c\" \r\n\tä 漢";
        let mut writer = Writer::new();
        writer.open("a", &[("x", text)]).escape(text).close("a");
        let read = crate::xml::parse(writer.finish().as_bytes()).unwrap();
        assert_eq!(read.text, text);
    }

    #[test]
    fn characters_outside_xml_are_replaced() {
        let mut writer = Writer::new();
        writer.text("a", "x\u{1}y\u{0}z");
        assert_eq!(writer.finish(), "<a>x\u{fffd}y\u{fffd}z</a>");
    }
}

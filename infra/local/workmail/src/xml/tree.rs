//! Reads a document into a tree keyed on namespace and local name.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// The namespaces of an EWS envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ns {
    /// SOAP 1.1 envelope.
    Soap,
    /// EWS messages (`m:`).
    Messages,
    /// EWS types (`t:`).
    Types,
    /// Anything else, or none.
    Other,
}

impl Ns {
    fn of(uri: &str) -> Self {
        match uri {
            "http://schemas.xmlsoap.org/soap/envelope/" => Self::Soap,
            "http://schemas.microsoft.com/exchange/services/2006/messages" => Self::Messages,
            "http://schemas.microsoft.com/exchange/services/2006/types" => Self::Types,
            _ => Self::Other,
        }
    }

    /// Gives the customary prefix.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Soap => "soap",
            Self::Messages => "m",
            Self::Types => "t",
            Self::Other => "?",
        }
    }
}

/// One element with its attributes (without namespace), children and own text.
#[derive(Debug, Clone)]
pub struct Element {
    /// Namespace.
    pub ns: Ns,
    /// Local name.
    pub name: String,
    /// Attributes without a prefix, in order.
    pub attributes: Vec<(String, String)>,
    /// Child elements, in order.
    pub children: Vec<Element>,
    /// Character data directly inside, joined.
    pub text: String,
}

impl Element {
    /// Finds the first child of that local name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Follows local names downwards.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// Gives an attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Gives the trimmed text of a child.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.trim())
    }

    /// Names the element as `m:FindItem`.
    pub fn label(&self) -> String {
        format!("{}:{}", self.ns.prefix(), self.name)
    }
}

/// The document is not well-formed, or has a document type.
#[derive(Debug, thiserror::Error)]
#[error("not well-formed XML: {0}")]
pub struct MalformedXml(String);

fn broken(what: impl ToString) -> MalformedXml {
    MalformedXml(what.to_string())
}

/// Reads a whole document.
pub fn parse(bytes: &[u8]) -> Result<Element, MalformedXml> {
    let text = std::str::from_utf8(bytes).map_err(broken)?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let (resolved, event) = reader.read_resolved_event().map_err(broken)?;
        match event {
            Event::Start(start) => {
                if open.is_empty() && root.is_some() {
                    return Err(broken("two root elements"));
                }
                let ns = match resolved {
                    ResolveResult::Bound(ns) => Ns::of(ns.into_inner()),
                    ResolveResult::Unbound => Ns::Other,
                    ResolveResult::Unknown(prefix) => return Err(broken(format!("unknown prefix {prefix:?}"))),
                };
                open.push(element(ns, &start)?);
                if open.len() > 64 {
                    return Err(broken("nested too deep"));
                }
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| broken("end without start"))?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(text) => append(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(broken)? {
                    Some(character) => character.to_string(),
                    None => named(&reference.xml_content(XmlVersion::Implicit1_0))?.to_owned(),
                };
                append(&mut open, &resolved)?;
            }
            Event::DocType(_) => return Err(broken("a document type is refused")),
            Event::Eof => break,
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    if !open.is_empty() {
        return Err(broken("the document ends too early"));
    }
    root.ok_or_else(|| broken("no root element"))
}

fn element(ns: Ns, start: &BytesStart<'_>) -> Result<Element, MalformedXml> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(broken)?;
        let name: &str = attribute.key.into_inner();
        if name == "xmlns" || name.contains(':') {
            continue;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(broken)?;
        attributes.push((name.to_owned(), value.into_owned()));
    }
    let name: &str = start.local_name().into_inner();
    Ok(Element { ns, name: name.to_owned(), attributes, children: Vec::new(), text: String::new() })
}

fn append(open: &mut [Element], text: &str) -> Result<(), MalformedXml> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(broken("text outside the root element")),
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static str, MalformedXml> {
    Ok(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        other => return Err(broken(format!("unknown entity {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: &str = r#"<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body><A x="1 &amp; 2">a&lt;b&#x41;<B/></A></s:Body></s:Envelope>"#;

    #[test]
    fn names_are_keyed_on_the_namespace() {
        let root = parse(DOC.as_bytes()).unwrap();
        assert_eq!(root.label(), "soap:Envelope");
        let a = root.at(&["Body", "A"]).unwrap();
        assert_eq!((a.label().as_str(), a.text.as_str()), ("t:A", "a<bA"));
        assert_eq!(a.attribute("x"), Some("1 & 2"));
        assert_eq!(a.children.len(), 1);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bad in
            ["", "<a>", "<a></b>", "<a/><b/>", "x", "<p:a/>", "<!DOCTYPE a><a/>", "<a>&nope;</a>", "<a x='1' x='2'/>"]
        {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
    }
}

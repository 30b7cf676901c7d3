//! Reads an answer into a small tree, keyed on namespace and local name; everything in it is optional.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::xml::{ERRORS_NS, MESSAGES_NS, SOAP_NS, TYPES_NS};

/// Elements nested deeper than this are an attack or a mistake.
const MAX_DEPTH: usize = 64;

/// The namespaces an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ns {
    /// SOAP 1.1 envelope.
    Soap,
    /// EWS messages.
    Messages,
    /// EWS types.
    Types,
    /// EWS errors (fault details).
    Errors,
    /// Anything else, also no namespace.
    Other,
}

/// One element; text that needed no unescaping is borrowed from the answer.
#[derive(Debug)]
pub struct Node<'a> {
    /// Namespace.
    pub ns: Ns,
    name: String,
    attributes: Vec<(String, String)>,
    text: Cow<'a, str>,
    children: Vec<Self>,
}

/// Why an answer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing came back.
    #[error("the answer is empty")]
    Empty,
    /// A web page came back, as from a proxy or load balancer.
    #[error("the answer is a web page, not EWS")]
    Html,
    /// The XML is broken or cut off.
    #[error("the answer is not well-formed XML: {0}")]
    Xml(String),
    /// XML, but not the answer to what was asked.
    #[error("the answer holds no {0}")]
    Missing(&'static str),
}

impl<'a> Node<'a> {
    /// Reads a whole document.
    pub fn parse(text: &'a str) -> Result<Self, Unreadable> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.is_empty() {
            return Err(Unreadable::Empty);
        }
        if looks_like_html(text) {
            return Err(Unreadable::Html);
        }
        let mut reader = NsReader::from_str(text);
        let mut open: Vec<Node<'a>> = Vec::new();
        loop {
            let event = reader.read_event().map_err(|e| Unreadable::Xml(e.to_string()))?;
            match event {
                Event::Start(start) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(Unreadable::Xml("nested too deeply".into()));
                    }
                    open.push(node(&reader, &start));
                }
                Event::Empty(start) => {
                    let node = node(&reader, &start);
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Ok(node),
                    }
                }
                Event::End(_) => {
                    let Some(done) = open.pop() else { return Err(Unreadable::Xml("an end without a start".into())) };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Ok(done),
                    }
                }
                Event::Text(text) => add(open.last_mut(), text.xml10_content()),
                Event::CData(text) => add(open.last_mut(), text.xml10_content()),
                Event::GeneralRef(name) => add(open.last_mut(), reference(&name)),
                Event::Eof => return Err(Unreadable::Xml("cut off".into())),
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            }
        }
    }

    /// Says whether this is the element `name` of `ns`.
    pub fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    /// Gives the local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the first child `name` of `ns`.
    pub fn child(&self, ns: Ns, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.is(ns, name))
    }

    /// Gives all children in order.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.children.iter()
    }

    /// Gives the first descendant with this local name, whatever its namespace.
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|c| if c.name == name { Some(c) } else { c.find(name) })
    }

    /// Gives an attribute by local name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// Gives the text directly inside, trimmed; `None` when there is none.
    pub fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|t| !t.is_empty())
    }

    /// Gives the text of the types-namespace child `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(Ns::Types, name).and_then(Node::text)
    }

    /// Gives the text of the types-namespace child `name` as a number; nonsense is `None`.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.value(name)?.parse().ok()
    }

    /// Gives the text of the types-namespace child `name` as an XML boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        boolean(self.value(name)?)
    }
}

/// Reads an XML Schema boolean.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "True" => Some(true),
        "false" | "0" | "False" => Some(false),
        _ => None,
    }
}

fn node<'a>(reader: &NsReader<&'a [u8]>, start: &BytesStart<'_>) -> Node<'a> {
    let (ns, local) = reader.resolver().resolve_element(start.name());
    let ns = match ns {
        ResolveResult::Bound(ns) => match ns.as_ref() {
            SOAP_NS => Ns::Soap,
            MESSAGES_NS => Ns::Messages,
            TYPES_NS => Ns::Types,
            ERRORS_NS => Ns::Errors,
            _ => Ns::Other,
        },
        ResolveResult::Unbound | ResolveResult::Unknown(_) => Ns::Other,
    };
    let attributes = start
        .attributes()
        .with_checks(false)
        .flatten()
        .map(|a| {
            let value = a.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned);
            (a.key.local_name().as_ref().to_owned(), value.unwrap_or_else(|_| a.value.to_string()))
        })
        .collect();
    Node { ns, name: local.as_ref().to_owned(), attributes, text: Cow::Borrowed(""), children: Vec::new() }
}

fn add<'a>(node: Option<&mut Node<'a>>, text: Cow<'a, str>) {
    let Some(node) = node else { return };
    if node.text.is_empty() {
        node.text = text;
    } else {
        node.text.to_mut().push_str(&text);
    }
}

/// Resolves what stands between `&` and `;`; what nobody defined stays as it was written.
fn reference<'a>(name: &quick_xml::events::BytesRef<'_>) -> Cow<'a, str> {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return Cow::Owned(c.to_string());
    }
    let raw = name.xml10_content();
    match raw.as_ref() {
        "lt" => Cow::Borrowed("<"),
        "gt" => Cow::Borrowed(">"),
        "amp" => Cow::Borrowed("&"),
        "quot" => Cow::Borrowed("\""),
        "apos" => Cow::Borrowed("'"),
        other => Cow::Owned(format!("&{other};")),
    }
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    start.contains("<!doctype html")
        || start.starts_with("<html")
        || start.contains("<html ")
        || start.contains("<html>")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_matched_by_namespace_not_by_prefix() {
        let xml = format!("<x:A xmlns:x='{TYPES_NS}'><B xmlns='{MESSAGES_NS}'>1</B><x:B>2</x:B></x:A>");
        let node = Node::parse(&xml).expect("well-formed");
        assert_eq!(node.value("B"), Some("2"));
        assert_eq!(node.child(Ns::Messages, "B").and_then(Node::text), Some("1"));
    }

    #[test]
    fn text_with_references_and_cdata_is_joined() {
        let node = Node::parse("<a>1 &lt; 2 &amp;&#x41;&#65; <![CDATA[<b>]]>&nbsp;</a>").expect("well-formed");
        assert_eq!(node.text(), Some("1 < 2 &AA <b>&nbsp;"));
    }

    #[test]
    fn an_empty_body_a_web_page_and_a_cut_answer_are_told_apart() {
        assert_eq!(Node::parse("  \r\n").unwrap_err(), Unreadable::Empty);
        assert_eq!(Node::parse("<!DOCTYPE HTML><html><p>502").unwrap_err(), Unreadable::Html);
        assert!(matches!(Node::parse("<a><b>").unwrap_err(), Unreadable::Xml(_)));
        assert!(matches!(Node::parse("Service Unavailable").unwrap_err(), Unreadable::Xml(_)));
    }

    #[test]
    fn endless_nesting_is_refused() {
        assert!(matches!(Node::parse(&"<a>".repeat(100_000)).unwrap_err(), Unreadable::Xml(_)));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>/a-z&;:'\"= !\\[\\]#x0-9\u{feff}-]{0,80}") {
            let _ = Node::parse(&text);
        }
    }
}

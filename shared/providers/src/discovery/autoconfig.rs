//! The autoconfig document (config-v1.1.xml): which IMAP server it names.

use super::Address;
use crate::provider::Auth;
use mailcrane_core::address::is_host_name;
use mailcrane_core::ports::source::Security;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// How deep elements may be nested.
const DEEPEST: usize = 20;

/// A server that a document names, for one address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) username: String,
    pub(super) auth: Vec<Auth>,
    pub(super) name: Option<String>,
}

/// A document is no XML, or no autoconfig document.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is no XML")]
    Xml(#[from] quick_xml::Error),
    #[error("it is nested too deeply")]
    Deep,
    #[error("it is no autoconfig document")]
    Other,
}

/// Texts of one `incomingServer`, by the names of their elements.
type Parts = Vec<(String, String)>;

/// Reads a document and picks the first IMAP server with TLS, else the first with STARTTLS; one without protection is
/// never picked.
pub(super) fn read(text: &str, address: &Address) -> Result<Option<Server>, Unreadable> {
    let (servers, name) = parts(text)?;
    let mut found: Vec<Server> = servers.iter().filter_map(|parts| server(parts, address)).collect();
    found.sort_by_key(|server| server.security != Security::Tls);
    let first = found.into_iter().next();
    Ok(first.map(|server| Server { name: Some(name).filter(|name| !name.is_empty()), ..server }))
}

/// Returns the parts of every IMAP server, in the order of the document, and the provider's name.
fn parts(text: &str) -> Result<(Vec<Parts>, String), Unreadable> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    let (mut open, mut servers, mut name) = (Vec::<String>::new(), Vec::<Parts>::new(), String::new());
    let (mut within, mut content, mut known) = (false, String::new(), false);
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                let element = start.local_name().as_ref().to_owned();
                if open.len() >= DEEPEST {
                    return Err(Unreadable::Deep);
                }
                known |= element == "clientConfig";
                if element == "incomingServer" && is_imap(&start) {
                    (within, _) = (true, servers.push(Parts::new()));
                }
                open.push(element);
                content.clear();
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::CData(text) => content.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => content.push(reference(&name)),
            Event::End(_) => {
                let Some(element) = open.pop() else { return Err(Unreadable::Other) };
                let text = std::mem::take(&mut content).trim().to_owned();
                if element == "incomingServer" {
                    within = false;
                } else if within {
                    if let Some(parts) = servers.last_mut() {
                        parts.push((element, text));
                    }
                } else if element == "displayName" && name.is_empty() {
                    name = text.chars().take(100).collect();
                }
            }
            Event::Eof if known && open.is_empty() => return Ok((servers, name)),
            Event::Eof => return Err(Unreadable::Other),
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
    }
}

fn is_imap(start: &BytesStart<'_>) -> bool {
    let mut attributes = start.attributes();
    attributes
        .with_checks(false)
        .flatten()
        .any(|one| one.key.local_name().as_ref() == "type" && one.value.trim().eq_ignore_ascii_case("imap"))
}

/// Resolves the characters that XML itself defines; a document may define no others here.
fn reference(name: &BytesRef<'_>) -> char {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return c;
    }
    match name.xml10_content().as_ref() {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => '?',
    }
}

fn server(parts: &Parts, address: &Address) -> Option<Server> {
    let all = |name: &'static str| parts.iter().filter(move |(key, _)| key == name).map(|(_, text)| text.as_str());
    let security = match all("socketType").next()?.to_ascii_uppercase().as_str() {
        "SSL" | "TLS" => Security::Tls,
        "STARTTLS" => Security::Starttls,
        _ => return None,
    };
    let host = filled(all("hostname").next()?, address).to_lowercase();
    let port = all("port").next()?.parse().ok().filter(|port| *port != 0)?;
    let username = all("username").next().map_or_else(|| address.whole().to_owned(), |text| filled(text, address));
    let mut auth: Vec<Auth> = all("authentication").filter_map(way).collect();
    auth.dedup();
    (is_host_name(&host) && host.contains('.')).then_some(Server { host, port, security, username, auth, name: None })
}

fn way(text: &str) -> Option<Auth> {
    match text.to_ascii_lowercase().as_str() {
        "password-cleartext" | "plain" | "password-encrypted" | "secure" => Some(Auth::Password),
        "oauth2" => Some(Auth::Oauth2),
        _ => None,
    }
}

/// Puts the address into a text with placeholders.
fn filled(text: &str, address: &Address) -> String {
    text.replace("%EMAILADDRESS%", address.whole())
        .replace("%EMAILLOCALPART%", address.local())
        .replace("%EMAILDOMAIN%", address.domain())
}

#[cfg(test)]
mod tests;

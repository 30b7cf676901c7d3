//! Reads an envelope and checks it: form, version, schema.

use super::answer::Fault;
use super::schema;
use crate::xml::{self, Element, Ns};

/// A request that is valid.
#[derive(Debug)]
pub struct Request {
    /// The element inside soap:Body.
    pub body: Element,
    /// Address in an `ExchangeImpersonation` header.
    pub impersonated: Option<String>,
}

const LEVELS: [&str; 5] = ["Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2"];

/// Reads and checks a request at most of the level given.
pub fn read(bytes: &[u8], max_version: &str) -> Result<Request, Fault> {
    let root = xml::parse(bytes)
        .map_err(|e| Fault::new("ErrorSchemaValidation", &format!("The request failed schema validation: {e}")))?;
    let shape =
        |why: &str| Fault::new("ErrorSchemaValidation", &format!("The request failed schema validation: {why}"));
    if root.ns != Ns::Soap || root.name != "Envelope" {
        return Err(shape("the root element is no soap:Envelope."));
    }
    let mut header: Option<Element> = None;
    let mut body: Option<Element> = None;
    for part in root.children {
        match (part.ns, part.name.as_str()) {
            (Ns::Soap, "Header") if header.is_none() && body.is_none() => header = Some(part),
            (Ns::Soap, "Body") if body.is_none() => body = Some(part),
            _ => return Err(shape(&format!("the envelope has invalid child element '{}'.", part.label()))),
        }
    }
    let headers = header.map(|h| h.children).unwrap_or_default();
    version(&headers, max_version)?;
    for header in headers.iter().filter(|h| h.ns == Ns::Types) {
        schema::check("header", header).map_err(|why| shape(&why))?;
    }
    let mut inside = body.map(|b| b.children).unwrap_or_default();
    let (Some(operation), true) = (inside.pop(), inside.is_empty()) else {
        return Err(shape("soap:Body must have exactly one element."));
    };
    schema::check("body", &operation).map_err(|why| shape(&why))?;
    Ok(Request { body: operation, impersonated: impersonated(&headers)? })
}

fn version(headers: &[Element], max_version: &str) -> Result<(), Fault> {
    let asked = headers.iter().find(|h| h.name == "RequestServerVersion").and_then(|h| h.attribute("Version"));
    let rank = |name: &str| LEVELS.iter().position(|l| *l == name);
    let Some(asked) = asked else {
        return Ok(());
    };
    match (rank(asked), rank(max_version)) {
        (Some(asked), Some(most)) if asked <= most => Ok(()),
        _ => Err(Fault::new("ErrorInvalidServerVersion", "The specified server version is invalid.")),
    }
}

fn impersonated(headers: &[Element]) -> Result<Option<String>, Fault> {
    let Some(sid) = headers.iter().find(|h| h.name == "ExchangeImpersonation").and_then(|h| h.child("ConnectingSID"))
    else {
        return Ok(None);
    };
    match sid.children.first() {
        Some(id) if id.name != "SID" => Ok(Some(id.text.trim().to_owned())),
        _ => Err(Fault::new(
            "ErrorInvalidExchangeImpersonationHeaderData",
            "The impersonation header names nobody that can be found.",
        )),
    }
}

/// Gives the things that a request is about, one response message each.
pub fn items(body: &Element) -> Vec<&Element> {
    let list = match body.name.as_str() {
        "CreateItem" => "Items",
        "CreateFolder" => "Folders",
        "UpdateItem" => "ItemChanges",
        "UpdateFolder" => "FolderChanges",
        "GetItem" | "MoveItem" | "DeleteItem" => "ItemIds",
        "ConvertId" => "SourceIds",
        "GetFolder" | "MoveFolder" | "DeleteFolder" => "FolderIds",
        _ => "ParentFolderIds",
    };
    body.child(list).map(|l| l.children.iter().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: &str, body: &str) -> Result<Request, Fault> {
        let xml = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types' \
             xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages'><s:Header><t:RequestServerVersion Version='{version}'/></s:Header>\
             <s:Body>{body}</s:Body></s:Envelope>"
        );
        read(xml.as_bytes(), "Exchange2010_SP2")
    }

    const GET: &str = "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>\
        <m:FolderIds><t:DistinguishedFolderId Id='inbox'/></m:FolderIds></m:GetFolder>";

    #[test]
    fn levels_up_to_2010_sp2_are_accepted() {
        for level in LEVELS {
            assert!(request(level, GET).is_ok(), "{level}");
        }
        for level in ["Exchange2013", "Exchange2016", "Exchange2010_SP3"] {
            let fault = request(level, GET).unwrap_err();
            assert_eq!(fault.failure.code, "ErrorInvalidServerVersion");
            assert!(!fault.envelope().contains("soap:Header"));
        }
    }

    #[test]
    fn a_newer_level_is_refused_before_the_schema_is_looked_at() {
        assert_eq!(request("Exchange2013", "<m:FindPeople/>").unwrap_err().failure.code, "ErrorInvalidServerVersion");
        assert_eq!(request("Exchange2010", "<m:FindPeople/>").unwrap_err().failure.code, "ErrorSchemaValidation");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for bad in
            ["", "<html><body>hi</body></html>", "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>"]
        {
            assert_eq!(read(bad.as_bytes(), "Exchange2010_SP2").unwrap_err().failure.code, "ErrorSchemaValidation");
        }
        assert!(request("Exchange2010", &format!("{GET}{GET}")).is_err());
    }
}

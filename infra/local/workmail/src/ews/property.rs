//! Extended properties: their canonical tags, and those that the store computes.

use super::answer::{ItemError, fail};
use crate::clock;
use crate::store::item::Item;
use crate::xml::{Element, Writer};

/// The categories under their other name.
pub(super) const KEYWORDS: &str = "PublicStrings/Keywords:StringArray";

/// An extended property as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Canonical tag with its type, such as `0x0E07:Integer`.
    pub tag: String,
    attributes: Vec<(String, String)>,
}

/// Reads `0x0e07` or `3591`.
pub(super) fn tag_number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if (1..=4).contains(&hex.len()) => u16::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

impl Property {
    /// Reads an `ExtendedFieldURI`; exactly one way of naming is allowed.
    pub fn read(uri: &Element) -> Result<Self, ItemError> {
        let get = |name| uri.attribute(name);
        let kind = get("PropertyType").unwrap_or_default();
        let set = get("DistinguishedPropertySetId").or(get("PropertySetId"));
        let name = match (get("PropertyTag"), set, get("PropertyName"), get("PropertyId")) {
            (Some(tag), None, None, None) => tag_number(tag).map(|n| format!("0x{n:04X}")),
            (None, Some(set), Some(name), None) => Some(format!("{set}/{name}")),
            (None, Some(set), None, Some(id)) => Some(format!("{set}/#{id}")),
            _ => None,
        };
        let both_sets = get("DistinguishedPropertySetId").is_some() && get("PropertySetId").is_some();
        match name {
            Some(name) if !both_sets => {
                // Tags come back as Exchange spells them: lower-case hex without leading zeros.
                let spelt = |k: &str, v: &str| match tag_number(v) {
                    Some(number) if k == "PropertyTag" => format!("{number:#x}"),
                    _ => v.to_owned(),
                };
                let attributes = uri.attributes.iter().map(|(k, v)| (k.clone(), spelt(k, v))).collect();
                Ok(Self { tag: format!("{name}:{kind}"), attributes })
            }
            _ => fail(
                "ErrorInvalidExtendedProperty",
                "The combination of attributes of the extended property is invalid.",
            ),
        }
    }

    /// Says whether values are lists.
    pub fn is_array(&self) -> bool {
        self.tag.ends_with("Array")
    }

    /// Checks that a value suits the property's type, and gives it in canonical form.
    pub fn value(&self, element: &Element) -> Result<String, ItemError> {
        let invalid =
            || fail("ErrorInvalidExtendedPropertyValue", "The extended property's value does not suit its type.");
        if let Some(values) = element.child("Values") {
            if !self.is_array() {
                return invalid();
            }
            let list: Vec<&str> = values.children.iter().map(|v| v.text.as_str()).collect();
            return Ok(serde_json::to_string(&list).unwrap_or_default());
        }
        let text = element.child("Value").map(|v| v.text.as_str()).unwrap_or_default();
        let kind = self.tag.rsplit(':').next().unwrap_or_default();
        match kind {
            _ if self.is_array() => invalid(),
            "Integer" | "Long" | "Short" => {
                text.trim().parse::<i64>().map_or_else(|_| invalid(), |n| Ok(n.to_string()))
            }
            "Boolean" => match text.trim() {
                "true" | "1" => Ok("true".to_owned()),
                "false" | "0" => Ok("false".to_owned()),
                _ => invalid(),
            },
            "SystemTime" => clock::parse(text).map_or_else(invalid, |s| Ok(clock::seconds_text(s))),
            _ => Ok(text.to_owned()),
        }
    }

    /// Writes the property with a value.
    pub fn write(&self, w: &mut Writer, value: &str) {
        let attributes: Vec<(&str, &str)> = self.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        w.open("t:ExtendedProperty", &[]).empty("t:ExtendedFieldURI", &attributes);
        if self.is_array() {
            w.open("t:Values", &[]);
            for value in serde_json::from_str::<Vec<String>>(value).unwrap_or_default() {
                w.text("t:Value", &value);
            }
            w.close("t:Values");
        } else {
            w.text("t:Value", value);
        }
        w.close("t:ExtendedProperty");
    }
}

/// Gives the value of a property that is kept in the item itself.
pub(super) fn computed(item: &Item, tag: &str, with_attachment_flag: bool) -> Option<String> {
    let truth = |value: bool| if value { "true" } else { "false" }.to_owned();
    let importance = match item.importance.as_str() {
        "Low" => "0",
        "High" => "2",
        _ => "1",
    };
    Some(match tag {
        "0x0E07:Integer" => item.message_flags(with_attachment_flag).to_string(),
        "0x0E06:SystemTime" => clock::seconds_text(item.received),
        "0x0039:SystemTime" => clock::seconds_text(item.sent),
        "0x3007:SystemTime" => clock::seconds_text(item.created_ms.div_euclid(1000)),
        "0x3008:SystemTime" => clock::seconds_text(item.modified_ms.div_euclid(1000)),
        "0x0037:String" | "0x0E1D:String" | "0x3001:String" => item.subject.clone(),
        "0x001A:String" => item.class.clone(),
        "0x1035:String" => return item.message_id.clone(),
        "0x1042:String" => return item.headers.in_reply_to.clone(),
        "0x1039:String" => return item.headers.references.clone(),
        "0x0E08:Integer" => item.size.to_string(),
        "0x0E23:Integer" => item.id.to_string(),
        "0x0E69:Boolean" => truth(item.is_read),
        "0x0E1B:Boolean" => truth(item.attachments),
        "0x0017:Integer" => importance.to_owned(),
        KEYWORDS if item.categories.is_empty() => return None,
        KEYWORDS => serde_json::to_string(&item.categories).unwrap_or_default(),
        _ => return None,
    })
}

/// Says whether a property cannot be set.
pub(super) fn is_read_only(tag: &str) -> bool {
    ["0x0E08:", "0x0E23:", "0x0E1B:", "0x3007:", "0x3008:", "0x1035:", "0x0FFF:"].iter().any(|t| tag.starts_with(t))
}

//! Items as listings and reads describe them; everything but the id may be missing.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;

use super::field::{Field, KEY_PROPERTY, VERB_PROPERTY};
use super::node::{Node, Ns};
use super::time;
use super::xml::Xml;

/// Identity of an item; opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId {
    /// Stays the same as long as the item stays in its folder.
    pub id: String,
    /// Changes with each change of the item.
    pub change_key: Option<String>,
}

impl ItemId {
    /// Takes an id without its change key.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), change_key: None }
    }
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Identity.
    pub id: ItemId,
    /// Id of the folder it is in.
    pub parent: Option<String>,
    /// `IPM.Note` and the like.
    pub class: Option<String>,
    /// Message-ID with its angle brackets, as the server keeps it.
    pub message_id: Option<String>,
    /// Size in octets as the server counts it, which is not the size of the MIME.
    pub size: Option<u64>,
    /// Received date.
    pub received: Option<Timestamp>,
    /// When the server made it.
    pub created: Option<Timestamp>,
    /// Our key.
    pub key: Option<String>,
    /// Whether it was read.
    pub read: Option<bool>,
    /// Whether it is a draft (`item:IsDraft` or bit 3 of the message flags).
    pub draft: Option<bool>,
    /// `PR_FLAG_STATUS`; 2 is flagged.
    pub flag_status: Option<i64>,
    /// `PR_LAST_VERB_EXECUTED`; 102 and 103 answered, 104 forwarded.
    pub last_verb: Option<i64>,
    /// `PR_ICON_INDEX`; 262 is forwarded.
    pub icon: Option<i64>,
    /// The verb the item was stored with by us.
    pub stored_verb: Option<i64>,
    /// Sent date (`PR_CLIENT_SUBMIT_TIME`).
    pub sent: Option<Timestamp>,
    /// Categories.
    pub categories: Vec<String>,
    /// The MIME, when asked for and decodable.
    pub mime: Option<Vec<u8>>,
}

impl Item {
    /// Reads one item element of any type; `None` without an id.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let flags: Option<i64> = extended(node, Field::MESSAGE_FLAGS).and_then(|v| v.parse().ok());
        let number = |field| extended(node, field).and_then(|v| v.parse().ok());
        Some(Self {
            id: id(node)?,
            parent: node.child(Ns::Types, "ParentFolderId").and_then(|p| p.attribute("Id")).map(str::to_owned),
            class: node.value("ItemClass").map(str::to_owned),
            message_id: node.value("InternetMessageId").map(str::to_owned),
            size: node.number("Size"),
            received: node.value("DateTimeReceived").and_then(time::read),
            created: node.value("DateTimeCreated").and_then(time::read),
            key: extended(node, Field::Key).map(str::to_owned),
            read: node.boolean("IsRead").or(flags.map(|f| f & 1 != 0)),
            draft: node.boolean("IsDraft").or(flags.map(|f| f & 8 != 0)),
            flag_status: number(Field::FLAG_STATUS),
            last_verb: number(Field::LAST_VERB),
            icon: number(Field::ICON_INDEX),
            stored_verb: number(Field::StoredVerb),
            sent: extended(node, Field::SUBMIT_TIME).or(node.value("DateTimeSent")).and_then(time::read),
            categories: strings(node.child(Ns::Types, "Categories")),
            mime: node.value("MimeContent").and_then(decode),
        })
    }

    /// Says whether the item was answered or forwarded after we stored it.
    #[must_use]
    pub fn worked_on(&self) -> bool {
        let verb = |v: Option<i64>| v.filter(|v| *v != 0);
        verb(self.last_verb) != verb(self.stored_verb)
    }
}

/// Decodes base64 with line breaks and with or without padding; `None` when it is not base64.
fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &ALPHABET,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        let dense: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        return LENIENT.decode(dense).ok();
    }
    LENIENT.decode(text).ok()
}

fn strings(node: Option<&Node<'_>>) -> Vec<String> {
    let texts = node.into_iter().flat_map(Node::children).filter(|c| c.is(Ns::Types, "String"));
    texts.filter_map(Node::text).map(str::to_owned).collect()
}

/// Gives the value of an extended property; servers write the tag in hex or decimal.
fn extended<'n>(node: &'n Node<'_>, field: Field) -> Option<&'n str> {
    let matches = |property: &&Node<'_>| {
        let Some(uri) = property.child(Ns::Types, "ExtendedFieldURI") else { return false };
        let named = |name: &str| uri.attribute("PropertyName").is_some_and(|n| n.eq_ignore_ascii_case(name));
        match field {
            Field::Uri(_) => false,
            Field::Tag(tag, _) => uri.attribute("PropertyTag").and_then(parse_tag) == Some(tag),
            Field::Key => named(KEY_PROPERTY),
            Field::StoredVerb => named(VERB_PROPERTY),
        }
    };
    let property = node.children().filter(|c| c.is(Ns::Types, "ExtendedProperty")).find(matches)?;
    property.value("Value")
}

fn parse_tag(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn id(node: &Node<'_>) -> Option<ItemId> {
    let id = node.child(Ns::Types, "ItemId")?;
    Some(ItemId { id: id.attribute("Id")?.to_owned(), change_key: id.attribute("ChangeKey").map(str::to_owned) })
}

/// Gives the id of the first item of `m:Items`.
pub(super) fn first_item_id(message: &Node<'_>) -> Option<ItemId> {
    message.child(Ns::Messages, "Items")?.children().find_map(id)
}

/// Writes `m:ItemIds`.
pub(super) fn write_ids(xml: &mut Xml, items: &[ItemId]) {
    xml.element("m:ItemIds", &[], |xml| {
        for item in items {
            match &item.change_key {
                Some(change_key) => xml.empty("t:ItemId", &[("Id", &item.id), ("ChangeKey", change_key)]),
                None => xml.empty("t:ItemId", &[("Id", &item.id)]),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_line_breaks_and_without_padding() {
        assert_eq!(decode("bWFp\r\nbA==").as_deref(), Some(&b"mail"[..]));
        assert_eq!(decode("bWFpbA").as_deref(), Some(&b"mail"[..]));
        assert_eq!(decode("no base64!"), None);
    }

    #[test]
    fn tags_are_read_in_hex_and_decimal() {
        assert_eq!(
            (parse_tag("0x0e07"), parse_tag("0xE07"), parse_tag("3591"), parse_tag("?")),
            (Some(0xE07), Some(0xE07), Some(0xE07), None)
        );
    }
}

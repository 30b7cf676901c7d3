//! Names of properties: EWS fields and MAPI properties with the values of the property table.

use super::xml::Xml;

/// Name under which our key is kept in the set `PublicStrings`.
pub const KEY_PROPERTY: &str = "X-Mailcrane-Key";
/// Name under which the verb an item was stored with is kept, so that a later answer shows.
pub const VERB_PROPERTY: &str = "X-Mailcrane-Verb";

/// A property that can be asked for, searched or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// An EWS field, as `item:Size`.
    Uri(&'static str),
    /// A MAPI property tag without its type, and that type.
    Tag(u16, &'static str),
    /// Our key.
    Key,
    /// The value of [`Field::LAST_VERB`] the item was stored with.
    StoredVerb,
}

impl Field {
    /// `PR_MESSAGE_FLAGS`: 1 read, 8 draft; settable at creation only.
    pub const MESSAGE_FLAGS: Self = Self::Tag(0x0E07, "Integer");
    /// `PR_MESSAGE_DELIVERY_TIME`: the received date.
    pub const DELIVERY_TIME: Self = Self::Tag(0x0E06, "SystemTime");
    /// `PR_CLIENT_SUBMIT_TIME`: the sent date.
    pub const SUBMIT_TIME: Self = Self::Tag(0x0039, "SystemTime");
    /// `PR_FLAG_STATUS`: 2 flagged.
    pub const FLAG_STATUS: Self = Self::Tag(0x1090, "Integer");
    /// `PR_LAST_VERB_EXECUTED`: 102 answered, 104 forwarded.
    pub const LAST_VERB: Self = Self::Tag(0x1081, "Integer");
    /// `PR_ICON_INDEX`: 261 answered, 262 forwarded.
    pub const ICON_INDEX: Self = Self::Tag(0x1080, "Integer");

    /// Writes the reference to the property.
    pub(super) fn write(self, xml: &mut Xml) {
        match self {
            Self::Uri(uri) => xml.empty("t:FieldURI", &[("FieldURI", uri)]),
            Self::Tag(tag, kind) => {
                let tag = format!("0x{tag:04x}");
                xml.empty("t:ExtendedFieldURI", &[("PropertyTag", &tag), ("PropertyType", kind)]);
            }
            Self::Key => write_named(xml, KEY_PROPERTY, "String"),
            Self::StoredVerb => write_named(xml, VERB_PROPERTY, "Integer"),
        }
    }

    /// Writes the property with its value as `t:ExtendedProperty`.
    pub(super) fn write_value(self, xml: &mut Xml, value: &str) {
        xml.element("t:ExtendedProperty", &[], |xml| {
            self.write(xml);
            xml.leaf("t:Value", value);
        });
    }
}

fn write_named(xml: &mut Xml, name: &str, kind: &str) {
    let attributes = [("DistinguishedPropertySetId", "PublicStrings"), ("PropertyName", name), ("PropertyType", kind)];
    xml.empty("t:ExtendedFieldURI", &attributes);
}

/// Writes `t:AdditionalProperties`.
pub(super) fn write_shape(xml: &mut Xml, fields: &[Field]) {
    xml.element("t:AdditionalProperties", &[], |xml| fields.iter().for_each(|f| f.write(xml)));
}

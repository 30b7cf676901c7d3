//! Which properties a request wants back.

use super::answer::{ItemError, fail};
use super::property::Property;
use crate::xml::Element;

/// A requested shape.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    base: String,
    /// `MimeContent` is wanted.
    pub(super) mime: bool,
    /// The body is wanted as text even when there is HTML.
    pub(super) plain_body: bool,
    fields: Vec<String>,
    /// Single header fields.
    pub(super) headers: Vec<String>,
    /// Extended properties.
    pub(super) properties: Vec<Property>,
}

const DEFAULT: [&str; 16] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Attachments",
    "item:Size",
    "item:DateTimeSent",
    "item:DateTimeCreated",
    "item:HasAttachments",
    "item:ItemClass",
    "message:From",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:IsRead",
    "message:IsReadReceiptRequested",
    "message:InternetMessageId",
];

const NOT_IN_LISTS: [&str; 9] = [
    "item:MimeContent",
    "item:Body",
    "item:UniqueBody",
    "item:Attachments",
    "item:InternetMessageHeaders",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:ReplyTo",
];

impl Shape {
    /// Reads an `ItemShape` or `FolderShape`.
    pub(super) fn read(element: Option<&Element>) -> Result<Self, ItemError> {
        let Some(element) = element else {
            return Ok(Self::default());
        };
        let mut shape = Self {
            base: element.child_text("BaseShape").unwrap_or("IdOnly").to_owned(),
            mime: element.child_text("IncludeMimeContent").is_some_and(is_true),
            plain_body: element.child_text("BodyType") == Some("Text"),
            ..Self::default()
        };
        for path in element.child("AdditionalProperties").iter().flat_map(|p| &p.children) {
            match path.name.as_str() {
                "ExtendedFieldURI" => shape.properties.push(Property::read(path)?),
                "IndexedFieldURI" => shape.headers.push(path.attribute("FieldIndex").unwrap_or_default().to_owned()),
                _ => shape.fields.push(path.attribute("FieldURI").unwrap_or_default().to_owned()),
            }
        }
        Ok(shape)
    }

    /// Refuses what a listing cannot give.
    pub(super) fn check_listing(&self) -> Result<(), ItemError> {
        if self.mime || !self.headers.is_empty() || self.fields.iter().any(|f| NOT_IN_LISTS.contains(&f.as_str())) {
            return fail("ErrorInvalidPropertyRequest", "Property is not valid for this operation.");
        }
        Ok(())
    }

    /// Says whether a field is wanted.
    pub(super) fn wants(&self, field: &str) -> bool {
        self.fields.iter().any(|f| f == field)
            || self.base == "AllProperties"
            || (self.base == "Default" && DEFAULT.contains(&field))
    }

    /// Says whether a field is wanted in a listing, which leaves out what it cannot give.
    pub(super) fn wants_in(&self, field: &str, listing: bool) -> bool {
        self.wants(field) && !(listing && NOT_IN_LISTS.contains(&field))
    }

    /// Says whether a field of a folder is wanted; their default shape has other names.
    pub(super) fn wants_of_folder(&self, field: &str) -> bool {
        let default = ["folder:DisplayName", "folder:TotalCount", "folder:ChildFolderCount", "folder:UnreadCount"];
        self.fields.iter().any(|f| f == field)
            || self.base == "AllProperties"
            || (self.base == "Default" && default.contains(&field))
    }
}

/// Reads an `xs:boolean`.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text.trim(), "true" | "1")
}

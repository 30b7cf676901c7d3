//! Sets the fields of an item from the elements of a request.

use super::answer::{ItemError, fail};
use super::property::{self, Property};
use super::shape::is_true;
use crate::clock;
use crate::knobs::Settings;
use crate::message::Person;
use crate::store::item::Item;
use crate::xml::Element;

/// What a request sets on an item beyond the item's own columns.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Kept properties; none = remove.
    pub(super) properties: Vec<(String, Option<String>)>,
    /// 0x0E07 as given.
    pub(super) message_flags: Option<i64>,
    /// `IsRead` as given.
    pub(super) is_read: Option<bool>,
    /// Received date as given, in seconds since 1970.
    pub(super) received: Option<i64>,
    /// Sent date as given, in seconds since 1970.
    pub(super) sent: Option<i64>,
    /// Item class as given.
    pub(super) class: Option<String>,
    /// Subject as given.
    pub(super) subject: Option<String>,
    /// Body as given, and whether it is HTML.
    pub(super) body: Option<(String, bool)>,
}

/// Reads one field; what the settings drop is read and forgotten.
pub(super) fn set(
    item: &mut Item,
    changes: &mut Changes,
    field: &Element,
    settings: &Settings,
) -> Result<(), ItemError> {
    if field.name != "ExtendedProperty" && settings.drops(&field.name) {
        return Ok(());
    }
    let text = field.text.as_str();
    match field.name.as_str() {
        "ItemClass" => changes.class = Some(text.to_owned()),
        "Subject" => changes.subject = Some(text.to_owned()),
        "Sensitivity" => text.trim().clone_into(&mut item.sensitivity),
        "Importance" => text.trim().clone_into(&mut item.importance),
        "Categories" => item.categories = field.children.iter().map(|c| c.text.clone()).collect(),
        "IsRead" => changes.is_read = Some(is_true(text)),
        "Body" => changes.body = Some((text.to_owned(), field.attribute("BodyType") == Some("HTML"))),
        "InReplyTo" => item.headers.in_reply_to = Some(text.to_owned()),
        "References" => item.headers.references = Some(text.to_owned()),
        "InternetMessageId" => item.message_id = Some(text.to_owned()),
        "From" => item.headers.from = people(field),
        "Sender" => item.headers.sender = people(field),
        "ToRecipients" => item.headers.to = people(field),
        "CcRecipients" => item.headers.cc = people(field),
        "BccRecipients" => item.headers.bcc = people(field),
        "ReplyTo" => item.headers.reply_to = people(field),
        "ExtendedProperty" => extended(item, changes, field, settings)?,
        "MimeContent"
        | "IsReadReceiptRequested"
        | "IsDeliveryReceiptRequested"
        | "IsResponseRequested"
        | "Culture"
        | "ReminderDueBy"
        | "ReminderIsSet"
        | "ReminderMinutesBeforeStart" => {}
        other => {
            return fail("ErrorInvalidPropertySet", &format!("The property {other} is read-only and cannot be set."));
        }
    }
    Ok(())
}

fn extended(item: &mut Item, changes: &mut Changes, field: &Element, settings: &Settings) -> Result<(), ItemError> {
    let Some(uri) = field.child("ExtendedFieldURI") else {
        return fail("ErrorInvalidExtendedProperty", "The extended property is not named.");
    };
    let property = Property::read(uri)?;
    let value = property.value(field)?;
    if property::is_read_only(&property.tag) {
        return fail("ErrorInvalidPropertySet", "The extended property is read-only and cannot be set.");
    }
    if settings.drops(&property.tag) {
        return Ok(());
    }
    let number = || value.parse::<i64>().ok();
    match property.tag.as_str() {
        "0x0E07:Integer" => changes.message_flags = number(),
        "0x0E69:Boolean" => changes.is_read = Some(value == "true"),
        "0x0E06:SystemTime" => changes.received = clock::parse(&value),
        "0x0039:SystemTime" => changes.sent = clock::parse(&value),
        "0x001A:String" => changes.class = Some(value),
        "0x0037:String" => changes.subject = Some(value),
        "0x0017:Integer" => {
            item.importance = match number() {
                Some(0) => "Low",
                Some(2) => "High",
                _ => "Normal",
            }
            .to_owned();
        }
        property::KEYWORDS if settings.drops("Categories") => {}
        property::KEYWORDS => item.categories = serde_json::from_str(&value).unwrap_or_default(),
        tag => changes.properties.push((tag.to_owned(), Some(value))),
    }
    Ok(())
}

/// Takes a field away again, named by its path.
pub(super) fn clear(item: &mut Item, changes: &mut Changes, path: &Element) -> Result<(), ItemError> {
    if path.name == "ExtendedFieldURI" {
        match Property::read(path)?.tag {
            tag if tag == property::KEYWORDS => item.categories.clear(),
            tag => changes.properties.push((tag, None)),
        }
        return Ok(());
    }
    match path.attribute("FieldURI").unwrap_or_default() {
        "item:Categories" => item.categories.clear(),
        "item:Importance" => "Normal".clone_into(&mut item.importance),
        "item:Subject" => changes.subject = Some(String::new()),
        other => return fail("ErrorInvalidPropertyDelete", &format!("The property {other} cannot be deleted.")),
    }
    Ok(())
}

fn people(field: &Element) -> Vec<Person> {
    let text = |mailbox: &Element, name: &str| mailbox.child_text(name).filter(|t| !t.is_empty()).map(str::to_owned);
    field.children.iter().map(|m| Person { name: text(m, "Name"), email: text(m, "EmailAddress") }).collect()
}

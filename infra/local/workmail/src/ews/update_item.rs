//! `UpdateItem`: read state, categories, importance and extended properties.

use super::answer::{Fault, ItemError, ResponseMessage, fail};
use super::fields::{self, Changes};
use super::{Call, CallError, ids, render};
use crate::store::item::{self, Item};
use crate::store::property;
use crate::xml::Element;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    if call.body.attribute("MessageDisposition").is_none() {
        return Err(
            Fault::new("ErrorMessageDispositionRequired", "Items of this kind need a MessageDisposition.").into()
        );
    }
    let careful = call.body.attribute("ConflictResolution") == Some("NeverOverwrite");
    call.each(&call.items(), "<m:Items/>", |_, change| {
        let Some(id) = change.children.first() else {
            return fail("ErrorItemNotFound", "No item was named.");
        };
        let item = call.access.item(call.c, id)?;
        match id.attribute("ChangeKey") {
            None if careful => return fail("ErrorChangeKeyRequired", "A change key is required for this operation."),
            Some(key) if careful && key != ids::change_key(item.change) => {
                return fail("ErrorIrresolvableConflict", "The item was changed in the meantime.");
            }
            _ => {}
        }
        let changed = update(call, item, change)?;
        let mut content = render::item_id(&changed);
        content.push_str("<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>");
        Ok(content)
    })
}

fn update(call: &Call<'_>, mut item: Item, change: &Element) -> Result<Item, ItemError> {
    let mut changes = Changes::default();
    for update in change.child("Updates").iter().flat_map(|u| &u.children) {
        match (update.name.as_str(), update.children.as_slice()) {
            ("SetItemField", [path, holder]) => match holder.children.as_slice() {
                [field] if suits(path, field) => fields::set(&mut item, &mut changes, field, &call.plan.settings)?,
                [_] => return fail("ErrorUpdatePropertyMismatch", "The property set is not the property named."),
                _ => return fail("ErrorIncorrectUpdatePropertyCount", "Exactly one property is set at a time."),
            },
            ("DeleteItemField", [path]) => fields::clear(&mut item, &mut changes, path)?,
            _ => return fail("ErrorInvalidPropertyAppend", "Properties cannot be appended to."),
        }
    }
    if changes.body.is_some() {
        return fail("ErrorInvalidPropertySet", "The body of a stored message cannot be set.");
    }
    let read = changes.message_flags.map(|f| f & 1 != 0);
    item.is_read = changes.is_read.or(read).unwrap_or(item.is_read);
    item.received = changes.received.unwrap_or(item.received);
    item.sent = changes.sent.unwrap_or(item.sent);
    item.class = changes.class.unwrap_or(item.class);
    item.subject = changes.subject.unwrap_or(item.subject);
    item::update(call.c, &item)?;
    for (tag, value) in changes.properties {
        match value {
            Some(value) => property::set(call.c, item.id, &tag, &value)?,
            None => property::remove(call.c, item.id, &tag)?,
        }
    }
    match item::get(call.c, item.id)? {
        Some(item) => Ok(item),
        None => fail("ErrorItemNotFound", "The specified object was not found in the store."),
    }
}

fn suits(path: &Element, field: &Element) -> bool {
    if path.name == "ExtendedFieldURI" {
        return field.child("ExtendedFieldURI").is_some_and(|uri| uri.attributes == path.attributes);
    }
    path.attribute("FieldURI").and_then(|f| f.split_once(':')).is_some_and(|(_, name)| name == field.name)
}

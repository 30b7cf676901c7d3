//! `MoveItem`: the item gets a new `ItemId`, the old one is gone.

use super::answer::{ResponseMessage, fail};
use super::{Call, CallError, render};
use crate::store::item;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let target = call.part("ToFolderId").and_then(|t| t.children.first());
    call.each(&call.items(), "<m:Items/>", |_, id| {
        let Some(to) = target else {
            return fail("ErrorToFolderNotFound", "No destination was named.");
        };
        let folder = match call.access.folder(call.c, to) {
            Err(super::ItemError::Failure(f)) if f.code == "ErrorFolderNotFound" => {
                return fail("ErrorToFolderNotFound", "The destination could not be found.");
            }
            other => other?,
        };
        let found = call.access.item(call.c, id)?;
        if folder.mailbox != found.mailbox {
            return fail("ErrorMoveCopyFailed", "Items cannot be moved to another mailbox.");
        }
        item::relocate(call.c, found.id, folder.id)?;
        match item::get(call.c, found.id)? {
            Some(moved) => Ok(render::item_id(&moved)),
            None => fail("ErrorItemNotFound", "The specified object was not found in the store."),
        }
    })
}

//! `MoveFolder` to another parent.

use super::answer::{ResponseMessage, fail};
use super::shape::Shape;
use super::{Call, CallError, get_folder};
use crate::store::folder;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let target = call.part("ToFolderId").and_then(|t| t.children.first());
    call.each(&call.items(), "<m:Folders/>", |_, id| {
        let found = call.access.folder(call.c, id)?;
        let Some(to) = target else {
            return fail("ErrorToFolderNotFound", "No destination was named.");
        };
        let parent = call.access.folder(call.c, to)?;
        if found.role.is_some() {
            return fail("ErrorMoveDistinguishedFolder", "A distinguished folder cannot be moved.");
        }
        let inside = parent.id == found.id || folder::below(call.c, &found)?.iter().any(|f| f.id == parent.id);
        if inside || parent.mailbox != found.mailbox {
            return fail("ErrorMoveCopyFailed", "A folder cannot be moved there.");
        }
        if folder::named(call.c, &parent, &found.name)?.is_some_and(|other| other.id != found.id) {
            return fail("ErrorFolderExists", "A folder with the specified name already exists.");
        }
        folder::place(call.c, found.id, parent.id, &found.name)?;
        let after = folder::get(call.c, found.id)?.unwrap_or(found);
        Ok(get_folder::one(&after, Some(&parent), &Shape::default()))
    })
}

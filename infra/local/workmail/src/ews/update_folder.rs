//! `UpdateFolder`: renaming.

use super::answer::{ResponseMessage, fail};
use super::shape::Shape;
use super::{Call, CallError, create_folder, get_folder};
use crate::store::folder;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    call.each(&call.items(), "<m:Folders/>", |_, change| {
        let found = match change.children.first() {
            Some(id) => call.access.folder(call.c, id)?,
            None => return fail("ErrorFolderNotFound", "No folder was named."),
        };
        for update in change.child("Updates").iter().flat_map(|u| &u.children) {
            let field = update.child("FieldURI").and_then(|f| f.attribute("FieldURI"));
            if update.name != "SetFolderField" || field != Some("folder:DisplayName") {
                return fail("ErrorInvalidPropertySet", "Only the display name of a folder can be set.");
            }
            if found.role.is_some() {
                return fail("ErrorAccessDenied", "A distinguished folder cannot be renamed.");
            }
            let name =
                update.children.last().and_then(|f| f.child("DisplayName")).map(|n| n.text.clone()).unwrap_or_default();
            create_folder::check_name(&name)?;
            let Some(parent) = found.parent.map_or(Ok(None), |p| folder::get(call.c, p))? else {
                return fail("ErrorAccessDenied", "The root cannot be renamed.");
            };
            if folder::named(call.c, &parent, &name)?.is_some_and(|other| other.id != found.id) {
                return fail("ErrorFolderExists", "A folder with the specified name already exists.");
            }
            folder::place(call.c, found.id, parent.id, &name)?;
        }
        let after = folder::get(call.c, found.id)?.unwrap_or(found);
        Ok(get_folder::one(&after, None, &Shape::default()))
    })
}

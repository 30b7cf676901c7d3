//! `DeleteFolder`: for good, or into Deleted Items.

use super::answer::{ResponseMessage, fail};
use super::{Call, CallError};
use crate::store::folder;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let to_deleted_items = call.body.attribute("DeleteType") == Some("MoveToDeletedItems");
    call.each(&call.items(), "", |_, id| {
        let found = call.access.folder(call.c, id)?;
        if found.role.is_some() {
            return fail("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.");
        }
        if !to_deleted_items {
            folder::delete(call.c, &found)?;
            return Ok(String::new());
        }
        let Some(bin) = folder::by_role(call.c, found.mailbox, "deleteditems")? else {
            return fail("ErrorFolderNotFound", "There are no Deleted Items.");
        };
        let mut name = found.name.clone();
        while folder::named(call.c, &bin, &name)?.is_some_and(|other| other.id != found.id) {
            name.push('1');
        }
        folder::place(call.c, found.id, bin.id, &name)?;
        Ok(String::new())
    })
}

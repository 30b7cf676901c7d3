//! `DeleteItem`: for good, recoverably, or into Deleted Items.

use super::answer::{ResponseMessage, fail};
use super::{Call, CallError};
use crate::store::{folder, item};

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let role = match call.body.attribute("DeleteType") {
        Some("SoftDelete") => Some(folder::RECOVERABLE),
        Some("MoveToDeletedItems") => Some("deleteditems"),
        _ => None,
    };
    call.each(&call.items(), "", |_, id| {
        let found = call.access.item(call.c, id)?;
        let Some(role) = role else {
            item::delete(call.c, found.id)?;
            return Ok(String::new());
        };
        match folder::by_role(call.c, found.mailbox, role)? {
            Some(bin) => item::relocate(call.c, found.id, bin.id)?,
            None => return fail("ErrorFolderNotFound", "There is no folder for deleted items."),
        }
        Ok(String::new())
    })
}

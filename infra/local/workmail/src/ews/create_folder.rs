//! `CreateFolder` below one parent.

use super::answer::{ResponseMessage, fail};
use super::shape::Shape;
use super::{Call, CallError, get_folder};
use crate::store::folder;

/// Longest name that a folder may have, in UTF-16 units.
const LONGEST: usize = 255;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let target = call.part("ParentFolderId").and_then(|p| p.children.first());
    call.each(&call.items(), "<m:Folders/>", |_, wanted| {
        let parent = match target {
            Some(id) => match call.access.folder(call.c, id) {
                Err(super::ItemError::Failure(f)) if f.code == "ErrorFolderNotFound" => {
                    return fail("ErrorParentFolderNotFound", "The parent folder could not be found.");
                }
                other => other?,
            },
            None => return fail("ErrorParentFolderIdRequired", "A parent folder is required."),
        };
        if wanted.name != "Folder" {
            return fail("ErrorInvalidFolderTypeForOperation", "Only mail folders can be created.");
        }
        let name = wanted.child("DisplayName").map(|n| n.text.clone()).unwrap_or_default();
        check_name(&name)?;
        if folder::named(call.c, &parent, &name)?.is_some() {
            return fail("ErrorFolderExists", "A folder with the specified name already exists.");
        }
        let class = wanted.child_text("FolderClass").unwrap_or("IPF.Note");
        let id = folder::create(call.c, &parent, &name, class)?;
        match folder::get(call.c, id)? {
            Some(made) => Ok(get_folder::one(&made, Some(&parent), &Shape::default())),
            None => fail("ErrorFolderSave", "The folder could not be saved."),
        }
    })
}

/// Refuses names that a mailbox cannot hold.
pub(super) fn check_name(name: &str) -> Result<(), super::ItemError> {
    let too_long = name.encode_utf16().count() > LONGEST;
    if name.trim().is_empty() || too_long || name != name.trim() || name.chars().any(|c| c < ' ') || name.contains('/')
    {
        return fail("ErrorFolderSave", "The name of the folder is not allowed.");
    }
    Ok(())
}

//! `GetFolder`: several folders at once, one message each.

use super::answer::ResponseMessage;
use super::shape::Shape;
use super::{Call, CallError, render, whole};
use crate::store::folder::{self, Folder};
use crate::xml::Writer;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let shape = whole(Shape::read(call.part("FolderShape")))?;
    call.each(&call.items(), "<m:Folders/>", |_, id| {
        let found = call.access.folder(call.c, id)?;
        let parent = found.parent.map_or(Ok(None), |p| folder::get(call.c, p))?;
        Ok(one(&found, parent.as_ref(), &shape))
    })
}

/// Writes one folder as the content of a message.
pub(super) fn one(found: &Folder, parent: Option<&Folder>, shape: &Shape) -> String {
    let mut w = Writer::new();
    w.open("m:Folders", &[]);
    render::folder(&mut w, found, parent, shape);
    w.close("m:Folders");
    w.finish()
}

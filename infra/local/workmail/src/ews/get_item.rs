//! `GetItem`: one message per item, with content when asked for.

use super::answer::{ResponseMessage, fail};
use super::shape::Shape;
use super::{Call, CallError, render, whole};
use crate::xml::Writer;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let shape = whole(Shape::read(call.part("ItemShape")))?;
    call.each(&call.items(), "<m:Items/>", |_, id| {
        if id.name != "ItemId" {
            return fail("ErrorCalendarIsNotAnOccurrence", "There are no occurrences here.");
        }
        let item = call.access.item(call.c, id)?;
        let mut w = Writer::new();
        w.open("m:Items", &[]);
        render::item(call.c, &mut w, &item, &shape, &call.plan.settings, false)?;
        w.close("m:Items");
        Ok(w.finish())
    })
}

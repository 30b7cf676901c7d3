//! `FindFolder`: Shallow or Deep below each parent, in pages.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::answer::{ItemError, ResponseMessage, fail};
use super::paging::Page;
use super::restriction::{self, Over};
use super::shape::Shape;
use super::{Call, CallError, render, whole};
use crate::store::folder::{self, Folder};
use crate::xml::Writer;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let shape = whole(Shape::read(call.part("FolderShape")))?;
    let view = call.part("IndexedPageFolderView").or_else(|| call.part("FractionalPageFolderView"));
    call.each(&call.items(), "", |_, id| {
        let parent = call.access.folder(call.c, id)?;
        let found = match call.body.attribute("Traversal") {
            Some("Deep") => folder::below(call.c, &parent)?,
            Some("Shallow") => folder::children(call.c, &parent)?,
            _ => return fail("ErrorInvalidOperation", "Soft-deleted folders cannot be listed."),
        };
        let found = restricted(call, &parent, found)?;
        let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let page = Page::read(view, total)?;
        let mut known: BTreeMap<i64, Folder> = found.iter().map(|f| (f.id, f.clone())).collect();
        for missing in found.iter().filter_map(|f| f.parent) {
            if !known.contains_key(&missing)
                && let Some(above) = folder::get(call.c, missing)?
            {
                known.insert(missing, above);
            }
        }
        let attributes = page.attributes(total);
        let attributes: Vec<(&str, &str)> = attributes.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut w = Writer::new();
        w.open("m:RootFolder", &attributes).open("t:Folders", &[]);
        let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
        for one in found.iter().skip(skip).take(usize::try_from(page.limit).unwrap_or(0)) {
            render::folder(&mut w, one, one.parent.and_then(|p| known.get(&p)), &shape);
        }
        w.close("t:Folders").close("m:RootFolder");
        Ok(w.finish())
    })
}

fn restricted(call: &Call<'_>, parent: &Folder, found: Vec<Folder>) -> Result<Vec<Folder>, ItemError> {
    let Some(restriction) = call.part("Restriction") else {
        return Ok(found);
    };
    let condition = restriction::read(restriction, Over::Folders, &call.plan.settings)?;
    let sql = format!("SELECT f.id FROM folder f WHERE {} AND f.mailbox = ?", condition.sql);
    let mut values = condition.values;
    values.push(Value::Integer(parent.mailbox));
    let mut statement = call.c.prepare_cached(&sql)?;
    let matching: BTreeSet<i64> =
        statement.query_map(params_from_iter(values), |r| r.get(0))?.collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter(|f| matching.contains(&f.id)).collect())
}

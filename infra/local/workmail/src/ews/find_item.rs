//! `FindItem`: restriction, order, pages; with lag and repeated rows when the knobs say so.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

use super::answer::{ItemError, ResponseMessage, fail};
use super::paging::Page;
use super::restriction::{self, Over};
use super::shape::Shape;
use super::{Call, CallError, render, whole};
use crate::clock;
use crate::random::Random;
use crate::store::folder::{self, Folder};
use crate::store::item;
use crate::xml::{Element, Writer};

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let shape = whole(Shape::read(call.part("ItemShape")))?;
    for refused in ["CalendarView", "ContactsView", "GroupBy", "DistinguishedGroupBy", "QueryString"] {
        if call.part(refused).is_some_and(|e| refused != "QueryString" || !e.text.trim().is_empty()) {
            return Err(super::Fault::new("ErrorInvalidRequest", &format!("{refused} is not supported.")).into());
        }
    }
    call.each(&call.items(), "", |_, id| {
        shape.check_listing()?;
        let folder = call.access.folder(call.c, id)?;
        list(call, &folder, &shape)
    })
}

fn list(call: &Call<'_>, listed: &Folder, shape: &Shape) -> Result<String, ItemError> {
    let listed = match call.body.attribute("Traversal") {
        Some("Shallow") => listed.clone(),
        Some("SoftDeleted") => {
            folder::by_role(call.c, listed.mailbox, folder::RECOVERABLE)?.unwrap_or_else(|| listed.clone())
        }
        _ => return fail("ErrorInvalidOperation", "Associated items are not supported."),
    };
    let settings = &call.plan.settings;
    let mut sql = "i.folder = ?".to_owned();
    let mut values = vec![Value::Integer(listed.id)];
    let restriction = call.part("Restriction");
    let lag = if restriction.is_some() { settings.search_lag_ms } else { settings.listing_lag_ms };
    if lag > 0 {
        sql.push_str(" AND i.created_ms <= ?");
        values.push(Value::Integer(clock::now_ms().saturating_sub(lag)));
    }
    if let Some(restriction) = restriction {
        let condition = restriction::read(restriction, Over::Items, settings)?;
        if condition.is_selective {
            // The plus keeps SQLite from walking the whole folder.
            sql.insert(0, '+');
        }
        sql.push_str(" AND ");
        sql.push_str(&condition.sql);
        values.extend(condition.values);
    }
    let total = if restriction.is_none() && lag <= 0 { listed.total } else { count(call, &sql, &values)? };
    let page = Page::read(view(call), total)?;
    let order = restriction::order(call.part("SortOrder"))?;
    let attributes = page.attributes(total);
    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut w = Writer::new();
    w.open("m:RootFolder", &attributes).open("t:Items", &[]);
    let query = format!("SELECT {} FROM item i WHERE {sql} ORDER BY {order} LIMIT ? OFFSET ?", item::COLUMNS);
    values.push(Value::Integer(page.limit));
    values.push(Value::Integer(page.offset));
    let mut statement = call.c.prepare_cached(&query)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut chance = Random::new(call.plan.repeats);
    while let Some(row) = rows.next()? {
        let found = item::read(row)?;
        let times = if call.plan.duplicate || chance.chance(settings.repeat_item_ids) { 2 } else { 1 };
        for _ in 0..times {
            render::item(call.c, &mut w, &found, shape, settings, true)?;
        }
    }
    w.close("t:Items").close("m:RootFolder");
    Ok(w.finish())
}

fn view<'a>(call: &Call<'a>) -> Option<&'a Element> {
    call.part("IndexedPageItemView").or_else(|| call.part("FractionalPageItemView"))
}

fn count(call: &Call<'_>, condition: &str, values: &[Value]) -> Result<i64, ItemError> {
    let sql = format!("SELECT count(*) FROM item i WHERE {condition}");
    let mut statement = call.c.prepare_cached(&sql)?;
    Ok(statement.query_row(params_from_iter(values.iter().cloned()), |r| r.get(0)).optional()?.unwrap_or(0))
}

//! Extended properties of items, by a canonical tag such as `0x1090:Integer` or `PublicStrings/X-Mailcrane-Key:String`.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::StoreError;

/// Sets a property.
pub fn set(c: &Connection, item: i64, tag: &str, value: &str) -> Result<(), StoreError> {
    c.prepare_cached("INSERT OR REPLACE INTO property VALUES (?1, ?2, ?3)")?.execute((item, tag, value))?;
    Ok(())
}

/// Removes a property.
pub fn remove(c: &Connection, item: i64, tag: &str) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM property WHERE item = ?1 AND tag = ?2")?.execute((item, tag))?;
    Ok(())
}

/// Gives all properties of an item.
pub fn all(c: &Connection, item: i64) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = c
        .prepare_cached("SELECT tag, value FROM property WHERE item = ?1 ORDER BY tag")?
        .query_map([item], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

//! Items: messages with the state that EWS gives them.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use crate::clock;
use crate::message::Headers;

/// An item without its content.
#[derive(Debug, Clone)]
pub struct Item {
    /// Number inside the store; 0 before it is stored.
    pub id: i64,
    /// Number of the user whose mailbox it is in.
    pub mailbox: i64,
    /// Number of its folder.
    pub folder: i64,
    /// How often it was moved; part of its `ItemId`.
    pub moves: i64,
    /// Grows with each change.
    pub change: i64,
    /// `IPM.Note` and the like.
    pub class: String,
    /// Subject, decoded.
    pub subject: String,
    /// Message-ID with its angle brackets.
    pub message_id: Option<String>,
    /// Received date in seconds since 1970.
    pub received: i64,
    /// Sent date in seconds since 1970.
    pub sent: i64,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Octets of its content.
    pub size: i64,
    /// Read.
    pub is_read: bool,
    /// A draft: 0x0E07 was not given at creation, or with bit 8.
    pub is_draft: bool,
    /// `Low`, `Normal` or `High`.
    pub importance: String,
    /// `Normal`, `Personal`, `Private` or `Confidential`.
    pub sensitivity: String,
    /// Has attachments.
    pub attachments: bool,
    /// Categories.
    pub categories: Vec<String>,
    /// What else the header says.
    pub headers: Headers,
}

impl Item {
    /// Computes 0x0E07: 1 read, 8 draft, 0x10 has attachments when wanted.
    pub fn message_flags(&self, with_attachments: bool) -> i64 {
        i64::from(self.is_read)
            | if self.is_draft { 8 } else { 0 }
            | if self.attachments && with_attachments { 0x10 } else { 0 }
    }
}

/// Column list that [`read`] understands, for queries over `item i`.
pub const COLUMNS: &str = "i.id, i.mailbox, i.folder, i.moves, i.change, i.class, i.subject, i.message_id, i.received, i.sent,
    i.created_ms, i.modified_ms, i.size, i.is_read, i.is_draft, i.importance, i.sensitivity, i.attachments, i.categories, i.headers";

/// Reads a row of [`COLUMNS`].
pub fn read(r: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        id: r.get(0)?,
        mailbox: r.get(1)?,
        folder: r.get(2)?,
        moves: r.get(3)?,
        change: r.get(4)?,
        class: r.get(5)?,
        subject: r.get(6)?,
        message_id: r.get(7)?,
        received: r.get(8)?,
        sent: r.get(9)?,
        created_ms: r.get(10)?,
        modified_ms: r.get(11)?,
        size: r.get(12)?,
        is_read: r.get(13)?,
        is_draft: r.get(14)?,
        importance: r.get(15)?,
        sensitivity: r.get(16)?,
        attachments: r.get(17)?,
        categories: serde_json::from_str(&r.get::<_, String>(18)?).unwrap_or_default(),
        headers: serde_json::from_str(&r.get::<_, String>(19)?).unwrap_or_default(),
    })
}

/// Stores a new item with its content and returns its number.
pub fn insert(c: &Connection, item: &Item, content: &[u8]) -> Result<i64, StoreError> {
    c.prepare_cached(
        "INSERT INTO item (mailbox, folder, class, subject, message_id, received, sent, created_ms, modified_ms, size, is_read,
         is_draft, importance, sensitivity, attachments, categories, headers)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(rusqlite::params![
        item.mailbox,
        item.folder,
        item.class,
        item.subject,
        item.message_id,
        item.received,
        item.sent,
        item.created_ms,
        item.modified_ms,
        item.size,
        item.is_read,
        item.is_draft,
        item.importance,
        item.sensitivity,
        item.attachments,
        serde_json::to_string(&item.categories)?,
        serde_json::to_string(&item.headers)?,
    ])?;
    let id = c.last_insert_rowid();
    c.prepare_cached("INSERT INTO mime VALUES (?1, ?2)")?.execute((id, content))?;
    Ok(id)
}

/// Finds by number.
pub fn get(c: &Connection, id: i64) -> Result<Option<Item>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM item i WHERE i.id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Gives the content as it was stored.
pub fn content(c: &Connection, id: i64) -> Result<Vec<u8>, StoreError> {
    Ok(c.prepare_cached("SELECT content FROM mime WHERE item = ?1")?
        .query_row([id], |r| r.get(0))
        .optional()?
        .unwrap_or_default())
}

/// Writes what may change on a stored item.
pub fn update(c: &Connection, item: &Item) -> Result<(), StoreError> {
    c.prepare_cached(
        "UPDATE item SET class = ?2, subject = ?3, received = ?4, sent = ?5, is_read = ?6, importance = ?7, sensitivity = ?8,
         categories = ?9, change = change + 1, modified_ms = ?10 WHERE id = ?1",
    )?
    .execute(rusqlite::params![
        item.id,
        item.class,
        item.subject,
        item.received,
        item.sent,
        item.is_read,
        item.importance,
        item.sensitivity,
        serde_json::to_string(&item.categories)?,
        clock::now_ms(),
    ])?;
    Ok(())
}

/// Moves an item inside its mailbox; its `ItemId` changes.
pub fn relocate(c: &Connection, id: i64, folder: i64) -> Result<(), StoreError> {
    c.prepare_cached(
        "UPDATE item SET folder = ?2, moves = moves + 1, change = change + 1, modified_ms = ?3 WHERE id = ?1",
    )?
    .execute((id, folder, clock::now_ms()))?;
    Ok(())
}

/// Removes an item for good.
pub fn delete(c: &Connection, id: i64) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM item WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Lists a part of a mailbox or of one folder, in the order of storing.
pub fn list(
    c: &Connection,
    mailbox: i64,
    folder: Option<i64>,
    offset: i64,
    limit: i64,
) -> Result<Vec<Item>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM item i WHERE i.mailbox = ?1 AND (?2 IS NULL OR i.folder = ?2) ORDER BY i.id LIMIT ?4 OFFSET ?3"
    );
    let rows = c.prepare_cached(&sql)?.query_map((mailbox, folder, offset, limit), read)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Gives the octets that a mailbox holds.
pub fn mailbox_bytes(c: &Connection, mailbox: i64) -> Result<i64, StoreError> {
    Ok(c.prepare_cached("SELECT bytes FROM mailbox_size WHERE mailbox = ?1")?
        .query_row([mailbox], |r| r.get(0))
        .optional()?
        .unwrap_or(0))
}

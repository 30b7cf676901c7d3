//! Folders of a mailbox.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;

/// A folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Number inside the store.
    pub id: i64,
    /// Number of the user whose mailbox it is in.
    pub mailbox: i64,
    /// Number of the parent; none for the root.
    pub parent: Option<i64>,
    /// Display name.
    pub name: String,
    /// `IPF.Note` and the like.
    pub class: String,
    /// Distinguished name of a system folder, as in EWS.
    pub role: Option<String>,
    /// Number of items.
    pub total: i64,
    /// Number of unread items.
    pub unread: i64,
    /// Grows with each change.
    pub change: i64,
    /// Number of direct sub-folders.
    pub children: i64,
}

/// Role of the folder where visible folders begin.
pub const MESSAGE_ROOT: &str = "msgfolderroot";
/// Role of the folder where soft-deleted items go.
pub const RECOVERABLE: &str = "recoverableitemsdeletions";

const SYSTEM: [(&str, &str, &str, &str); 16] = [
    ("root", MESSAGE_ROOT, "Top of Information Store", "IPF.Note"),
    ("root", "searchfolders", "Finder", ""),
    ("root", "recoverableitemsroot", "Recoverable Items", ""),
    ("recoverableitemsroot", RECOVERABLE, "Deletions", ""),
    ("recoverableitemsroot", "recoverableitemsversions", "Versions", ""),
    ("recoverableitemsroot", "recoverableitemspurges", "Purges", ""),
    (MESSAGE_ROOT, "inbox", "Inbox", "IPF.Note"),
    (MESSAGE_ROOT, "sentitems", "Sent Items", "IPF.Note"),
    (MESSAGE_ROOT, "drafts", "Drafts", "IPF.Note"),
    (MESSAGE_ROOT, "deleteditems", "Deleted Items", "IPF.Note"),
    (MESSAGE_ROOT, "junkemail", "Junk E-mail", "IPF.Note"),
    (MESSAGE_ROOT, "outbox", "Outbox", "IPF.Note"),
    (MESSAGE_ROOT, "calendar", "Calendar", "IPF.Appointment"),
    (MESSAGE_ROOT, "contacts", "Contacts", "IPF.Contact"),
    (MESSAGE_ROOT, "tasks", "Tasks", "IPF.Task"),
    (MESSAGE_ROOT, "notes", "Notes", "IPF.StickyNote"),
];

/// Column list that [`read`] understands, for queries over `folder f`.
pub const COLUMNS: &str = "f.id, f.mailbox, f.parent, f.name, f.class, f.role, f.total, f.unread, f.change,
    (SELECT count(*) FROM folder s WHERE s.mailbox = f.mailbox AND s.parent = f.id)";

/// Reads a row of [`COLUMNS`].
pub fn read(r: &Row<'_>) -> rusqlite::Result<Folder> {
    Ok(Folder {
        id: r.get(0)?,
        mailbox: r.get(1)?,
        parent: r.get(2)?,
        name: r.get(3)?,
        class: r.get(4)?,
        role: r.get(5)?,
        total: r.get(6)?,
        unread: r.get(7)?,
        change: r.get(8)?,
        children: r.get(9)?,
    })
}

/// Makes the system folders of a mailbox unless they are there.
pub fn provision(c: &Connection, mailbox: i64) -> Result<(), StoreError> {
    if by_role(c, mailbox, "root")?.is_some() {
        return Ok(());
    }
    c.execute("INSERT OR IGNORE INTO mailbox_size VALUES (?1, 0)", [mailbox])?;
    c.execute("INSERT INTO folder (mailbox, parent, name, name_key, class, role) VALUES (?1, NULL, 'Root', 'root', '', 'root')", [mailbox])?;
    for (parent, role, name, class) in SYSTEM {
        c.execute(
            "INSERT INTO folder (mailbox, parent, name, name_key, class, role)
             SELECT ?1, id, ?3, ?4, ?5, ?6 FROM folder WHERE mailbox = ?1 AND role = ?2",
            (mailbox, parent, name, name.to_lowercase(), class, role),
        )?;
    }
    Ok(())
}

/// Finds by number.
pub fn get(c: &Connection, id: i64) -> Result<Option<Folder>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM folder f WHERE f.id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Finds a system folder.
pub fn by_role(c: &Connection, mailbox: i64, role: &str) -> Result<Option<Folder>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM folder f WHERE f.mailbox = ?1 AND f.role = ?2");
    Ok(c.prepare_cached(&sql)?.query_row((mailbox, role), read).optional()?)
}

/// Lists the direct sub-folders by name.
pub fn children(c: &Connection, parent: &Folder) -> Result<Vec<Folder>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM folder f WHERE f.mailbox = ?1 AND f.parent = ?2 ORDER BY f.name_key");
    let rows = c.prepare_cached(&sql)?.query_map((parent.mailbox, parent.id), read)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Lists all folders below one, a parent before its children.
pub fn below(c: &Connection, parent: &Folder) -> Result<Vec<Folder>, StoreError> {
    let mut found = Vec::new();
    for child in children(c, parent)? {
        let deeper = if child.children > 0 { below(c, &child)? } else { Vec::new() };
        found.push(child);
        found.extend(deeper);
    }
    Ok(found)
}

/// Finds a direct sub-folder without regard to case.
pub fn named(c: &Connection, parent: &Folder, name: &str) -> Result<Option<Folder>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM folder f WHERE f.mailbox = ?1 AND f.parent = ?2 AND f.name_key = ?3");
    Ok(c.prepare_cached(&sql)?.query_row((parent.mailbox, parent.id, name.to_lowercase()), read).optional()?)
}

/// Makes a folder; its name must be free.
pub fn create(c: &Connection, parent: &Folder, name: &str, class: &str) -> Result<i64, StoreError> {
    c.execute(
        "INSERT INTO folder (mailbox, parent, name, name_key, class) VALUES (?1, ?2, ?3, ?4, ?5)",
        (parent.mailbox, parent.id, name, name.to_lowercase(), class),
    )?;
    Ok(c.last_insert_rowid())
}

/// Renames or moves a folder.
pub fn place(c: &Connection, id: i64, parent: i64, name: &str) -> Result<(), StoreError> {
    c.execute(
        "UPDATE folder SET parent = ?2, name = ?3, name_key = ?4, change = change + 1 WHERE id = ?1",
        (id, parent, name, name.to_lowercase()),
    )?;
    Ok(())
}

/// Deletes a folder with all below it.
pub fn delete(c: &Connection, folder: &Folder) -> Result<(), StoreError> {
    let mut doomed = below(c, folder)?;
    doomed.push(folder.clone());
    for folder in doomed {
        c.execute("DELETE FROM item WHERE folder = ?1", [folder.id])?;
        c.execute("DELETE FROM folder WHERE id = ?1", [folder.id])?;
    }
    Ok(())
}

/// Gives the names from below the message root down, slashes in names as `%2F`.
pub fn path(c: &Connection, folder: &Folder) -> Result<String, StoreError> {
    let mut names = vec![folder.name.replace('/', "%2F")];
    let mut parent = folder.parent;
    while let Some(above) = parent.map_or(Ok(None), |id| get(c, id))? {
        if above.role.as_deref() == Some(MESSAGE_ROOT) {
            break;
        }
        if above.parent.is_none() {
            break;
        }
        names.push(above.name.replace('/', "%2F"));
        parent = above.parent;
    }
    names.reverse();
    Ok(names.join("/"))
}

/// Finds a folder by its path, without regard to case.
pub fn by_path(c: &Connection, mailbox: i64, path: &str) -> Result<Option<Folder>, StoreError> {
    let mut at = by_role(c, mailbox, MESSAGE_ROOT)?;
    for name in path.split('/') {
        let Some(parent) = at else {
            return Ok(None);
        };
        at = named(c, &parent, &name.replace("%2F", "/"))?;
    }
    Ok(at)
}

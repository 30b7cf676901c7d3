//! Lists mailboxes, folders and items as text, without a server.

use std::fmt::Write;

use rusqlite::Connection;

use crate::clock;
use crate::store::folder::{self, Folder, MESSAGE_ROOT, RECOVERABLE};
use crate::store::user::{self, User};
use crate::store::{StoreError, item};

/// Lists the folders that a user sees, and the one for soft-deleted items, with their paths.
pub fn visible(c: &Connection, user: &User) -> Result<Vec<(String, Folder)>, StoreError> {
    let Some(root) = folder::by_role(c, user.no, MESSAGE_ROOT)? else {
        return Ok(Vec::new());
    };
    let mut found = folder::below(c, &root)?;
    found.extend(folder::by_role(c, user.no, RECOVERABLE)?);
    found.into_iter().map(|f| Ok((folder::path(c, &f)?, f))).collect()
}

/// Writes all mailboxes or one, with folders that hold something, and items when wanted.
pub fn text(c: &Connection, mailbox: Option<&str>, with_items: bool) -> Result<String, StoreError> {
    let mut out = String::new();
    for user in user::all(c)? {
        let email = user.email.clone().unwrap_or_default();
        if user.provisioned_ms.is_none() || mailbox.is_some_and(|m| !m.eq_ignore_ascii_case(&email)) {
            continue;
        }
        let folders = visible(c, &user)?;
        let items: i64 = folders.iter().map(|(_, f)| f.total).sum();
        let bytes = item::mailbox_bytes(c, user.no)?;
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{email}: {items} items, {bytes} bytes, {}", user.state);
        for (path, folder) in folders.iter().filter(|(_, f)| f.total > 0 || f.role.is_none()) {
            let _ = writeln!(out, "  {path}: {} items, {} unread", folder.total, folder.unread);
            if with_items {
                items_text(c, folder, &mut out)?;
            }
        }
    }
    Ok(out)
}

fn items_text(c: &Connection, folder: &Folder, out: &mut String) -> Result<(), StoreError> {
    for one in item::list(c, folder.mailbox, Some(folder.id), 0, i64::MAX)? {
        let state = match (one.is_draft, one.is_read) {
            (true, _) => "draft",
            (false, true) => "read",
            (false, false) => "unread",
        };
        let _ = writeln!(out, "    {} {:>9} {state:6} {}", clock::seconds_text(one.received), one.size, one.subject);
    }
    Ok(())
}

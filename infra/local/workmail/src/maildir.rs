//! Exports a mailbox as Maildir++, to look into with any mail client.

use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use rusqlite::Connection;

use crate::listing::visible;
use crate::store::folder::Folder;
use crate::store::item::{self, Item};
use crate::store::{StoreError, property, user};

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such mailbox.
    #[error("there is no mailbox {0}")]
    NoMailbox(String),
    /// A file cannot be written.
    #[error("cannot write to {0}")]
    Write(PathBuf, #[source] std::io::Error),
    /// The store is broken.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Writes all messages of a mailbox below a folder and returns their number. Nothing may be there yet.
pub fn export(c: &Connection, mailbox: &str, to: &Path) -> Result<u64, ExportError> {
    let owner = user::by_email(c, mailbox)?.ok_or_else(|| ExportError::NoMailbox(mailbox.to_owned()))?;
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(ExportError::Write(to.to_owned(), std::io::Error::other("the folder is not empty")));
    }
    let mut written = 0_u64;
    make(to)?;
    for (path, folder) in visible(c, &owner)? {
        let mail = folder.class.is_empty() || folder.class.starts_with("IPF.Note");
        if !mail || (folder.role.as_deref() == Some(crate::store::folder::RECOVERABLE) && folder.total == 0) {
            continue;
        }
        let place = if folder.role.as_deref() == Some("inbox") { to.to_owned() } else { to.join(folder_name(&path)) };
        make(&place)?;
        written = written.saturating_add(messages(c, &folder, &place)?);
    }
    Ok(written)
}

fn messages(c: &Connection, folder: &Folder, place: &Path) -> Result<u64, ExportError> {
    let mut written = 0_u64;
    let mut offset = 0;
    loop {
        let page = item::list(c, folder.mailbox, Some(folder.id), offset, 500)?;
        if page.is_empty() {
            return Ok(written);
        }
        for one in &page {
            let file = place.join("cur").join(file_name(c, one)?);
            write(&file, &item::content(c, one.id)?, one.received).map_err(|e| ExportError::Write(file.clone(), e))?;
            written = written.saturating_add(1);
        }
        offset = offset.saturating_add(500);
    }
}

fn make(place: &Path) -> Result<(), ExportError> {
    for part in ["cur", "new", "tmp"] {
        let part = place.join(part);
        fs::create_dir_all(&part).map_err(|e| ExportError::Write(part, e))?;
    }
    Ok(())
}

fn write(file: &Path, content: &[u8], received: i64) -> std::io::Result<()> {
    let mut out = File::create(file)?;
    out.write_all(content)?;
    let stamp = u64::try_from(received).map_or(UNIX_EPOCH, |s| UNIX_EPOCH + Duration::from_secs(s));
    out.set_times(FileTimes::new().set_modified(stamp).set_accessed(stamp))
}

/// Names a file so that the letters after `:2,` are sorted as Maildir wants.
fn file_name(c: &Connection, item: &Item) -> Result<String, StoreError> {
    let properties = property::all(c, item.id)?;
    let is = |tag: &str, value: &str| properties.get(tag).is_some_and(|v| v == value);
    let flags: String = [
        ('D', item.is_draft),
        ('F', is("0x1090:Integer", "2")),
        ('P', is("0x1081:Integer", "104")),
        ('R', is("0x1081:Integer", "102") || is("0x1081:Integer", "103")),
        ('S', item.is_read),
    ]
    .iter()
    .filter_map(|(letter, set)| set.then_some(*letter))
    .collect();
    Ok(format!("{}.{:08}.workmail,S={}:2,{flags}", item.received.max(0), item.id, item.size))
}

/// Names a folder as Maildir++: `.Name.Sub` in modified UTF-7.
fn folder_name(path: &str) -> String {
    path.split('/').map(|name| format!(".{}", modified_utf7(&name.replace("%2F", "/")))).collect()
}

fn modified_utf7(name: &str) -> String {
    let mut out = String::new();
    let mut run = Vec::new();
    for c in name.chars() {
        // Dots separate folders here and a slash cannot be in a file name.
        if (' '..='~').contains(&c) && c != '.' && c != '/' {
            flush(&mut run, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            run.extend(c.encode_utf16(&mut units).iter().flat_map(|u| u.to_be_bytes()));
        }
    }
    flush(&mut run, &mut out);
    out
}

fn flush(run: &mut Vec<u8>, out: &mut String) {
    if run.is_empty() {
        return;
    }
    let alphabet = Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    if let Ok(alphabet) = alphabet {
        out.push('&');
        out.push_str(&GeneralPurpose::new(&alphabet, NO_PAD).encode(&run));
        out.push('-');
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_get_names_that_every_client_reads() {
        assert_eq!(folder_name("Entwürfe/Tom & Co"), ".Entw&APw-rfe.Tom &- Co");
        assert_eq!(folder_name("v1.2/a%2Fb"), ".v1&AC4-2.a&AC8-b");
        assert_eq!(folder_name("日本語"), ".&ZeVnLIqe-");
    }
}

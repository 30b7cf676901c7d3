//! Looks into the store for people and tests.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::route::ControlError;
use crate::clock;
use crate::ews::{create_item, ids};
use crate::listing::visible;
use crate::store::folder;
use crate::store::user::{self, User};
use crate::store::{item, organization, permission, property};

fn owner(c: &Connection, mailbox: &str) -> Result<User, ControlError> {
    user::by_email(c, mailbox)?.ok_or_else(|| ControlError::Missing(format!("mailbox {mailbox}")))
}

pub(super) fn organization(c: &Connection) -> Result<Value, ControlError> {
    let mut value = serde_json::to_value(organization::get(c)?)?;
    let users: Vec<Value> = user::all(c)?
        .into_iter()
        .map(|u| json!({"id": u.id, "name": u.name, "email": u.email, "state": u.state, "role": u.role, "quota_mb": u.quota_mb}))
        .collect();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("users".to_owned(), json!(users));
    }
    Ok(value)
}

pub(super) fn permissions(c: &Connection) -> Result<Value, ControlError> {
    let mut rows = Vec::new();
    for granted in permission::list(c, None)? {
        let name = |no| -> Result<String, ControlError> {
            Ok(user::by_no(c, no)?.map(|u| u.email.unwrap_or(u.name)).unwrap_or_default())
        };
        rows.push(json!({
            "mailbox": name(granted.mailbox)?,
            "grantee": name(granted.grantee)?,
            "values": granted.values,
            "granted_at": clock::millis_text(granted.granted_ms),
            "works_from": clock::millis_text(granted.works_from),
        }));
    }
    Ok(Value::Array(rows))
}

pub(super) fn mailboxes(c: &Connection) -> Result<Value, ControlError> {
    let mut rows = Vec::new();
    for user in user::all(c)?.into_iter().filter(|u| u.provisioned_ms.is_some()) {
        let folders = visible(c, &user)?;
        let items: i64 = folders.iter().map(|(_, f)| f.total).sum();
        rows.push(json!({"mailbox": user.email, "folders": folders.len(), "items": items, "bytes": item::mailbox_bytes(c, user.no)?}));
    }
    Ok(Value::Array(rows))
}

pub(super) fn folders(c: &Connection, mailbox: &str) -> Result<Value, ControlError> {
    let rows = visible(c, &owner(c, mailbox)?)?
        .into_iter()
        .map(|(path, f)| {
            json!({"path": path, "role": f.role, "class": f.class, "items": f.total, "unread": f.unread, "id": ids::folder(&f)})
        })
        .collect();
    Ok(Value::Array(rows))
}

pub(super) fn items(
    c: &Connection,
    mailbox: &str,
    path: Option<&str>,
    offset: i64,
    limit: i64,
) -> Result<Value, ControlError> {
    let owner = owner(c, mailbox)?;
    let chosen = match path {
        None => None,
        Some(path) => {
            let found = visible(c, &owner)?.into_iter().find(|(p, _)| p.to_lowercase() == path.to_lowercase());
            Some(found.ok_or_else(|| ControlError::Missing(format!("folder {path}")))?.1.id)
        }
    };
    let mut paths = std::collections::HashMap::new();
    let mut rows = Vec::new();
    for one in item::list(c, owner.no, chosen, offset, limit)? {
        if let std::collections::hash_map::Entry::Vacant(slot) = paths.entry(one.folder) {
            let folder = folder::get(c, one.folder)?;
            slot.insert(folder.map_or(Ok(String::new()), |f| folder::path(c, &f))?);
        }
        let properties: serde_json::Map<String, Value> = property::all(c, one.id)?
            .into_iter()
            .map(|(tag, value)| (without_type(&tag).to_owned(), json!(value)))
            .collect();
        let digest = Sha256::digest(item::content(c, one.id)?);
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        rows.push(json!({
            "n": one.id,
            "id": ids::item(&one),
            "folder": paths.get(&one.folder),
            "subject": one.subject,
            "message_id": one.message_id,
            "class": one.class,
            "received": clock::seconds_text(one.received),
            "sent": clock::seconds_text(one.sent),
            "created": clock::millis_text(one.created_ms),
            "size": one.size,
            "read": one.is_read,
            "draft": one.is_draft,
            "flags": one.message_flags(false),
            "importance": one.importance,
            "categories": one.categories,
            "properties": properties,
            "sha256": hex,
        }));
    }
    Ok(Value::Array(rows))
}

fn without_type(tag: &str) -> &str {
    tag.rsplit_once(':').map_or(tag, |(name, _)| name)
}

pub(super) fn empty(c: &Connection, mailbox: &str) -> Result<Value, ControlError> {
    let owner = owner(c, mailbox)?;
    for (_, found) in visible(c, &owner)? {
        if found.role.is_some() {
            c.execute("DELETE FROM item WHERE folder = ?1", [found.id]).map_err(crate::store::StoreError::from)?;
        } else {
            folder::delete(c, &found)?;
        }
    }
    Ok(json!({}))
}

/// A wish for made-up messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fill {
    #[serde(default = "inbox")]
    folder: String,
    count: u64,
    #[serde(default)]
    bytes: usize,
}

fn inbox() -> String {
    "Inbox".to_owned()
}

pub(super) fn fill(c: &Connection, mailbox: &str, wanted: &Fill) -> Result<u64, ControlError> {
    let owner = owner(c, mailbox)?;
    let Some(target) = folder::by_path(c, owner.no, &wanted.folder)? else {
        return Err(ControlError::Missing(format!("folder {}", wanted.folder)));
    };
    let start = clock::now_ms();
    for number in 0..wanted.count {
        let date =
            mail_parser::DateTime::from_timestamp(946_684_800 + i64::try_from(number).unwrap_or(0) * 60).to_rfc822();
        let mut content = format!(
            "From: filler@example.org\r\nTo: {mailbox}\r\nSubject: Filling {number}\r\nDate: {date}\r\nMessage-ID: <fill-{start}-{number}@example.org>\r\n\r\n"
        );
        while content.len() < wanted.bytes {
            content.push_str("This message was made up to fill a mailbox.\r\n");
        }
        create_item::store_made_up(c, &target, content.into_bytes())?;
    }
    Ok(wanted.count)
}

pub(super) fn content(c: &Connection, number: i64) -> Result<Option<Vec<u8>>, ControlError> {
    match item::get(c, number)? {
        Some(found) => Ok(Some(item::content(c, found.id)?)),
        None => Ok(None),
    }
}

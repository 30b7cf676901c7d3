//! `CreateItem` with `SaveOnly`: content, flags, dates and properties; a draft unless 0x0E07 says otherwise.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Failure, Fault, ItemError, ResponseMessage, fail};
use super::fields::{self, Changes};
use super::{Call, CallError, render};
use crate::clock;
use crate::message::{self, Facts, Headers};
use crate::store::folder::{self, Folder};
use crate::store::item::{self, Item};
use crate::store::{property, user};
use crate::xml::Element;

/// Bits of 0x0E07.
const READ: i64 = 1;
const UNSENT: i64 = 8;

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    match call.body.attribute("MessageDisposition") {
        Some("SaveOnly") => {}
        Some(_) => return Err(Fault::new("ErrorSendAsDenied", "Nothing is sent from here.").into()),
        None => {
            return Err(
                Fault::new("ErrorMessageDispositionRequired", "Items of this kind need a MessageDisposition.").into()
            );
        }
    }
    let target = match target(call) {
        Ok(place) => Ok(place),
        Err(ItemError::Failure(failure)) => Err(failure),
        Err(ItemError::Store(error)) => return Err(error.into()),
    };
    call.each(&call.items(), "<m:Items/>", |_, wanted| match &target {
        Ok(place) => create(call, place, wanted),
        Err(failure) => Err(failure.clone().into()),
    })
}

struct Place {
    folder: Folder,
    quota_bytes: i64,
}

fn target(call: &Call<'_>) -> Result<Place, ItemError> {
    let named = call.part("SavedItemFolderId").and_then(|f| f.children.first());
    let found = match named {
        Some(id) => call.access.folder(call.c, id),
        None => {
            let owner = call.access.mailbox(call.c, None)?;
            Ok(folder::by_role(call.c, owner.no, "drafts")?
                .ok_or_else(|| Failure::new("ErrorFolderNotFound", "There are no drafts."))?)
        }
    };
    let folder = match found {
        Err(ItemError::Failure(f)) if f.code == "ErrorAccessDenied" => {
            return fail("ErrorCreateItemAccessDenied", "You do not have permission to create items in that folder.");
        }
        other => other?,
    };
    let quota_mb = user::by_no(call.c, folder.mailbox)?.map_or(0, |u| u.quota_mb);
    Ok(Place { folder, quota_bytes: quota_mb.saturating_mul(1_048_576) })
}

fn create(call: &Call<'_>, place: &Place, wanted: &Element) -> Result<String, ItemError> {
    if wanted.name != "Message" && wanted.name != "Item" {
        return fail("ErrorItemSave", "Only messages can be stored here.");
    }
    let settings = &call.plan.settings;
    let mut item = blank(&place.folder);
    let mut changes = Changes::default();
    for field in &wanted.children {
        fields::set(&mut item, &mut changes, field, settings)?;
    }
    let given = match wanted.child("MimeContent") {
        Some(mime) => Some(decode(&mime.text)?),
        None => None,
    };
    let facts = given.as_deref().map(message::facts);
    if given.as_ref().is_some_and(|g| g.len() > settings.max_message_bytes)
        || facts.as_ref().is_some_and(|f| f.attachments.iter().any(|size| *size >= settings.max_attachment_bytes))
    {
        return fail(&settings.oversize_code, "The message exceeds the maximum supported size.");
    }
    let content = fill(&mut item, &changes, given, facts);
    if item::mailbox_bytes(call.c, item.mailbox)?.saturating_add(item.size) > place.quota_bytes {
        return fail("ErrorQuotaExceeded", "The quota of the mailbox has been exceeded.");
    }
    let stored = store(call, item.clone(), &changes, &content)?;
    if call.plan.duplicate {
        store(call, item, &changes, &content)?;
    }
    Ok(render::item_id(&stored))
}

fn store(call: &Call<'_>, mut item: Item, changes: &Changes, content: &[u8]) -> Result<Item, ItemError> {
    item.id = item::insert(call.c, &item, content)?;
    for (tag, value) in &changes.properties {
        if let Some(value) = value {
            property::set(call.c, item.id, tag, value)?;
        }
    }
    Ok(item)
}

fn decode(text: &str) -> Result<Vec<u8>, ItemError> {
    let packed: Vec<u8>;
    let bytes = if text.bytes().any(|b| b.is_ascii_whitespace()) {
        packed = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        packed.as_slice()
    } else {
        text.as_bytes()
    };
    STANDARD
        .decode(bytes)
        .map_or_else(|_| fail("ErrorMimeContentInvalidBase64String", "The MIME content is not valid base64."), Ok)
}

/// Gives an item that has nothing but its place and now.
pub(crate) fn blank(folder: &Folder) -> Item {
    let now = clock::now_ms();
    Item {
        id: 0,
        mailbox: folder.mailbox,
        folder: folder.id,
        moves: 0,
        change: 1,
        class: "IPM.Note".to_owned(),
        subject: String::new(),
        message_id: None,
        received: now.div_euclid(1000),
        sent: now.div_euclid(1000),
        created_ms: now,
        modified_ms: now,
        size: 0,
        is_read: true,
        is_draft: true,
        importance: "Normal".to_owned(),
        sensitivity: "Normal".to_owned(),
        attachments: false,
        categories: Vec::new(),
        headers: Headers::default(),
    }
}

/// Completes an item from its content and from what the request says, and gives the content.
fn fill(item: &mut Item, changes: &Changes, given: Option<Vec<u8>>, facts: Option<Facts>) -> Vec<u8> {
    if let Some(facts) = facts {
        item.subject = facts.subject;
        item.message_id = facts.message_id;
        item.headers = facts.headers;
        item.attachments = !facts.attachments.is_empty();
        item.sent = facts.date.unwrap_or(item.sent);
        item.class = facts.class;
    }
    if let Some(subject) = &changes.subject {
        item.subject.clone_from(subject);
    }
    if let Some(class) = &changes.class {
        item.class.clone_from(class);
    }
    item.received = changes.received.unwrap_or(item.received);
    item.sent = changes.sent.unwrap_or(item.sent);
    if let Some(flags) = changes.message_flags {
        item.is_draft = flags & UNSENT != 0;
        item.is_read = flags & READ != 0;
    }
    item.is_read = changes.is_read.unwrap_or(item.is_read);
    let content = given.unwrap_or_else(|| {
        let (body, html) = changes.body.clone().unwrap_or_default();
        let date = mail_parser::DateTime::from_timestamp(item.sent).to_rfc822();
        message::compose(&item.subject, &item.headers, &body, html, &date)
    });
    item.size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    content
}

/// Stores a made-up message; used to fill mailboxes quickly.
pub(crate) fn store_made_up(
    c: &rusqlite::Connection,
    folder: &Folder,
    content: Vec<u8>,
) -> Result<i64, crate::store::StoreError> {
    let mut item = blank(folder);
    let facts = message::facts(&content);
    let flags = Changes { message_flags: Some(READ), received: facts.date, ..Changes::default() };
    let content = fill(&mut item, &flags, Some(content), Some(facts));
    item::insert(c, &item, &content)
}

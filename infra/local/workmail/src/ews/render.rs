//! Writes items and folders in schema order.

use rusqlite::Connection;

use super::answer::ItemError;
use super::shape::Shape;
use super::{ids, property};
use crate::clock;
use crate::knobs::Settings;
use crate::message::{self, Person, rewrite};
use crate::store::folder::{self, Folder};
use crate::store::item::{self, Item};
use crate::store::property as kept;
use crate::xml::Writer;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Writes a folder.
pub(super) fn folder(w: &mut Writer, folder: &Folder, parent: Option<&Folder>, shape: &Shape) {
    let name = match folder.class.as_str() {
        "IPF.Appointment" => "t:CalendarFolder",
        "IPF.Contact" => "t:ContactsFolder",
        "IPF.Task" => "t:TasksFolder",
        _ => "t:Folder",
    };
    let mail = matches!(name, "t:Folder" | "t:TasksFolder");
    w.open(name, &[])
        .empty("t:FolderId", &[("Id", &ids::folder(folder)), ("ChangeKey", &ids::change_key(folder.change))]);
    if shape.wants_of_folder("folder:ParentFolderId")
        && let Some(parent) = parent
    {
        w.empty("t:ParentFolderId", &[("Id", &ids::folder(parent)), ("ChangeKey", &ids::change_key(parent.change))]);
    }
    if shape.wants_of_folder("folder:FolderClass") && !folder.class.is_empty() {
        w.text("t:FolderClass", &folder.class);
    }
    if shape.wants_of_folder("folder:DisplayName") {
        w.text("t:DisplayName", &folder.name);
    }
    if shape.wants_of_folder("folder:TotalCount") {
        w.text("t:TotalCount", &folder.total.to_string());
    }
    if shape.wants_of_folder("folder:ChildFolderCount") {
        w.text("t:ChildFolderCount", &folder.children.to_string());
    }
    for wanted in &shape.properties {
        let value = match wanted.tag.as_str() {
            "0x3001:String" => folder.name.clone(),
            "0x3613:String" if !folder.class.is_empty() => folder.class.clone(),
            "0x3602:Integer" => folder.total.to_string(),
            "0x3603:Integer" => folder.unread.to_string(),
            "0x10F4:Boolean" => "false".to_owned(),
            _ => continue,
        };
        wanted.write(w, &value);
    }
    if shape.wants_of_folder("folder:UnreadCount") && mail {
        w.text("t:UnreadCount", &folder.unread.to_string());
    }
    w.close(name);
}

/// Writes just the identity of an item.
pub(super) fn item_id(item: &Item) -> String {
    let name = element_name(&item.class);
    let mut w = Writer::new();
    w.open("m:Items", &[]).open(name, &[]);
    w.empty("t:ItemId", &[("Id", &ids::item(item)), ("ChangeKey", &ids::change_key(item.change))]);
    w.close(name).close("m:Items");
    w.finish()
}

fn element_name(class: &str) -> &'static str {
    match class {
        "IPM.Schedule.Meeting.Request" => "t:MeetingRequest",
        "IPM.Schedule.Meeting.Canceled" => "t:MeetingCancellation",
        c if c.starts_with("IPM.Schedule.Meeting.Resp") => "t:MeetingResponse",
        _ => "t:Message",
    }
}

/// Writes an item; a listing never reads its content.
pub(super) fn item(
    c: &Connection,
    w: &mut Writer,
    item: &Item,
    shape: &Shape,
    settings: &Settings,
    listing: bool,
) -> Result<(), ItemError> {
    let wants = |field: &str| shape.wants_in(field, listing);
    let needs_content = !listing
        && (shape.mime
            || !shape.headers.is_empty()
            || ["item:MimeContent", "item:Body", "item:Attachments", "item:InternetMessageHeaders", "item:UniqueBody"]
                .iter()
                .any(|f| wants(f))
            || shape.properties.iter().any(|p| p.tag == "0x007D:String"));
    let content = if needs_content { item::content(c, item.id)? } else { Vec::new() };
    let name = element_name(&item.class);
    w.open(name, &[]);
    if shape.mime || wants("item:MimeContent") && !listing {
        let shown = if settings.rewrite_mime { rewrite::rebuild(&content, item.id) } else { content.clone() };
        w.open("t:MimeContent", &[("CharacterSet", "UTF-8")]).raw(&STANDARD.encode(shown)).close("t:MimeContent");
    }
    w.empty("t:ItemId", &[("Id", &ids::item(item)), ("ChangeKey", &ids::change_key(item.change))]);
    if wants("item:ParentFolderId")
        && let Some(parent) = folder::get(c, item.folder)?
    {
        w.empty("t:ParentFolderId", &[("Id", &ids::folder(&parent)), ("ChangeKey", &ids::change_key(parent.change))]);
    }
    let mut text = |field: &str, name: &str, value: &str| {
        if wants(field) {
            w.text(name, value);
        }
    };
    text("item:ItemClass", "t:ItemClass", &item.class);
    text("item:Subject", "t:Subject", &item.subject);
    text("item:Sensitivity", "t:Sensitivity", &item.sensitivity);
    if wants("item:Body") {
        body(w, "t:Body", &content, shape.plain_body);
    }
    if wants("item:Attachments") {
        attachments(w, item, &content);
    }
    let mut text = |field: &str, name: &str, value: &str| {
        if wants(field) {
            w.text(name, value);
        }
    };
    text("item:DateTimeReceived", "t:DateTimeReceived", &clock::seconds_text(item.received));
    text("item:Size", "t:Size", &item.size.to_string());
    if wants("item:Categories") && !item.categories.is_empty() {
        w.open("t:Categories", &[]);
        for category in &item.categories {
            w.text("t:String", category);
        }
        w.close("t:Categories");
    }
    let truth = |value: bool| if value { "true" } else { "false" };
    let mut text = |field: &str, name: &str, value: Option<&str>| {
        if wants(field) {
            w.optional(name, value);
        }
    };
    text("item:Importance", "t:Importance", Some(&item.importance));
    text("item:InReplyTo", "t:InReplyTo", item.headers.in_reply_to.as_deref());
    text("item:IsSubmitted", "t:IsSubmitted", Some("false"));
    text("item:IsDraft", "t:IsDraft", Some(truth(item.is_draft)));
    text("item:IsFromMe", "t:IsFromMe", Some("false"));
    text("item:IsResend", "t:IsResend", Some("false"));
    text("item:IsUnmodified", "t:IsUnmodified", Some(truth(item.change == 1)));
    header_fields(w, &content, shape, wants("item:InternetMessageHeaders"));
    let mut text = |field: &str, name: &str, value: Option<&str>| {
        if wants(field) {
            w.optional(name, value);
        }
    };
    text("item:DateTimeSent", "t:DateTimeSent", Some(&clock::seconds_text(item.sent)));
    text("item:DateTimeCreated", "t:DateTimeCreated", Some(&clock::seconds_text(item.created_ms.div_euclid(1000))));
    text("item:ReminderIsSet", "t:ReminderIsSet", Some("false"));
    text("item:DisplayCc", "t:DisplayCc", Some(&display(&item.headers.cc)));
    text("item:DisplayTo", "t:DisplayTo", Some(&display(&item.headers.to)));
    text("item:HasAttachments", "t:HasAttachments", Some(truth(item.attachments)));
    extended(c, w, item, shape, settings, &content)?;
    let mut text = |field: &str, name: &str, value: Option<&str>| {
        if wants(field) {
            w.optional(name, value);
        }
    };
    text("item:Culture", "t:Culture", Some("en-US"));
    text("item:LastModifiedTime", "t:LastModifiedTime", Some(&clock::seconds_text(item.modified_ms.div_euclid(1000))));
    if wants("item:UniqueBody") {
        body(w, "t:UniqueBody", &content, shape.plain_body);
    }
    let mut people = |field: &str, name: &str, list: &[Person], one: bool| {
        if wants(field) && !list.is_empty() {
            w.open(name, &[]);
            for person in list.iter().take(if one { 1 } else { usize::MAX }) {
                mailbox(w, person);
            }
            w.close(name);
        }
    };
    let sender = if item.headers.sender.is_empty() { &item.headers.from } else { &item.headers.sender };
    people("message:Sender", "t:Sender", sender, true);
    people("message:ToRecipients", "t:ToRecipients", &item.headers.to, false);
    people("message:CcRecipients", "t:CcRecipients", &item.headers.cc, false);
    people("message:BccRecipients", "t:BccRecipients", &item.headers.bcc, false);
    let mut text = |field: &str, name: &str, value: Option<&str>| {
        if wants(field) {
            w.optional(name, value);
        }
    };
    text("message:IsReadReceiptRequested", "t:IsReadReceiptRequested", Some("false"));
    text("message:IsDeliveryReceiptRequested", "t:IsDeliveryReceiptRequested", Some("false"));
    text("message:ConversationTopic", "t:ConversationTopic", Some(&item.subject));
    if wants("message:From")
        && let Some(person) = item.headers.from.first()
    {
        w.open("t:From", &[]);
        mailbox(w, person);
        w.close("t:From");
    }
    let mut text = |field: &str, name: &str, value: Option<&str>| {
        if wants(field) {
            w.optional(name, value);
        }
    };
    text("message:InternetMessageId", "t:InternetMessageId", item.message_id.as_deref());
    text("message:IsRead", "t:IsRead", Some(truth(item.is_read)));
    text("message:IsResponseRequested", "t:IsResponseRequested", Some("false"));
    text("message:References", "t:References", item.headers.references.as_deref());
    if wants("message:ReplyTo") && !item.headers.reply_to.is_empty() {
        w.open("t:ReplyTo", &[]);
        for person in &item.headers.reply_to {
            mailbox(w, person);
        }
        w.close("t:ReplyTo");
    }
    w.close(name);
    Ok(())
}

fn extended(
    c: &Connection,
    w: &mut Writer,
    item: &Item,
    shape: &Shape,
    settings: &Settings,
    content: &[u8],
) -> Result<(), ItemError> {
    if shape.properties.is_empty() {
        return Ok(());
    }
    let stored = kept::all(c, item.id)?;
    for wanted in &shape.properties {
        let value = match wanted.tag.as_str() {
            "0x007D:String" => Some(message::header_block(content)).filter(|b| !b.is_empty()),
            tag => property::computed(item, tag, settings.mime_attachment_flag).or_else(|| stored.get(tag).cloned()),
        };
        if let Some(value) = value {
            wanted.write(w, &value);
        }
    }
    Ok(())
}

fn header_fields(w: &mut Writer, content: &[u8], shape: &Shape, all: bool) {
    if !all && shape.headers.is_empty() {
        return;
    }
    let fields = message::header_fields(content);
    let chosen: Vec<_> = fields
        .iter()
        .filter(|(name, _)| all || shape.headers.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
        .collect();
    if chosen.is_empty() {
        return;
    }
    w.open("t:InternetMessageHeaders", &[]);
    for (name, value) in chosen {
        w.open("t:InternetMessageHeader", &[("HeaderName", name)]).escape(value).close("t:InternetMessageHeader");
    }
    w.close("t:InternetMessageHeaders");
}

fn body(w: &mut Writer, name: &str, content: &[u8], plain: bool) {
    let (text, is_html) = message::body(content, !plain);
    w.open(name, &[("BodyType", if is_html { "HTML" } else { "Text" })]).escape(&text).close(name);
}

fn attachments(w: &mut Writer, item: &Item, content: &[u8]) {
    let list = message::attachments(content);
    if list.is_empty() {
        return;
    }
    w.open("t:Attachments", &[]);
    for (index, attachment) in list.iter().enumerate() {
        w.open("t:FileAttachment", &[]);
        w.empty("t:AttachmentId", &[("Id", &STANDARD.encode(format!("A{}.{index}", item.id)))]);
        w.text("t:Name", &attachment.name).text("t:ContentType", &attachment.media_type);
        w.text("t:Size", &attachment.size.to_string()).flag("t:IsInline", false);
        w.close("t:FileAttachment");
    }
    w.close("t:Attachments");
}

fn mailbox(w: &mut Writer, person: &Person) {
    w.open("t:Mailbox", &[]).optional("t:Name", person.name.as_deref().or(person.email.as_deref()));
    w.optional("t:EmailAddress", person.email.as_deref().filter(|e| !e.is_empty()));
    w.text("t:RoutingType", "SMTP").close("t:Mailbox");
}

fn display(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().filter_map(|p| p.name.as_deref().or(p.email.as_deref())).collect();
    names.join("; ")
}

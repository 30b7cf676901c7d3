//! Writes items in schema order.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;

use super::parts;
use crate::clock;
use crate::ews::answer::ItemError;
use crate::ews::shape::Shape;
use crate::ews::{ids, property};
use crate::knobs::Settings;
use crate::message::{self, Person, rewrite};
use crate::store::item::{self as stored, Item};
use crate::store::{folder, property as kept};
use crate::xml::Writer;

/// Writes just the identity of an item.
pub(in crate::ews) fn item_id(item: &Item) -> String {
    let name = element_name(&item.class);
    let mut w = Writer::new();
    w.open("m:Items", &[]).open(name, &[]);
    identity(&mut w, item);
    w.close(name).close("m:Items");
    w.finish()
}

/// Writes an item; a listing never reads its content.
pub(in crate::ews) fn item(
    c: &Connection,
    w: &mut Writer,
    item: &Item,
    shape: &Shape,
    settings: &Settings,
    listing: bool,
) -> Result<(), ItemError> {
    let mut one = One { w, item, shape, listing, content: Vec::new() };
    if !listing && one.needs_content() {
        one.content = stored::content(c, item.id)?;
    }
    let name = element_name(&item.class);
    one.w.open(name, &[]);
    one.content(settings);
    identity(one.w, item);
    if one.wants("item:ParentFolderId")
        && let Some(parent) = folder::get(c, item.folder)?
    {
        let (id, key) = (ids::folder(&parent), ids::change_key(parent.change));
        one.w.empty("t:ParentFolderId", &[("Id", &id), ("ChangeKey", &key)]);
    }
    one.first_half();
    if !shape.properties.is_empty() {
        one.extended(c, settings)?;
    }
    one.second_half();
    one.w.close(name);
    Ok(())
}

fn element_name(class: &str) -> &'static str {
    match class {
        "IPM.Schedule.Meeting.Request" => "t:MeetingRequest",
        "IPM.Schedule.Meeting.Canceled" => "t:MeetingCancellation",
        c if c.starts_with("IPM.Schedule.Meeting.Resp") => "t:MeetingResponse",
        _ => "t:Message",
    }
}

fn identity(w: &mut Writer, item: &Item) {
    w.empty("t:ItemId", &[("Id", &ids::item(item)), ("ChangeKey", &ids::change_key(item.change))]);
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// An item that is being written.
struct One<'a> {
    w: &'a mut Writer,
    item: &'a Item,
    shape: &'a Shape,
    listing: bool,
    content: Vec<u8>,
}

impl One<'_> {
    fn wants(&self, field: &str) -> bool {
        self.shape.wants_in(field, self.listing)
    }

    fn needs_content(&self) -> bool {
        let fields =
            ["item:MimeContent", "item:Body", "item:Attachments", "item:InternetMessageHeaders", "item:UniqueBody"];
        self.shape.mime
            || !self.shape.headers.is_empty()
            || fields.iter().any(|f| self.wants(f))
            || self.shape.properties.iter().any(|p| p.tag == "0x007D:String")
    }

    /// Writes a field, named `prefix:Name`, as `t:Name`.
    fn text(&mut self, field: &str, value: &str) {
        if self.wants(field) {
            let name = field.split(':').nth(1).unwrap_or(field);
            self.w.text(&format!("t:{name}"), value);
        }
    }

    fn optional(&mut self, field: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(field, value);
        }
    }

    fn people(&mut self, field: &str, people: &[Person]) {
        if self.wants(field) {
            let name = field.split(':').nth(1).unwrap_or(field);
            parts::people(self.w, &format!("t:{name}"), people);
        }
    }

    fn content(&mut self, settings: &Settings) {
        if self.shape.mime || self.wants("item:MimeContent") {
            let shown =
                if settings.rewrite_mime { &rewrite::rebuild(&self.content, self.item.id) } else { &self.content };
            self.w
                .open("t:MimeContent", &[("CharacterSet", "UTF-8")])
                .raw(&STANDARD.encode(shown))
                .close("t:MimeContent");
        }
    }

    /// Writes what comes before the extended properties.
    fn first_half(&mut self) {
        let item = self.item;
        self.text("item:ItemClass", &item.class);
        self.text("item:Subject", &item.subject);
        self.text("item:Sensitivity", &item.sensitivity);
        if self.wants("item:Body") {
            parts::body(self.w, "t:Body", &self.content, self.shape.plain_body);
        }
        if self.wants("item:Attachments") {
            parts::attachments(self.w, item.id, &self.content);
        }
        self.text("item:DateTimeReceived", &clock::seconds_text(item.received));
        self.text("item:Size", &item.size.to_string());
        if self.wants("item:Categories") {
            parts::strings(self.w, "t:Categories", &item.categories);
        }
        self.text("item:Importance", &item.importance);
        self.optional("item:InReplyTo", item.headers.in_reply_to.as_deref());
        self.text("item:IsSubmitted", "false");
        self.text("item:IsDraft", truth(item.is_draft));
        self.text("item:IsFromMe", "false");
        self.text("item:IsResend", "false");
        self.text("item:IsUnmodified", truth(item.change == 1));
        parts::header_fields(self.w, &self.content, &self.shape.headers, self.wants("item:InternetMessageHeaders"));
        self.text("item:DateTimeSent", &clock::seconds_text(item.sent));
        self.text("item:DateTimeCreated", &clock::seconds_text(item.created_ms.div_euclid(1000)));
        self.text("item:ReminderIsSet", "false");
        self.text("item:DisplayCc", &parts::display(&item.headers.cc));
        self.text("item:DisplayTo", &parts::display(&item.headers.to));
        self.text("item:HasAttachments", truth(item.attachments));
    }

    fn extended(&mut self, c: &Connection, settings: &Settings) -> Result<(), ItemError> {
        let kept = kept::all(c, self.item.id)?;
        for wanted in &self.shape.properties {
            let value = match wanted.tag.as_str() {
                "0x007D:String" => Some(message::header_block(&self.content)).filter(|b| !b.is_empty()),
                tag => {
                    property::computed(self.item, tag, settings.mime_attachment_flag).or_else(|| kept.get(tag).cloned())
                }
            };
            if let Some(value) = value {
                wanted.write(self.w, &value);
            }
        }
        Ok(())
    }

    /// Writes what comes after the extended properties.
    fn second_half(&mut self) {
        let item = self.item;
        self.text("item:Culture", "en-US");
        self.text("item:LastModifiedTime", &clock::seconds_text(item.modified_ms.div_euclid(1000)));
        if self.wants("item:UniqueBody") {
            parts::body(self.w, "t:UniqueBody", &self.content, self.shape.plain_body);
        }
        let headers = &item.headers;
        let sender = if headers.sender.is_empty() { &headers.from } else { &headers.sender };
        self.people("message:Sender", sender.get(..1).unwrap_or_default());
        self.people("message:ToRecipients", &headers.to);
        self.people("message:CcRecipients", &headers.cc);
        self.people("message:BccRecipients", &headers.bcc);
        self.text("message:IsReadReceiptRequested", "false");
        self.text("message:IsDeliveryReceiptRequested", "false");
        self.text("message:ConversationTopic", &item.subject);
        self.people("message:From", headers.from.get(..1).unwrap_or_default());
        self.optional("message:InternetMessageId", item.message_id.as_deref());
        self.text("message:IsRead", truth(item.is_read));
        self.text("message:IsResponseRequested", "false");
        self.optional("message:References", headers.references.as_deref());
        self.people("message:ReplyTo", &headers.reply_to);
    }
}

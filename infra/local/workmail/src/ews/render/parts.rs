//! Writes the parts of items that are lists or need the content.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::message::{self, Person};
use crate::xml::Writer;

/// Writes a list of texts unless it is empty.
pub(super) fn strings(w: &mut Writer, name: &str, list: &[String]) {
    if list.is_empty() {
        return;
    }
    w.open(name, &[]);
    for one in list {
        w.text("t:String", one);
    }
    w.close(name);
}

/// Writes a list of people unless it is empty.
pub(super) fn people(w: &mut Writer, name: &str, people: &[Person]) {
    if people.is_empty() {
        return;
    }
    w.open(name, &[]);
    for person in people {
        mailbox(w, person);
    }
    w.close(name);
}

/// Writes single header fields, or all.
pub(super) fn header_fields(w: &mut Writer, content: &[u8], wanted: &[String], all: bool) {
    if !all && wanted.is_empty() {
        return;
    }
    let fields = message::header_fields(content);
    let chosen: Vec<_> =
        fields.iter().filter(|(name, _)| all || wanted.iter().any(|w| w.eq_ignore_ascii_case(name))).collect();
    if chosen.is_empty() {
        return;
    }
    w.open("t:InternetMessageHeaders", &[]);
    for (name, value) in chosen {
        w.open("t:InternetMessageHeader", &[("HeaderName", name)]).escape(value).close("t:InternetMessageHeader");
    }
    w.close("t:InternetMessageHeaders");
}

/// Writes the text of a message.
pub(super) fn body(w: &mut Writer, name: &str, content: &[u8], plain: bool) {
    let (text, is_html) = message::body(content, !plain);
    w.open(name, &[("BodyType", if is_html { "HTML" } else { "Text" })]).escape(&text).close(name);
}

/// Lists the attachments.
pub(super) fn attachments(w: &mut Writer, number: i64, content: &[u8]) {
    let list = message::attachments(content);
    if list.is_empty() {
        return;
    }
    w.open("t:Attachments", &[]);
    for (index, attachment) in list.iter().enumerate() {
        w.open("t:FileAttachment", &[]);
        w.empty("t:AttachmentId", &[("Id", &STANDARD.encode(format!("A{number}.{index}")))]);
        w.text("t:Name", &attachment.name).text("t:ContentType", &attachment.media_type);
        w.text("t:Size", &attachment.size.to_string()).flag("t:IsInline", false);
        w.close("t:FileAttachment");
    }
    w.close("t:Attachments");
}

/// Joins names as a client shows them.
pub(super) fn display(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().filter_map(|p| p.name.as_deref().or(p.email.as_deref())).collect();
    names.join("; ")
}

fn mailbox(w: &mut Writer, person: &Person) {
    w.open("t:Mailbox", &[]).optional("t:Name", person.name.as_deref().or(person.email.as_deref()));
    w.optional("t:EmailAddress", person.email.as_deref().filter(|e| !e.is_empty()));
    w.text("t:RoutingType", "SMTP").close("t:Mailbox");
}

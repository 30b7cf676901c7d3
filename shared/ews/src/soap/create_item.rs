//! `CreateItem`: stores messages from their MIME, with state, dates, categories and our key.

use bytes::Bytes;
use jiff::Timestamp;

use super::answer::{Operation, Reply, replies};
use super::field::Field;
use super::folder::FolderRef;
use super::item::{ItemId, first_item_id};
use super::node::Node;
use super::time;
use super::xml::Xml;

/// The longest name of a category.
const MAX_CATEGORY: usize = 255;

/// One message to store.
#[derive(Debug, Clone)]
pub struct Message {
    /// The MIME as it came.
    pub mime: Bytes,
    /// Whether it was read.
    pub read: bool,
    /// Whether it is a draft; everything else is marked as received.
    pub draft: bool,
    /// Whether it is flagged.
    pub flagged: bool,
    /// Whether it was answered or forwarded.
    pub verb: Option<Verb>,
    /// Received date.
    pub received: Timestamp,
    /// Sent date.
    pub sent: Option<Timestamp>,
    /// Categories; blank and repeated ones are left out.
    pub categories: Vec<String>,
    /// Our key.
    pub key: String,
    /// Whether to say that this is a plain note; left to the server for signed and encrypted mail.
    pub as_note: bool,
    /// Whether a read receipt that the message asks for is called off, so that reading the copy sends none.
    pub without_receipt: bool,
}

/// What was done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Answered.
    Answered,
    /// Forwarded.
    Forwarded,
}

impl Verb {
    /// Gives the value of [`Field::LAST_VERB`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Answered => "102",
            Self::Forwarded => "104",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Answered => "261",
            Self::Forwarded => "262",
        }
    }
}

/// Stores messages into one folder.
#[derive(Debug)]
pub struct CreateItem<'a> {
    /// Where to.
    pub folder: &'a FolderRef,
    /// What.
    pub messages: &'a [Message],
}

impl Operation for CreateItem<'_> {
    /// One reply per message, in that order; a success may lack the id.
    type Answer = Vec<Reply<Option<ItemId>>>;
    const RESPONSE: &'static str = "CreateItemResponse";
    const NAME: &'static str = "CreateItem";
    const REPEATABLE: bool = false;

    fn write(&self, xml: &mut Xml) {
        xml.element("m:CreateItem", &[("MessageDisposition", "SaveOnly")], |xml| {
            xml.element("m:SavedItemFolderId", &[], |xml| self.folder.write(xml));
            xml.element("m:Items", &[], |xml| self.messages.iter().for_each(|m| m.write(xml)));
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |message| Some(first_item_id(message)))
    }
}

impl Message {
    /// Writes `t:Message`; the order of the elements is the schema's.
    fn write(&self, xml: &mut Xml) {
        xml.element("t:Message", &[], |xml| {
            xml.base64("t:MimeContent", self.mime.clone());
            if self.as_note {
                xml.leaf("t:ItemClass", "IPM.Note");
            }
            let categories = self.clean_categories();
            if !categories.is_empty() {
                xml.element("t:Categories", &[], |xml| categories.iter().for_each(|c| xml.leaf("t:String", c)));
            }
            self.write_properties(xml);
            if self.without_receipt {
                xml.leaf("t:IsReadReceiptRequested", "false");
            }
            xml.leaf("t:IsRead", if self.read { "true" } else { "false" });
        });
    }

    fn write_properties(&self, xml: &mut Xml) {
        let state = match (self.draft, self.read) {
            (false, false) => "0",
            (false, true) => "1",
            (true, false) => "8",
            (true, true) => "9",
        };
        Field::MESSAGE_FLAGS.write_value(xml, state);
        if let Some(received) = time::write(self.received) {
            Field::DELIVERY_TIME.write_value(xml, &received);
        }
        if let Some(sent) = self.sent.and_then(time::write) {
            Field::SUBMIT_TIME.write_value(xml, &sent);
        }
        if self.flagged {
            Field::FLAG_STATUS.write_value(xml, "2");
        }
        if let Some(verb) = self.verb {
            Field::LAST_VERB.write_value(xml, verb.code());
            Field::ICON_INDEX.write_value(xml, verb.icon());
            Field::StoredVerb.write_value(xml, verb.code());
        }
        Field::Key.write_value(xml, &self.key);
    }

    /// Gives the categories a server can hold: no blank ones, none twice, no separators, not too long.
    fn clean_categories(&self) -> Vec<String> {
        let mut clean: Vec<String> = Vec::new();
        for category in &self.categories {
            let plain: String =
                category.chars().map(|c| if matches!(c, ',' | ';') || c.is_control() { ' ' } else { c }).collect();
            let plain: String = plain.trim().chars().take(MAX_CATEGORY).collect();
            let seen = clean.iter().any(|c| c.to_lowercase() == plain.to_lowercase());
            if !plain.is_empty() && !seen {
                clean.push(plain);
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Envelope, Version, read};

    fn message() -> Message {
        Message {
            mime: Bytes::from_static(b"Subject: x\r\n\r\ny"),
            read: true,
            draft: false,
            flagged: true,
            verb: Some(Verb::Answered),
            received: "1995-06-07T08:09:10Z".parse().expect("a time"),
            sent: "1995-06-07T08:09:00Z".parse().ok(),
            categories: vec!["Work".into()],
            key: "0123456789abcdef:0000000042".into(),
            as_note: true,
            without_receipt: true,
        }
    }

    fn written(message: Message) -> String {
        let folder = FolderRef::Id("AAMk".into());
        let request = CreateItem { folder: &folder, messages: &[message] };
        let body = Envelope { version: Version::NEWEST, impersonate: None }.wrap(&request);
        String::from_utf8(body.to_vec()).expect("UTF-8")
    }

    fn positions(text: &str, parts: &[&str]) -> Vec<usize> {
        parts.iter().map(|p| text.find(p).unwrap_or_else(|| panic!("{p} is missing in {text}"))).collect()
    }

    #[test]
    fn elements_stand_in_the_order_of_the_schema() {
        let text = written(message());
        let at = positions(
            &text,
            &[
                "<t:MimeContent>",
                "<t:ItemClass>",
                "<t:Categories>",
                "<t:ExtendedProperty>",
                "<t:IsReadReceiptRequested>",
                "<t:IsRead>",
            ],
        );
        assert!(at.is_sorted(), "{at:?} in {text}");
        assert!(text.rfind("</t:ExtendedProperty>") < text.find("<t:IsReadReceiptRequested>"));
    }

    #[test]
    fn read_state_stands_in_both_places_alike() {
        for (read, draft, value) in [(false, false, 0), (true, false, 1), (false, true, 8), (true, true, 9)] {
            let text = written(Message { read, draft, ..message() });
            let flags = format!("PropertyTag=\"0x0e07\" PropertyType=\"Integer\"/><t:Value>{value}</t:Value>");
            assert!(text.contains(&flags) && text.contains(&format!("<t:IsRead>{read}</t:IsRead>")), "{text}");
        }
    }

    #[test]
    fn the_received_date_is_utc_in_whole_seconds() {
        let text = written(Message { received: "2020-02-29T23:59:59.999Z".parse().expect("a time"), ..message() });
        assert!(text.contains("0x0e06\" PropertyType=\"SystemTime\"/><t:Value>2020-02-29T23:59:59Z<"), "{text}");
    }

    #[test]
    fn signed_mail_gets_no_item_class() {
        assert!(!written(Message { as_note: false, ..message() }).contains("ItemClass"));
    }

    #[test]
    fn categories_are_made_unique_and_clean() {
        let categories = ["Work", "work", " ", "a,b;c", "x\u{1}y"].map(String::from).to_vec();
        assert_eq!(Message { categories, ..message() }.clean_categories(), ["Work", "a b c", "x y"]);
    }

    #[test]
    fn a_batch_is_answered_item_by_item() {
        let replies = read::<CreateItem<'_>>(include_str!("samples/create_item.xml")).expect("an answer");
        assert!(
            matches!(&replies[0], Reply::Done(Some(id)) if id.id == "AAMkOne" && id.change_key.as_deref() == Some("CQAAAA=="))
        );
        assert!(matches!(&replies[1], Reply::Refused(r) if r.code.as_str() == "ErrorMimeContentConversionFailed"));
        assert_eq!(replies[2], Reply::NotTried);
        assert_eq!(replies[3], Reply::Done(None));
    }
}

//! `GetItem`: reads items back, with or without their MIME.

use super::answer::{Operation, Reply, replies};
use super::field::{Field, write_shape};
use super::item::{Item, ItemId, write_ids};
use super::node::{Node, Ns};
use super::xml::Xml;

/// What is asked of an item to see what of it was kept.
pub const STATE: [Field; 15] = [
    Field::Uri("item:ParentFolderId"),
    Field::Uri("item:ItemClass"),
    Field::Uri("item:Size"),
    Field::Uri("item:DateTimeReceived"),
    Field::Uri("item:DateTimeCreated"),
    Field::Uri("item:Categories"),
    Field::Uri("message:InternetMessageId"),
    Field::Uri("message:IsRead"),
    Field::MESSAGE_FLAGS,
    Field::SUBMIT_TIME,
    Field::FLAG_STATUS,
    Field::LAST_VERB,
    Field::ICON_INDEX,
    Field::StoredVerb,
    Field::Key,
];

/// Reads items.
#[derive(Debug)]
pub struct GetItem<'a> {
    /// Which.
    pub items: &'a [ItemId],
    /// What to tell of each.
    pub fields: &'a [Field],
    /// Whether the MIME is wanted.
    pub mime: Mime,
}

/// Whether `GetItem` gives the MIME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mime {
    /// Yes.
    Include,
    /// No.
    Omit,
}

impl Operation for GetItem<'_> {
    /// One reply per item, in that order.
    type Answer = Vec<Reply<Item>>;
    const RESPONSE: &'static str = "GetItemResponse";
    const NAME: &'static str = "GetItem";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:GetItem", &[], |xml| {
            xml.element("m:ItemShape", &[], |xml| {
                xml.leaf("t:BaseShape", "IdOnly");
                if self.mime == Mime::Include {
                    xml.leaf("t:IncludeMimeContent", "true");
                }
                if !self.fields.is_empty() {
                    write_shape(xml, self.fields);
                }
            });
            write_ids(xml, self.items);
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |message| message.child(Ns::Messages, "Items")?.children().find_map(Item::read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Class, read};

    #[test]
    fn an_item_comes_with_its_mime_and_state() {
        let replies = read::<GetItem<'_>>(include_str!("samples/get_item.xml")).expect("an answer");
        let Reply::Done(item) = &replies[0] else { panic!("{replies:?}") };
        assert_eq!(item.mime.as_deref(), Some(&b"Subject: hello\r\n\r\nWorld\r\n"[..]));
        assert_eq!((item.read, item.draft, item.flag_status), (Some(false), Some(false), Some(2)));
        assert_eq!(item.categories, ["Work", "Größe"]);
        assert_eq!(item.class.as_deref(), Some("IPM.Note"));
        assert!(matches!(&replies[1], Reply::Refused(r) if r.code.class() == Class::ItemGone));
    }
}

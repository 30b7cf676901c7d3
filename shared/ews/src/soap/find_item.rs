//! `FindItem`: lists folders page by page, or finds items by our key or a Message-ID.

use super::answer::{Operation, Reply, replies};
use super::field::{Field, write_shape};
use super::folder::FolderRef;
use super::item::Item;
use super::node::{Node, Ns};
use super::paging::{self, Page};
use super::xml::Xml;

/// What is asked of every item of a listing.
pub const LISTING: [Field; 8] = [
    Field::Uri("item:ParentFolderId"),
    Field::Uri("item:Size"),
    Field::Uri("item:DateTimeReceived"),
    Field::Uri("message:InternetMessageId"),
    Field::Uri("message:IsRead"),
    Field::LAST_VERB,
    Field::StoredVerb,
    Field::Key,
];

/// Which items are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    /// Those whose key is exactly this.
    Key(String),
    /// Those whose key begins so.
    KeyPrefix(String),
    /// Those with this Message-ID.
    MessageId(String),
}

/// Asks for one page of items of one or more folders.
#[derive(Debug)]
pub struct FindItem<'a> {
    /// Directly in these folders.
    pub folders: &'a [FolderRef],
    /// Only these; `None` for all.
    pub restriction: Option<&'a Restriction>,
    /// From which entry on, in each folder.
    pub offset: u32,
    /// What to tell of each.
    pub fields: &'a [Field],
}

impl Operation for FindItem<'_> {
    /// One reply per folder, in that order.
    type Answer = Vec<Reply<Page<Item>>>;
    const RESPONSE: &'static str = "FindItemResponse";
    const NAME: &'static str = "FindItem";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:FindItem", &[("Traversal", "Shallow")], |xml| {
            xml.element("m:ItemShape", &[], |xml| {
                xml.leaf("t:BaseShape", "IdOnly");
                write_shape(xml, self.fields);
            });
            paging::write_view(xml, "m:IndexedPageItemView", self.offset);
            if let Some(restriction) = self.restriction {
                xml.element("m:Restriction", &[], |xml| restriction.write(xml));
            }
            xml.element("m:SortOrder", &[], |xml| {
                xml.element("t:FieldOrder", &[("Order", "Ascending")], |xml| {
                    Field::Uri("item:DateTimeReceived").write(xml);
                });
            });
            xml.element("m:ParentFolderIds", &[], |xml| self.folders.iter().for_each(|f| f.write(xml)));
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |message| {
            let root = message.child(Ns::Messages, "RootFolder")?;
            let items = root.child(Ns::Types, "Items");
            let entries = items.into_iter().flat_map(Node::children).filter_map(Item::read).collect();
            let count = items.map_or(0, |i| i.children().count());
            Some(paging::read(root, entries, count))
        })
    }
}

impl Restriction {
    fn write(&self, xml: &mut Xml) {
        let equal = |xml: &mut Xml, field: Field, value: &str| {
            xml.element("t:IsEqualTo", &[], |xml| {
                field.write(xml);
                xml.element("t:FieldURIOrConstant", &[], |xml| xml.empty("t:Constant", &[("Value", value)]));
            });
        };
        match self {
            Self::Key(key) => equal(xml, Field::Key, key),
            Self::MessageId(id) => equal(xml, Field::Uri("message:InternetMessageId"), id),
            Self::KeyPrefix(prefix) => {
                let how = [("ContainmentMode", "Prefixed"), ("ContainmentComparison", "Exact")];
                xml.element("t:Contains", &how, |xml| {
                    Field::Key.write(xml);
                    xml.empty("t:Constant", &[("Value", prefix)]);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::read;

    #[test]
    fn a_page_tells_key_message_id_size_and_date_and_misses_nothing_when_they_are_missing() {
        let mut replies = read::<FindItem<'_>>(include_str!("samples/find_item.xml")).expect("an answer");
        let page = replies.remove(0).done().expect("a page");
        assert_eq!((page.after(0), page.total, page.entries.len()), (Some(500), Some(1234), 3));
        let ours = &page.entries[0];
        assert_eq!(ours.key.as_deref(), Some("0123456789abcdef:0000000042"));
        assert_eq!(ours.message_id.as_deref(), Some("<a&b@example.org>"));
        assert_eq!((ours.size, ours.read), (Some(2345), Some(true)));
        assert_eq!(ours.received.map(|r| r.to_string()).as_deref(), Some("2001-02-03T04:05:06Z"));
        assert!(!ours.worked_on(), "it was stored as answered");
        let foreign = &page.entries[1];
        assert_eq!((foreign.id.id.as_str(), foreign.key.as_deref(), foreign.size), ("AAMkBare", None, None));
        assert_eq!(page.entries[2].message_id, None, "a meeting request counts as an item");
        assert!(page.entries[2].worked_on(), "answered later");
    }
}

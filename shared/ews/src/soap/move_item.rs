//! `MoveItem`: moves items to another folder of the same mailbox.

use super::answer::{Operation, Reply, replies};
use super::folder::FolderRef;
use super::item::{ItemId, first_item_id, write_ids};
use super::node::Node;
use super::xml::Xml;

/// Moves items.
#[derive(Debug)]
pub struct MoveItem<'a> {
    /// Where to.
    pub to: &'a FolderRef,
    /// Which.
    pub items: &'a [ItemId],
}

impl Operation for MoveItem<'_> {
    /// One reply per item with its new id, when the server tells it.
    type Answer = Vec<Reply<Option<ItemId>>>;
    const RESPONSE: &'static str = "MoveItemResponse";
    const NAME: &'static str = "MoveItem";
    const REPEATABLE: bool = false;

    fn write(&self, xml: &mut Xml) {
        xml.element("m:MoveItem", &[], |xml| {
            xml.element("m:ToFolderId", &[], |xml| self.to.write(xml));
            write_ids(xml, self.items);
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |message| Some(first_item_id(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::read;

    #[test]
    fn a_moved_item_has_a_new_id() {
        let replies = read::<MoveItem<'_>>(include_str!("samples/move_item.xml")).expect("an answer");
        assert!(matches!(&replies[0], Reply::Done(Some(id)) if id.id == "AAMkMoved"));
        assert_eq!(replies[1], Reply::Done(None));
    }
}

//! `DeleteItem`: takes items out of a mailbox, recoverably or for good.

use super::answer::{Operation, Reply, replies};
use super::item::{ItemId, write_ids};
use super::node::Node;
use super::xml::Xml;

/// What becomes of a deleted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteType {
    /// Goes to the recoverable items.
    Soft,
    /// Is gone.
    Hard,
}

/// Deletes items.
#[derive(Debug)]
pub struct DeleteItem<'a> {
    /// Which.
    pub items: &'a [ItemId],
    /// How.
    pub how: DeleteType,
}

impl Operation for DeleteItem<'_> {
    /// One reply per item, in that order.
    type Answer = Vec<Reply<()>>;
    const RESPONSE: &'static str = "DeleteItemResponse";
    const NAME: &'static str = "DeleteItem";

    fn write(&self, xml: &mut Xml) {
        let how = match self.how {
            DeleteType::Soft => "SoftDelete",
            DeleteType::Hard => "HardDelete",
        };
        xml.element("m:DeleteItem", &[("DeleteType", how)], |xml| write_ids(xml, self.items));
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |_| Some(()))
    }
}

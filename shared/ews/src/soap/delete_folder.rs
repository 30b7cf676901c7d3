//! `DeleteFolder`: removes the scratch folder of the self-test.

use super::answer::{Operation, Reply, replies};
use super::folder::FolderRef;
use super::node::Node;
use super::xml::Xml;

/// Deletes a folder for good.
#[derive(Debug)]
pub struct DeleteFolder<'a> {
    /// Which.
    pub folder: &'a FolderRef,
}

impl Operation for DeleteFolder<'_> {
    /// One reply.
    type Answer = Vec<Reply<()>>;
    const RESPONSE: &'static str = "DeleteFolderResponse";
    const NAME: &'static str = "DeleteFolder";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:DeleteFolder", &[("DeleteType", "HardDelete")], |xml| {
            xml.element("m:FolderIds", &[], |xml| self.folder.write(xml));
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |_| Some(()))
    }
}

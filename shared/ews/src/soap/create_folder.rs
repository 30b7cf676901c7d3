//! `CreateFolder`: one mail folder in another.

use super::answer::{Operation, Reply, replies};
use super::folder::{Folder, FolderRef};
use super::get_folder::first_folder;
use super::node::Node;
use super::xml::Xml;

/// Makes a folder of class `IPF.Note`.
#[derive(Debug)]
pub struct CreateFolder<'a> {
    /// In which folder.
    pub parent: &'a FolderRef,
    /// Its name.
    pub name: &'a str,
}

impl Operation for CreateFolder<'_> {
    /// One reply; the folder carries its id only.
    type Answer = Vec<Reply<Folder>>;
    const RESPONSE: &'static str = "CreateFolderResponse";
    const NAME: &'static str = "CreateFolder";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:CreateFolder", &[], |xml| {
            xml.element("m:ParentFolderId", &[], |xml| self.parent.write(xml));
            xml.element("m:Folders", &[], |xml| {
                xml.element("t:Folder", &[], |xml| {
                    xml.leaf("t:FolderClass", "IPF.Note");
                    xml.leaf("t:DisplayName", self.name);
                });
            });
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, first_folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Class, read};

    #[test]
    fn a_new_folder_and_one_that_was_there_are_told_apart() {
        let replies = read::<CreateFolder<'_>>(include_str!("samples/create_folder.xml")).expect("an answer");
        assert!(matches!(&replies[0], Reply::Done(f) if f.id == "AAMkNew"));
        assert!(matches!(&replies[1], Reply::Refused(r) if r.code.class() == Class::FolderExists));
    }
}

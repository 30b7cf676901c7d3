//! `FindFolder`: every folder below one, page by page.

use super::answer::{Operation, Reply, replies};
use super::field::{Field, write_shape};
use super::folder::{Folder, FolderRef};
use super::node::{Node, Ns};
use super::paging::{self, Page};
use super::xml::Xml;

/// Asks for all folders below one, at any depth.
#[derive(Debug)]
pub struct FindFolder<'a> {
    /// Below which.
    pub parent: &'a FolderRef,
    /// From which entry on.
    pub offset: u32,
}

const FIELDS: [Field; 5] = [
    Field::Uri("folder:ParentFolderId"),
    Field::Uri("folder:FolderClass"),
    Field::Uri("folder:DisplayName"),
    Field::Uri("folder:TotalCount"),
    Field::Uri("folder:ChildFolderCount"),
];

impl Operation for FindFolder<'_> {
    /// One reply.
    type Answer = Vec<Reply<Page<Folder>>>;
    const RESPONSE: &'static str = "FindFolderResponse";
    const NAME: &'static str = "FindFolder";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:FindFolder", &[("Traversal", "Deep")], |xml| {
            xml.element("m:FolderShape", &[], |xml| {
                xml.leaf("t:BaseShape", "IdOnly");
                write_shape(xml, &FIELDS);
            });
            paging::write_view(xml, "m:IndexedPageFolderView", self.offset);
            xml.element("m:ParentFolderIds", &[], |xml| self.parent.write(xml));
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, |message| {
            let root = message.child(Ns::Messages, "RootFolder")?;
            let folders = root.child(Ns::Types, "Folders");
            let entries: Vec<_> = folders.into_iter().flat_map(Node::children).filter_map(Folder::read).collect();
            let count = folders.map_or(0, |f| f.children().count());
            Some(paging::read(root, entries, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::read;

    #[test]
    fn a_page_names_where_the_next_begins() {
        let mut replies = read::<FindFolder<'_>>(include_str!("samples/find_folder.xml")).expect("an answer");
        let page = replies.remove(0).done().expect("a page");
        let names: Vec<_> = page.entries.iter().map(|f| (f.name.as_str(), f.holds_mail())).collect();
        assert_eq!(names, [("Übersicht", true), ("Calendar", false), ("Old", true)]);
        assert_eq!((page.after(0), page.total), (Some(3), Some(700)));
        assert_eq!(page.entries[2].parent.as_deref(), Some("AAMk1"));
    }
}

//! `GetFolder`: what the distinguished folders are, in one request; also shows whether the credentials work.

use super::answer::{Operation, Reply, replies};
use super::folder::{Folder, FolderRef};
use super::node::{Node, Ns};
use super::xml::Xml;

/// Asks for folders.
#[derive(Debug)]
pub struct GetFolder<'a> {
    /// Which.
    pub folders: &'a [FolderRef],
}

impl Operation for GetFolder<'_> {
    /// One reply per folder asked for, in that order.
    type Answer = Vec<Reply<Folder>>;
    const RESPONSE: &'static str = "GetFolderResponse";
    const NAME: &'static str = "GetFolder";

    fn write(&self, xml: &mut Xml) {
        xml.element("m:GetFolder", &[], |xml| {
            xml.element("m:FolderShape", &[], |xml| xml.leaf("t:BaseShape", "Default"));
            xml.element("m:FolderIds", &[], |xml| self.folders.iter().for_each(|f| f.write(xml)));
        });
    }

    fn read(response: &Node<'_>) -> Self::Answer {
        replies(response, first_folder)
    }
}

/// Gives the first folder of `m:Folders`.
pub(super) fn first_folder(message: &Node<'_>) -> Option<Folder> {
    message.child(Ns::Messages, "Folders")?.children().find_map(Folder::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::read;

    #[test]
    fn each_folder_is_found_or_refused_on_its_own() {
        let replies = read::<GetFolder<'_>>(include_str!("samples/get_folder.xml")).expect("an answer");
        let Reply::Done(inbox) = &replies[0] else { panic!("{replies:?}") };
        assert_eq!((inbox.id.as_str(), inbox.name.as_str(), inbox.total), ("AAMkAGI=inbox", "Inbox & more", Some(4)));
        assert!(inbox.holds_mail());
        assert!(matches!(&replies[1], Reply::Refused(r) if r.code.as_str() == "ErrorFolderNotFound"));
    }

    #[test]
    fn folder_class_decides_what_holds_mail() {
        let folder = |class: Option<&str>| Folder {
            id: "1".into(),
            parent: None,
            name: "x".into(),
            class: class.map(Into::into),
            total: None,
            children: None,
            plain: true,
        };
        assert!(
            folder(None).holds_mail()
                && folder(Some("IPF.Note")).holds_mail()
                && folder(Some("IPF.Note.Custom")).holds_mail()
        );
        assert!(!folder(Some("IPF.Notebook")).holds_mail() && !folder(Some("IPF.Appointment")).holds_mail());
        assert!(!Folder { plain: false, ..folder(None) }.holds_mail());
    }
}

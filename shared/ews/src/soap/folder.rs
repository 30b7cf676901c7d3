//! References to folders, and folders as the server describes them.

use super::node::{Node, Ns};
use super::xml::Xml;

/// Points to a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FolderRef {
    /// By the server's id.
    Id(String),
    /// By its distinguished name, in this mailbox (`None`: the one signed in to or impersonated).
    Distinguished(Distinguished, Option<String>),
}

/// The distinguished folders used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Distinguished {
    /// `msgfolderroot`: the parent of all folders a user sees.
    Root,
    /// `inbox`
    Inbox,
    /// `sentitems`
    Sent,
    /// `drafts`
    Drafts,
    /// `deleteditems`
    Deleted,
    /// `junkemail`
    Junk,
    /// `outbox`
    Outbox,
}

impl Distinguished {
    /// All, in the order they are asked for.
    pub const ALL: [Self; 7] =
        [Self::Root, Self::Inbox, Self::Sent, Self::Drafts, Self::Deleted, Self::Junk, Self::Outbox];

    /// Gives the name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "msgfolderroot",
            Self::Inbox => "inbox",
            Self::Sent => "sentitems",
            Self::Drafts => "drafts",
            Self::Deleted => "deleteditems",
            Self::Junk => "junkemail",
            Self::Outbox => "outbox",
        }
    }
}

impl FolderRef {
    pub(super) fn write(&self, xml: &mut Xml) {
        match self {
            Self::Id(id) => xml.empty("t:FolderId", &[("Id", id)]),
            Self::Distinguished(which, mailbox) => {
                xml.element("t:DistinguishedFolderId", &[("Id", which.name())], |xml| {
                    if let Some(mailbox) = mailbox {
                        xml.element("t:Mailbox", &[], |xml| xml.leaf("t:EmailAddress", mailbox));
                    }
                })
            }
        }
    }
}

/// A folder as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Id, opaque.
    pub id: String,
    /// Id of the parent.
    pub parent: Option<String>,
    /// Name for people.
    pub name: String,
    /// `IPF.Note` and below hold mail; missing on some folders.
    pub class: Option<String>,
    /// How many items it holds itself.
    pub total: Option<u64>,
    /// How many folders are directly in it.
    pub children: Option<u64>,
    /// Whether it came as `t:Folder`, not as calendar, contacts, tasks or search folder.
    pub plain: bool,
}

impl Folder {
    /// Says whether it is one for mail.
    #[must_use]
    pub fn holds_mail(&self) -> bool {
        self.plain && self.class.as_deref().is_none_or(|c| c.eq_ignore_ascii_case("IPF") || is_below(c, "IPF.Note"))
    }

    /// Reads one folder element; `None` without an id.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let id = |name| node.child(Ns::Types, name).and_then(|i| i.attribute("Id")).map(str::to_owned);
        Some(Self {
            id: id("FolderId")?,
            parent: id("ParentFolderId"),
            name: node.value("DisplayName").unwrap_or_default().to_owned(),
            class: node.value("FolderClass").map(str::to_owned),
            total: node.number("TotalCount"),
            children: node.number("ChildFolderCount"),
            plain: node.is(Ns::Types, "Folder"),
        })
    }
}

fn is_below(class: &str, parent: &str) -> bool {
    let (class, parent) = (class.to_ascii_lowercase(), parent.to_ascii_lowercase());
    class.strip_prefix(&parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

//! The folders of the mailbox: which there are, which the system's own are, and new ones.

use std::collections::BTreeMap;

use mailcrane_core::fault::Fault;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role, WireName};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::names::{self, Limits};
use crate::search::as_failure;
use crate::session::Session;
use crate::soap::create_folder::CreateFolder;
use crate::soap::find_folder::FindFolder;
use crate::soap::folder::{Distinguished, Folder};
use crate::soap::get_folder::GetFolder;
use crate::soap::node::Unreadable;
use crate::soap::{Class, FolderRef, Reply};

/// The system's own folders, known since the mailbox was opened.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    root: String,
    roles: BTreeMap<Role, String>,
    outbox: Option<String>,
}

/// The name of the inbox as one of a source.
const INBOX: &str = "INBOX";
/// Levels after which a path is taken for a circle.
const DEEPEST: usize = 300;

const ROLES: [(Distinguished, Role); 5] = [
    (Distinguished::Inbox, Role::Inbox),
    (Distinguished::Sent, Role::Sent),
    (Distinguished::Drafts, Role::Drafts),
    (Distinguished::Deleted, Role::Trash),
    (Distinguished::Junk, Role::Junk),
];

impl Known {
    /// Asks for all distinguished folders in one request, which also tries the credentials.
    ///
    /// A mailbox without one of them is fine, except without a root or an inbox.
    pub(crate) async fn ask(session: &Session) -> Result<Self, Failure> {
        let asked = Distinguished::ALL.map(|which| session.access().folder(which));
        let replies = session.call(&GetFolder { folders: &asked }, session.deadline()).await?;
        let mut found: BTreeMap<Distinguished, String> = BTreeMap::new();
        let mut refused = None;
        for (which, reply) in Distinguished::ALL.into_iter().zip(replies) {
            match reply {
                Reply::Done(folder) => drop(found.insert(which, folder.id)),
                Reply::Refused(refusal) if refusal.code.class() == Class::FolderGone => {}
                Reply::Refused(refusal) => refused = refused.or(Some(refusal)),
                Reply::NotTried => {}
            }
        }
        if let Some(refusal) = refused {
            return Err(as_failure(refusal));
        }
        let roles = ROLES.iter().filter_map(|(which, role)| Some((*role, found.get(which)?.clone()))).collect();
        match found.remove(&Distinguished::Root) {
            Some(root) if found.contains_key(&Distinguished::Inbox) => {
                Ok(Self { root, roles, outbox: found.remove(&Distinguished::Outbox) })
            }
            _ => Err(Failure::Unreadable(Unreadable::Missing("inbox"))),
        }
    }

    /// Tells whether the folder holds what is about to be sent.
    pub(crate) fn is_outbox(&self, folder: &Folder) -> bool {
        self.outbox.as_ref() == Some(&folder.id)
    }

    pub(crate) fn role_of(&self, folder: &Folder) -> Option<Role> {
        let named = self.roles.iter().find(|(_, id)| **id == folder.id).map(|(role, _)| *role);
        named.or_else(|| (self.is_top(folder) && folder.name.eq_ignore_ascii_case("Archive")).then_some(Role::Archive))
    }

    /// Gives the name that the folder has as one of a source: `INBOX`, or its id.
    pub(crate) fn wire(&self, folder: &Folder) -> WireName {
        match self.roles.get(&Role::Inbox) {
            Some(inbox) if *inbox == folder.id => WireName::from(INBOX),
            _ => WireName::from(folder.id.as_str()),
        }
    }

    /// Gives the folder of such a name.
    pub(crate) fn place(&self, wire: &WireName) -> Option<FolderRef> {
        if wire.is_inbox() {
            return self.roles.get(&Role::Inbox).cloned().map(FolderRef::Id);
        }
        String::from_utf8(wire.as_bytes().to_vec()).ok().map(FolderRef::Id)
    }

    fn is_top(&self, folder: &Folder) -> bool {
        folder.parent.as_ref().is_none_or(|parent| *parent == self.root)
    }
}

/// Gives the folders with their names from the top down; one whose parent is not listed counts as at the top.
pub(crate) fn paths<'f>(folders: &'f [Folder], known: &Known) -> Vec<(&'f Folder, Vec<String>)> {
    let by_id: BTreeMap<&str, &Folder> = folders.iter().map(|f| (f.id.as_str(), f)).collect();
    let name = |folder: &Folder| match known.wire(folder).is_inbox() {
        true => INBOX.to_owned(),
        false => folder.name.clone(),
    };
    let path = |folder: &Folder| {
        let mut path = vec![name(folder)];
        let mut above = folder.parent.as_deref().and_then(|id| by_id.get(id));
        while let Some(parent) = above.filter(|_| path.len() < DEEPEST) {
            path.push(name(parent));
            above = parent.parent.as_deref().and_then(|id| by_id.get(id));
        }
        path.reverse();
        path
    };
    by_id.values().map(|folder| (*folder, path(folder))).collect()
}

/// Lists every folder, whatever it holds.
pub(crate) async fn all(session: &Session, deadline: Instant) -> Result<Vec<Folder>, Failure> {
    let root = session.access().folder(Distinguished::Root);
    let mut folders = Vec::new();
    let mut next = Some(0);
    while let Some(offset) = next {
        let page = session.one(&FindFolder { parent: &root, offset }, deadline).await?.map_err(as_failure)?;
        next = page.after(offset);
        folders.extend(page.entries);
    }
    Ok(folders)
}

/// Gives every folder that holds mail, wherever it is.
pub(crate) async fn of_mail(session: &Session) -> Result<Vec<FolderRef>, Failure> {
    let folders = all(session, session.deadline()).await?;
    Ok(folders.into_iter().filter(Folder::holds_mail).map(|f| FolderRef::Id(f.id)).collect())
}

/// Lists the folders that hold mail, parents before children; one inside of a calendar and the like is left out.
pub(crate) async fn list(session: &Session, known: &Known) -> Result<Vec<DestinationFolder>, Failure> {
    let mut waiting: Vec<Folder> = all(session, session.deadline()).await?;
    waiting.retain(Folder::holds_mail);
    let mut listed: Vec<DestinationFolder> = Vec::new();
    loop {
        let before = listed.len();
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|folder| {
            known.is_top(folder) || listed.iter().any(|l| folder.parent.as_deref() == Some(l.id.0.as_str()))
        });
        let new = ready
            .into_iter()
            .filter(|f| !listed.iter().any(|l| l.id.0 == f.id))
            .map(|f| describe(f, known))
            .collect::<Vec<_>>();
        listed.extend(new);
        waiting = rest;
        if listed.len() == before {
            return Ok(listed);
        }
    }
}

fn describe(folder: Folder, known: &Known) -> DestinationFolder {
    DestinationFolder {
        role: known.role_of(&folder),
        parent: folder.parent.clone().filter(|_| !known.is_top(&folder)).map(FolderId),
        id: FolderId(folder.id),
        name: folder.name,
        items: folder.total,
        mail: true,
    }
}

/// Makes a folder, or gives the one that is there; system folders are never made.
///
/// A name that a calendar or the like has is given a mark.
pub(crate) async fn create(
    session: &Session,
    known: &Known,
    parent: Option<&FolderId>,
    name: &str,
    role: Option<Role>,
) -> Result<FolderId, Fault> {
    if let Some(id) = role.and_then(|role| known.roles.get(&role)) {
        return Ok(FolderId(id.clone()));
    }
    let deadline = session.deadline();
    let wanted = if role == Some(Role::Archive) && parent.is_none() { "Archive" } else { name };
    let wanted = names::legal(wanted, Limits::default());
    let place = parent.map_or(known.root.as_str(), |id| id.0.as_str());
    for name in [wanted.clone(), format!("{} ~mail", wanted.chars().take(200).collect::<String>())] {
        if let Some(id) = create_or_find(session, place, &name, deadline).await? {
            return Ok(FolderId(id));
        }
    }
    let text = format!("No folder can be made at the destination: its name {wanted:?} is taken by something else");
    Err(Fault::give_up("destination.folder_name", text))
}

/// Gives the new or found folder; `None` when the name is taken by what holds no mail.
async fn create_or_find(
    session: &Session,
    parent: &str,
    name: &str,
    deadline: Instant,
) -> Result<Option<String>, Fault> {
    let into = FolderRef::Id(parent.to_owned());
    let reply = session.one(&CreateFolder { parent: &into, name }, deadline).await.map_err(|e| session.fault(e))?;
    match reply {
        Ok(folder) => return Ok(Some(folder.id)),
        Err(refusal) if refusal.code.class() == Class::FolderExists => {}
        Err(refusal) => return Err(session.item_fault(&refusal)),
    }
    let folders = all(session, deadline).await.map_err(|e| session.fault(e))?;
    let same = |f: &&Folder| f.parent.as_deref() == Some(parent) && f.name.to_lowercase() == name.to_lowercase();
    match folders.iter().find(same) {
        Some(folder) => Ok(folder.holds_mail().then(|| folder.id.clone())),
        None => {
            let text = format!("WorkMail says that the folder {name:?} exists but does not list it yet");
            Err(Fault::retry(session.settings().pause, "destination.folder_hidden", text))
        }
    }
}

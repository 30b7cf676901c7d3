//! Folders of the destination: their identities, and how new ones are named.

use crate::failure::Failure;
use crate::session::ImapSession;
use crate::wire::list::{self, Line};
use crate::wire::{quote, utf7};
use mailcrane_core::folder::{DestinationFolder, FolderId, Role, SourceFolder, WireName};
use std::collections::HashMap;

/// Reads the wire name from a folder's identity.
pub(super) fn wire(id: &FolderId) -> WireName {
    WireName::try_from(id.0.clone()).unwrap_or_else(|_| WireName::from(id.0.as_str()))
}

fn id(wire: &WireName) -> FolderId {
    FolderId(String::from(wire.clone()))
}

/// Turns a listing into the destination's folders.
pub(super) fn folders(listed: &[SourceFolder]) -> Vec<DestinationFolder> {
    let by_path: HashMap<&[String], &WireName> =
        listed.iter().map(|folder| (folder.path.as_slice(), &folder.wire)).collect();
    let parent = |path: &[String]| path.split_last().and_then(|(_, above)| by_path.get(above)).map(|wire| id(wire));
    listed
        .iter()
        .map(|folder| DestinationFolder {
            id: id(&folder.wire),
            parent: parent(&folder.path),
            name: folder.path.last().cloned().unwrap_or_default(),
            role: folder.role,
            items: None,
            mail: folder.skip.is_none(),
        })
        .collect()
}

impl ImapSession {
    /// Makes a folder unless the place holds one of that name already.
    pub(super) async fn create_folder(
        &mut self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Failure> {
        let listed = folders(&self.list_folders().await?);
        let name = role.and_then(usual_name).unwrap_or(name);
        if let Some(found) = role.and_then(|role| listed.iter().find(|folder| folder.role == Some(role))) {
            return Ok(found.id.clone());
        }
        let same = |folder: &&DestinationFolder| {
            folder.parent.as_ref() == parent && folder.name.to_lowercase() == name.to_lowercase()
        };
        if let Some(found) = listed.iter().find(same) {
            return Ok(found.id.clone());
        }
        let delimiter = self.delimiter().await?;
        let mut whole = match parent {
            Some(parent) => wire(parent).as_bytes().to_vec(),
            None => self.namespaces().await?.personal,
        };
        if let (Some(_), Some(delimiter)) = (parent, delimiter) {
            whole.push(delimiter);
        }
        whole.extend_from_slice(utf7::encode(&fitting(name, delimiter)).as_bytes());
        let wire = WireName::new(whole);
        self.create(&wire, role).await?;
        Ok(id(&wire))
    }

    async fn create(&mut self, wire: &WireName, role: Option<Role>) -> Result<(), Failure> {
        let special = role.and_then(special_use).filter(|_| self.capabilities.has("CREATE-SPECIAL-USE"));
        let tails = [special.map(|name| format!(" (USE ({name}))")), Some(String::new())];
        let mut refusal = Failure::Protocol("it makes no folders");
        for tail in tails.into_iter().flatten() {
            let tag = self.link.send_with("CREATE", wire.as_bytes(), &tail).await?;
            match self.link.answer(&tag, "CREATE").await {
                Ok(_) => return Ok(()),
                Err(Failure::Refused { code: Some(code), .. }) if code == "ALREADYEXISTS" => return Ok(()),
                Err(failure @ Failure::Refused { .. }) => refusal = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(refusal)
    }

    /// Asks for the hierarchy delimiter.
    async fn delimiter(&mut self) -> Result<Option<u8>, Failure> {
        let answer = self.link.call(&format!("LIST {} {}", quote::quote(""), quote::quote("")), "LIST").await?;
        Ok(answer.lines.iter().find_map(|line| match list::parse(line) {
            Line::Folder(root) => root.delimiter,
            Line::Unreadable | Line::Other => None,
        }))
    }
}

/// A name may hold neither the delimiter nor wildcards nor control characters.
fn fitting(name: &str, delimiter: Option<u8>) -> String {
    let unfit = |c: char| c.is_control() || matches!(c, '*' | '%') || delimiter.is_some_and(|d| c == char::from(d));
    let fit: String = name.chars().map(|c| if unfit(c) { '_' } else { c }).collect();
    if fit.trim().is_empty() { "_".to_owned() } else { fit }
}

/// What mail programs call a special folder on IMAP servers.
fn usual_name(role: Role) -> Option<&'static str> {
    match role {
        Role::Sent => Some("Sent"),
        Role::Drafts => Some("Drafts"),
        Role::Trash => Some("Trash"),
        Role::Junk => Some("Junk"),
        Role::Archive => Some("Archive"),
        Role::Inbox | Role::All | Role::Flagged | Role::Important => None,
    }
}

fn special_use(role: Role) -> Option<&'static str> {
    match role {
        Role::Sent => Some("\\Sent"),
        Role::Drafts => Some("\\Drafts"),
        Role::Trash => Some("\\Trash"),
        Role::Junk => Some("\\Junk"),
        Role::Archive => Some("\\Archive"),
        Role::Inbox | Role::All | Role::Flagged | Role::Important => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_may_not_hold_becomes_an_underscore() {
        assert_eq!(fitting("a/b*c", Some(b'/')), "a_b_c");
        assert_eq!(fitting("a/b", Some(b'.')), "a/b");
        assert_eq!(fitting(" ", None), "_");
    }
}

//! Lists the folders of a mailbox, once each, with their place and purpose.

use super::ImapSession;
use super::link::{self, Answer};
use super::roles;
use crate::failure::Failure;
use crate::wire::list::{self, Line, Listed, Namespaces};
use crate::wire::metadata::{self, FolderType};
use crate::wire::status::Word;
use crate::wire::utf7;
use bytes::Bytes;
use mailcrane_core::folder::{Role, SourceFolder, WireName};
use std::collections::{HashMap, HashSet};

impl ImapSession {
    /// Lists every folder, parents before children, INBOX first.
    pub(crate) async fn list_folders(&mut self) -> Result<Vec<SourceFolder>, Failure> {
        // All is asked for at once; what is said of namespaces and types comes before the end of the listing.
        let namespace = self.ask("NAMESPACE", "NAMESPACE").await?;
        let types = self.ask("METADATA", &types_command()).await?;
        let mut lines = self.list().await?;
        let refused: fn(&Failure) -> bool = |failure| !failure.breaks_connection();
        for (tag, name, no_matter) in
            [(namespace, "NAMESPACE", refused_for_good as fn(&Failure) -> bool), (types, "GETMETADATA", refused)]
        {
            let Some(tag) = tag else { continue };
            let answer = match lines.iter().find_map(|line| link::tagged(line, &tag)) {
                Some(status) if status.word == Word::Ok => continue,
                Some(status) => Err(link::refused(name, &status)),
                None => self.link.answer(&tag, name).await,
            };
            lines.extend(told(answer, no_matter)?);
        }
        let namespaces = lines.iter().find_map(|line| list::namespaces(line)).unwrap_or_default();
        let types = lines.iter().flat_map(|line| metadata::folder_types(line)).collect();
        Ok(arrange(read(&lines)?, &namespaces, &other_than_mail(types), &self.greeting))
    }

    /// Sends a command and does not wait, where the server can do that; gives its tag.
    async fn ask(&mut self, capability: &str, command: &str) -> Result<Option<String>, Failure> {
        match self.capabilities.has(capability) {
            true => Ok(Some(self.link.send(command).await?)),
            false => Ok(None),
        }
    }

    pub(crate) async fn namespaces(&mut self) -> Result<Namespaces, Failure> {
        if !self.capabilities.has("NAMESPACE") {
            return Ok(Namespaces::default());
        }
        let lines = told(self.link.call("NAMESPACE", "NAMESPACE").await, refused_for_good)?;
        Ok(lines.iter().find_map(|line| list::namespaces(line)).unwrap_or_default())
    }

    /// Asks for special uses where the server can name them, and plainly where it refuses; gives every line that came.
    async fn list(&mut self) -> Result<Vec<Bytes>, Failure> {
        let extended = self.capabilities.has("SPECIAL-USE") && self.capabilities.has("LIST-EXTENDED");
        let commands = [("LIST \"\" \"*\" RETURN (SPECIAL-USE)", extended), ("LIST \"\" \"*\"", true)];
        let mut lines = Vec::new();
        let mut refusal = Failure::Protocol("it lists no folders");
        for (command, _) in commands.into_iter().filter(|(_, wanted)| *wanted) {
            let tag = self.link.send(command).await?;
            let status = loop {
                let line = self.link.response().await?;
                match link::tagged(&line, &tag) {
                    Some(status) => break status,
                    None => lines.push(line),
                }
            };
            if status.word == Word::Ok {
                return Ok(lines);
            }
            refusal = link::refused("LIST", &status);
            if !matches!(refusal, Failure::Refused { .. }) {
                break;
            }
        }
        Err(refusal)
    }
}

/// Returns what was said on the side of the listing; a failure that does not matter says nothing.
fn told(answer: Result<Answer, Failure>, no_matter: fn(&Failure) -> bool) -> Result<Vec<Bytes>, Failure> {
    match answer {
        Ok(answer) => Ok(answer.lines),
        Err(failure) if no_matter(&failure) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// A server that refuses NAMESPACE has none; one that is busy may have.
fn refused_for_good(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { .. })
}

/// Asks for the types of all folders at once. The pattern is what groupware servers take here, though RFC 5464 knows
/// names only: others refuse it.
fn types_command() -> String {
    format!("GETMETADATA \"*\" ({})", metadata::FOLDER_TYPES.join(" "))
}

/// Returns the names of the folders whose type is none of mail. The user's own word on a folder counts more than the one
/// for everybody, and a folder of a type that nobody knows is read as mail.
fn other_than_mail(mut types: Vec<FolderType>) -> HashSet<Vec<u8>> {
    types.sort_by_key(|found| found.private);
    let last: HashMap<Vec<u8>, String> = types.into_iter().map(|found| (found.name, found.kind)).collect();
    last.into_iter().filter(|(_, kind)| roles::is_no_mail(kind)).map(|(name, _)| name).collect()
}

/// Reads the answer; a folder whose line cannot be read must not be lost in silence.
fn read(lines: &[Bytes]) -> Result<Vec<Listed>, Failure> {
    let mut folders = Vec::new();
    for line in lines {
        match list::parse(line) {
            Line::Folder(folder) => folders.push(folder),
            Line::Unreadable => return Err(Failure::Protocol("it lists a folder in a form that cannot be read")),
            Line::Other => {}
        }
    }
    Ok(folders)
}

/// Puts the folders in order, without repetition.
fn arrange(
    listed: Vec<Listed>,
    namespaces: &Namespaces,
    no_mail: &HashSet<Vec<u8>>,
    greeting: &str,
) -> Vec<SourceFolder> {
    let mut seen = HashSet::new();
    let mut folders: Vec<SourceFolder> = Vec::new();
    for entry in listed {
        let inbox = entry.name.eq_ignore_ascii_case(b"INBOX");
        let key = if inbox { b"INBOX".to_vec() } else { entry.name.clone() };
        if !entry.name.is_empty() && seen.insert(key) {
            let groupware = no_mail.contains(&entry.name);
            folders.push(folder(&entry, namespaces, groupware, greeting));
        }
    }
    if !folders.iter().any(|folder| folder.wire.is_inbox()) {
        let (wire, path) = (WireName::from("INBOX"), vec!["INBOX".to_owned()]);
        folders.push(SourceFolder { wire, path, role: Some(Role::Inbox), selectable: true, skip: None });
    }
    guess_roles(&mut folders);
    folders.sort_by(|a, b| {
        let rank = |folder: &SourceFolder| (!folder.wire.is_inbox(), folder.path.clone(), folder.wire.clone());
        rank(a).cmp(&rank(b))
    });
    folders
}

fn folder(entry: &Listed, namespaces: &Namespaces, groupware: bool, greeting: &str) -> SourceFolder {
    let wire = WireName::new(entry.name.clone());
    let has = |attribute: &str| entry.attributes.iter().any(|name| name == attribute);
    let path = path(entry, &namespaces.personal);
    let under = |prefixes: &[Vec<u8>]| prefixes.iter().any(|prefix| is_under(&entry.name, prefix));
    let top = path.first().map(String::as_str).unwrap_or_default();
    let skip = if wire.is_inbox() {
        None
    } else if under(&namespaces.others) {
        Some("it belongs to another user".to_owned())
    } else if under(&namespaces.shared) {
        Some("it is shared and does not belong to this mailbox".to_owned())
    } else if groupware || roles::is_groupware(greeting, top) {
        Some("it holds no e-mail".to_owned())
    } else {
        None
    };
    let role = if wire.is_inbox() { Some(Role::Inbox) } else { roles::by_attribute(&entry.attributes) };
    let role = role.filter(|role| *role != Role::Inbox || wire.is_inbox());
    SourceFolder { wire, path, role, selectable: !has("\\noselect") && !has("\\nonexistent"), skip }
}

/// Tells whether a name lies in a namespace: `user.` holds `user.anna` and is `user` itself.
fn is_under(name: &[u8], prefix: &[u8]) -> bool {
    name.starts_with(prefix) || prefix.split_last().is_some_and(|(_, stem)| !stem.is_empty() && name == stem)
}

/// Cuts the name into levels for people, without the personal prefix.
fn path(entry: &Listed, personal: &[u8]) -> Vec<String> {
    let name = entry.name.as_slice();
    let rest = match name.get(..personal.len()) {
        Some(head) if !personal.is_empty() && head.eq_ignore_ascii_case(personal) && name.len() > personal.len() => {
            name.get(personal.len()..).unwrap_or(name)
        }
        _ => name,
    };
    let rest = if rest.eq_ignore_ascii_case(b"INBOX") { name } else { rest };
    let Some(delimiter) = entry.delimiter else { return vec![utf7::decode(rest)] };
    let trimmed = rest.strip_suffix(&[delimiter]).filter(|short| !short.is_empty()).unwrap_or(rest);
    trimmed.split(|octet| *octet == delimiter).map(utf7::decode).collect()
}

/// Gives a role by name to one folder at the top where no attribute named one.
fn guess_roles(folders: &mut [SourceFolder]) {
    let taken: HashSet<Role> = folders.iter().filter_map(|folder| folder.role).collect();
    let mut best: HashMap<Role, (usize, usize)> = HashMap::new();
    for (at, folder) in folders.iter().enumerate() {
        if let ([name], None, true, None) = (folder.path.as_slice(), folder.role, folder.selectable, &folder.skip)
            && let Some((role, rank)) = roles::by_name(name)
            && !taken.contains(&role)
            && best.get(&role).is_none_or(|(known, _)| rank < *known)
        {
            best.insert(role, (rank, at));
        }
    }
    for (role, (_, at)) in best {
        if let Some(folder) = folders.get_mut(at) {
            folder.role = Some(role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(lines: &[&[u8]], namespaces: &Namespaces) -> Vec<SourceFolder> {
        let lines: Vec<bytes::Bytes> = lines.iter().map(|line| bytes::Bytes::copy_from_slice(line)).collect();
        arrange(read(&lines).unwrap(), namespaces, &HashSet::new(), "")
    }

    fn names(folders: &[SourceFolder]) -> Vec<String> {
        folders.iter().map(|folder| folder.path.join(" > ")).collect()
    }

    #[test]
    fn inbox_comes_first_and_parents_before_children() {
        let got = arranged(
            &[b"* LIST () \"/\" b/c", b"* LIST (\\Noselect) \"/\" b", b"* LIST () \"/\" Inbox", b"* LIST () \"/\" A"],
            &Namespaces::default(),
        );
        assert_eq!(names(&got), ["Inbox", "A", "b", "b > c"]);
        assert_eq!(got[0].role, Some(Role::Inbox));
        assert!(!got[2].selectable);
    }

    #[test]
    fn the_personal_prefix_is_stripped_and_other_namespaces_are_skipped() {
        let namespaces = Namespaces {
            personal: b"INBOX.".to_vec(),
            others: vec![b"user.".to_vec()],
            shared: vec![b"shared.".to_vec()],
        };
        let got = arranged(
            &[
                b"* LIST () \".\" INBOX",
                b"* LIST () \".\" INBOX.Work.2024",
                b"* LIST () \".\" user.ben",
                b"* LIST () \".\" shared",
                b"* LIST () \".\" INBOX.INBOX",
            ],
            &namespaces,
        );
        assert_eq!(names(&got), ["INBOX", "INBOX > INBOX", "Work > 2024", "shared", "user > ben"]);
        assert!(got[3].skip.is_some() && got[4].skip.is_some() && got[2].skip.is_none());
    }

    #[test]
    fn a_name_listed_twice_is_one_folder() {
        let got = arranged(&[b"* LIST () \"/\" a", b"* LIST () \"/\" a", b"* LIST () \"/\" A"], &Namespaces::default());
        assert_eq!(names(&got), ["INBOX", "A", "a"]);
    }

    #[test]
    fn roles_come_from_attributes_first_and_from_the_best_name_else() {
        let got = arranged(
            &[
                b"* LIST (\\Trash) \"/\" Bin",
                b"* LIST () \"/\" Trash",
                b"* LIST () \"/\" \"Sent Items\"",
                b"* LIST () \"/\" Sent",
            ],
            &Namespaces::default(),
        );
        let role = |name: &str| got.iter().find(|folder| folder.path == [name]).unwrap().role;
        assert_eq!(role("Bin"), Some(Role::Trash));
        assert_eq!(role("Trash"), None);
        assert_eq!(role("Sent"), Some(Role::Sent));
        assert_eq!(role("Sent Items"), None);
    }

    #[test]
    fn odd_names_keep_their_octets_and_are_shown_as_well_as_can_be() {
        let deep = format!("* LIST () \"/\" {}", ["x"; 12].join("/"));
        let long = format!("* LIST () \"/\" {}", "y".repeat(250));
        let got = arranged(
            &[
                b"* LIST () \"/\" \"Entw\xfcrfe\"",
                b"* LIST () \"/\" \"&AP-\"",
                b"* LIST () \"/\" \" a//b*%\"",
                deep.as_bytes(),
                long.as_bytes(),
                b"* LIST () \"\\\\\" \"p\\\\q\"",
                b"* LIST () NIL \"a/b\"",
            ],
            &Namespaces::default(),
        );
        let paths = names(&got);
        for name in ["Entw\u{fc}rfe", "&AP-", " a >  > b*%", "p > q", "a/b"] {
            assert!(paths.iter().any(|path| path == name), "{name} in {paths:?}");
        }
        assert!(got.iter().any(|folder| folder.wire.as_bytes() == b"Entw\xfcrfe"));
        assert!(got.iter().any(|folder| folder.path.len() == 12));
    }

    #[test]
    fn a_listing_that_cannot_be_read_is_an_error_and_not_a_shorter_list() {
        assert!(read(&[bytes::Bytes::from_static(b"* LIST () \"/\" \"abc")]).is_err());
    }
}

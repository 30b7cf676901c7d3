//! Finds items by our key.

use std::collections::BTreeMap;

use mailcrane_core::folder::FolderId;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::uid::UidRange;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::listing;
use crate::session::Session;
use crate::soap::answer::Refusal;
use crate::soap::find_item::{FindItem, LISTING, Restriction};
use crate::soap::node::Unreadable;
use crate::soap::paging::Page;
use crate::soap::{Fault, FolderRef, Item};

/// Folders asked in one request.
const FOLDERS: usize = 50;

/// Gives one page of what a folder holds of a restriction.
async fn page(
    session: &Session,
    folder: &FolderRef,
    restriction: &Restriction,
    offset: u32,
    deadline: Instant,
) -> Result<Page<Item>, Failure> {
    let folders = std::slice::from_ref(folder);
    let request = FindItem { folders, restriction: Some(restriction), offset, fields: &LISTING };
    session.one(&request, deadline).await?.map_err(as_failure)
}

/// Gives the ids of those of `keys` that are in the folder.
pub(crate) async fn keys_in(
    session: &Session,
    folder: &FolderId,
    keys: &[MessageKey],
    deadline: Instant,
) -> Result<BTreeMap<MessageKey, String>, Failure> {
    let mut found = BTreeMap::new();
    let Some(first) = keys.iter().min() else { return Ok(found) };
    let last = keys.iter().max().unwrap_or(first);
    let range = UidRange::new(first.uid, last.uid).filter(|_| first.prefix == last.prefix);
    let restriction = match range {
        Some(range) => restriction(first.prefix, range),
        None => Restriction::KeyPrefix(String::new()),
    };
    let folders = [FolderRef::Id(folder.0.clone())];
    let items = everywhere(session, &folders, &restriction, deadline).await?;
    found.extend(wanted(items, keys));
    Ok(found)
}

/// Gives the same from a listing of the whole folder.
pub(crate) async fn keys_listed(
    session: &Session,
    folder: &FolderId,
    keys: &[MessageKey],
) -> Result<BTreeMap<MessageKey, String>, Failure> {
    let items = listing::whole(session, &FolderRef::Id(folder.0.clone()), &LISTING).await?;
    Ok(wanted(items, keys).collect())
}

fn wanted(items: Vec<Item>, keys: &[MessageKey]) -> impl Iterator<Item = (MessageKey, String)> {
    items.into_iter().filter_map(|item| Some((key_of(&item).filter(|key| keys.contains(key))?, item.id.id)))
}

/// Gives every item of the folders that the restriction finds; a folder that has gone meanwhile has none.
pub(crate) async fn everywhere(
    session: &Session,
    folders: &[FolderRef],
    restriction: &Restriction,
    deadline: Instant,
) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    for some in folders.chunks(FOLDERS) {
        let request = FindItem { folders: some, restriction: Some(restriction), offset: 0, fields: &LISTING };
        let replies = session.call(&request, deadline).await?;
        if replies.len() != some.len() {
            return Err(Failure::Unreadable(Unreadable::Missing("answer for every folder")));
        }
        for (folder, reply) in some.iter().zip(replies) {
            let first = match reply.done() {
                Ok(page) => page,
                Err(refusal) if refusal.code.class() == crate::soap::Class::FolderGone => continue,
                Err(refusal) => return Err(as_failure(refusal)),
            };
            let mut next = first.after(0);
            items.extend(first.entries);
            while let Some(offset) = next {
                let more = page(session, folder, restriction, offset, deadline).await?;
                next = more.after(offset);
                items.extend(more.entries);
            }
        }
    }
    Ok(items)
}

/// Gives the narrowest restriction that finds all keys of the range; what it finds besides must be left out.
pub(crate) fn restriction(prefix: KeyPrefix, range: UidRange) -> Restriction {
    let key = |uid| MessageKey { prefix, uid }.to_string();
    let (first, last) = (key(range.first()), key(range.last()));
    if first == last {
        return Restriction::Key(first);
    }
    let common = first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a);
    Restriction::KeyPrefix(common.collect())
}

/// Gives our key of an item.
pub(crate) fn key_of(item: &Item) -> Option<MessageKey> {
    MessageKey::try_from(item.key.clone()?).ok()
}

/// A refusal where only the whole can be refused.
pub(crate) fn as_failure(refusal: Refusal) -> Failure {
    let Refusal { code, text, back_off } = refusal;
    Failure::Fault(Fault { code, text, back_off })
}

#[cfg(test)]
mod tests {
    use mailcrane_core::uid::Uid;

    use super::*;

    #[test]
    fn the_restriction_is_as_narrow_as_a_prefix_can_be() {
        let prefix = KeyPrefix::try_from("0123456789abcdef".to_owned()).expect("a prefix");
        let range = |a, b| UidRange::new(Uid::new(a).expect("a uid"), Uid::new(b).expect("a uid")).expect("a range");
        assert_eq!(restriction(prefix, range(7, 7)), Restriction::Key("0123456789abcdef:0000000007".into()));
        assert_eq!(restriction(prefix, range(1200, 1299)), Restriction::KeyPrefix("0123456789abcdef:00000012".into()));
        assert_eq!(restriction(prefix, UidRange::ALL), Restriction::KeyPrefix("0123456789abcdef:".into()));
    }
}

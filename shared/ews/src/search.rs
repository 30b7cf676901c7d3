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

/// Searches that a range of UIDs is cut into, at most.
const SEARCHES: u32 = 8;

/// By when a search must have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// All its requests together.
    Then(Instant),
    /// Each request has the time that a request may take.
    Each,
}

impl By {
    fn deadline(self, session: &Session) -> Instant {
        match self {
            Self::Then(deadline) => deadline,
            Self::Each => session.deadline(),
        }
    }
}

/// Gives one page of what a folder holds of a restriction.
async fn page(
    session: &Session,
    folder: &FolderRef,
    restriction: &Restriction,
    offset: u32,
    by: By,
) -> Result<Page<Item>, Failure> {
    let folders = std::slice::from_ref(folder);
    let request = FindItem { folders, restriction: Some(restriction), offset, fields: &LISTING };
    session.one(&request, by.deadline(session)).await?.map_err(as_failure)
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
    let restrictions = match range {
        Some(range) => restrictions(first.prefix, range),
        None => vec![Restriction::KeyPrefix(String::new())],
    };
    let folders = [FolderRef::Id(folder.0.clone())];
    for restriction in &restrictions {
        let items = everywhere(session, &folders, restriction, By::Then(deadline)).await?;
        found.extend(wanted(items, keys));
    }
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
    by: By,
) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    for some in folders.chunks(FOLDERS) {
        let request = FindItem { folders: some, restriction: Some(restriction), offset: 0, fields: &LISTING };
        let replies = session.call(&request, by.deadline(session)).await?;
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
                let more = page(session, folder, restriction, offset, by).await?;
                next = more.after(offset);
                items.extend(more.entries);
            }
        }
    }
    Ok(items)
}

/// Gives restrictions that find all keys of the range together, each key once; what they find besides must be left
/// out. They are blocks of UIDs with common first digits, so that their number and what they find depend on the range
/// and not on what the folder holds.
pub(crate) fn restrictions(prefix: KeyPrefix, range: UidRange) -> Vec<Restriction> {
    if range.first() == range.last() {
        return vec![Restriction::Key(MessageKey { prefix, uid: range.first() }.to_string())];
    }
    let (first, last) = (range.first().get(), range.last().get());
    let mut digits = 0;
    let block = |uid: u32, digits: u32| 10_u32.checked_pow(digits).map_or(0, |size| uid / size);
    while block(last, digits) - block(first, digits) >= SEARCHES {
        digits += 1;
    }
    let blocks = block(first, digits)..=block(last, digits);
    blocks
        .map(|block| {
            let number = u64::from(block) * 10_u64.pow(digits);
            let mut key = format!("{prefix}:{number:010}");
            key.truncate(key.len() - digits as usize);
            Restriction::KeyPrefix(key)
        })
        .collect()
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
    fn a_range_is_searched_in_a_few_blocks_of_about_its_size() {
        let prefix = KeyPrefix::try_from("0123456789abcdef".to_owned()).expect("a prefix");
        let range = |a, b| UidRange::new(Uid::new(a).expect("a uid"), Uid::new(b).expect("a uid")).expect("a range");
        let searched = |range| {
            let digits = |one| match one {
                Restriction::Key(key) => format!("={}", key.replace("0123456789abcdef:", "")),
                Restriction::KeyPrefix(key) | Restriction::MessageId(key) => key.replace("0123456789abcdef:", ""),
            };
            restrictions(prefix, range).into_iter().map(digits).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(searched(range(7, 7)), "=0000000007");
        assert_eq!(searched(range(9, 11)), "0000000009 0000000010 0000000011");
        assert_eq!(searched(range(1200, 1299)), "00000012");
        assert_eq!(
            searched(range(395, 1001)),
            "00000003 00000004 00000005 00000006 00000007 00000008 00000009 00000010"
        );
        assert_eq!(searched(UidRange::ALL), "0 1 2 3 4");
    }
}

//! Lists folders whole: pages overlap by one item, so that a page that slipped because of a deletion shows.

use std::collections::BTreeSet;
use std::fmt;

use crate::failure::Failure;
use crate::search::as_failure;
use crate::session::Session;
use crate::soap::field::Field;
use crate::soap::find_item::{FindItem, LISTING};
use crate::soap::paging::{PAGE, Page};
use crate::soap::{FolderRef, Item};

/// How often a listing that slipped is begun again.
const ATTEMPTS: u32 = 4;

/// Where a page begins, and which item it must begin with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bookmark {
    offset: u32,
    first: Option<String>,
}

impl Bookmark {
    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (offset, first) =
            text.split_once(' ').map_or((text, None), |(offset, first)| (offset, Some(first.to_owned())));
        Some(Self { offset: offset.parse().ok()?, first })
    }

    /// Says whether the page begins where it should.
    fn fits(&self, page: &Page<Item>) -> bool {
        self.first.as_ref().is_none_or(|first| page.entries.first().is_some_and(|item| item.id.id == *first))
    }

    /// Gives the bookmark of the page after this one; it begins with the last item of this one.
    fn after(&self, page: &Page<Item>) -> Option<Self> {
        let next = page.after(self.offset)?;
        let back = next.saturating_sub(1);
        match page.entries.last() {
            Some(last) if back > self.offset => Some(Self { offset: back, first: Some(last.id.id.clone()) }),
            _ => Some(Self { offset: next, first: None }),
        }
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.offset)?;
        self.first.as_ref().map_or(Ok(()), |first| write!(f, " {first}"))
    }
}

/// Gives one page and where the next begins; after a slip the page before comes again, so that nothing is missed.
pub(crate) async fn page(
    session: &Session,
    folder: &FolderRef,
    at: &Bookmark,
) -> Result<(Vec<Item>, Option<Bookmark>), Failure> {
    let found = ask(session, folder, at.offset, &LISTING).await?;
    if at.fits(&found) {
        let next = at.after(&found);
        let known = usize::from(at.first.is_some());
        return Ok((unique(found.entries.into_iter().skip(known)), next));
    }
    let back = Bookmark { offset: at.offset.saturating_sub(PAGE), first: None };
    let found = ask(session, folder, back.offset, &LISTING).await?;
    let next = back.after(&found);
    Ok((unique(found.entries), next))
}

/// Leaves out rows that the server gave twice.
fn unique(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(item.id.id.clone())).collect()
}

/// Gives every item of the folder as it was at one time; an item may come twice.
pub(crate) async fn whole(session: &Session, folder: &FolderRef, fields: &[Field]) -> Result<Vec<Item>, Failure> {
    for _ in 0..ATTEMPTS {
        if let Some(items) = walk(session, folder, fields).await? {
            return Ok(items);
        }
    }
    Err(Failure::Moving)
}

/// Goes over the pages once; `None` when one slipped.
async fn walk(session: &Session, folder: &FolderRef, fields: &[Field]) -> Result<Option<Vec<Item>>, Failure> {
    let (mut items, mut next) = (Vec::new(), Some(Bookmark::default()));
    while let Some(at) = next {
        let found = ask(session, folder, at.offset, fields).await?;
        if !at.fits(&found) {
            return Ok(None);
        }
        next = at.after(&found);
        items.extend(found.entries);
    }
    Ok(Some(items))
}

async fn ask(session: &Session, folder: &FolderRef, offset: u32, fields: &[Field]) -> Result<Page<Item>, Failure> {
    let request = FindItem { folders: std::slice::from_ref(folder), restriction: None, offset, fields };
    session.one(&request, session.deadline()).await?.map_err(as_failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_survives_being_written() {
        for mark in [Bookmark::default(), Bookmark { offset: 499, first: Some("AAMk a=".into()) }] {
            assert_eq!(Bookmark::parse(&mark.to_string()), Some(mark));
        }
        assert_eq!(Bookmark::parse("x"), None);
    }

    #[test]
    fn a_page_of_one_item_still_advances() {
        let empty = Page { entries: Vec::new(), next: None, last: Some(false), count: 1, total: None };
        let at = Bookmark { offset: 7, first: None };
        assert_eq!(at.after(&empty), Some(Bookmark { offset: 8, first: None }));
    }
}

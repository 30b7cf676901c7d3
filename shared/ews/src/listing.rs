//! Lists folders whole: pages overlap by one item, so that a page that slipped because of a deletion shows.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::failure::Failure;
use crate::search::as_failure;
use crate::session::Session;
use crate::soap::field::Field;
use crate::soap::find_item::{FindItem, LISTING};
use crate::soap::paging::{PAGE, Page};
use crate::soap::{FolderRef, Item};
use futures_util::future::join_all;
use tokio::time::Instant;

/// How many pages are asked for at the same time, once the first one has told how many items there are.
const AHEAD: u32 = 7;

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

/// Gives some pages and where the next begins; after a slip the page before comes again, so that nothing is missed.
pub(crate) async fn pages(
    session: &Session,
    folder: &FolderRef,
    at: &Bookmark,
) -> Result<(Vec<Item>, Option<Bookmark>), Failure> {
    let (begun, deadline) = (Instant::now(), session.deadline());
    let found = ask_until(deadline, session, folder, at.offset, &LISTING).await?;
    let took = begun.elapsed();
    if !at.fits(&found) {
        let back = Bookmark { offset: at.offset.saturating_sub(PAGE), first: None };
        let found = ask(session, folder, back.offset, &LISTING).await?;
        let next = back.after(&found);
        return Ok((unique(found.entries), next));
    }
    let mut next = at.after(&found);
    let most = in_time(took, deadline.saturating_duration_since(Instant::now()));
    let ahead: Vec<u32> = offsets(at, next.as_ref(), found.total).into_iter().take(most).collect();
    let mut items: Vec<Item> = found.entries.into_iter().skip(usize::from(at.first.is_some())).collect();
    let further = ahead.iter().map(|offset| ask_until(deadline, session, folder, *offset, &LISTING));
    let further = join_all(further).await;
    for (offset, page) in ahead.into_iter().zip(further) {
        // What failed, or slipped, is asked for again by whoever wants the next page.
        let (Some(mark), Ok(page)) = (next.as_ref().filter(|mark| mark.offset == offset), page) else { break };
        if !mark.fits(&page) {
            break;
        }
        let (after, known) = (mark.after(&page), usize::from(mark.first.is_some()));
        items.extend(page.entries.into_iter().skip(known));
        next = after;
    }
    Ok((unique(items), next))
}

/// Returns how many pages fit into the time that is left, even if they come one after another.
fn in_time(took: Duration, left: Duration) -> usize {
    usize::try_from(left.as_millis() / took.as_millis().max(1)).unwrap_or(usize::MAX)
}

/// Returns where the pages begin that are asked for at the same time, as far as the server says that there are any. They are
/// taken to be as long as the one before, whatever was asked for.
fn offsets(at: &Bookmark, next: Option<&Bookmark>, total: Option<u64>) -> Vec<u32> {
    let (Some(next), Some(total)) = (next, total) else { return Vec::new() };
    let step = next.offset.saturating_sub(at.offset);
    let offsets = (0..AHEAD).map(|n| next.offset.saturating_add(n.saturating_mul(step)));
    // The last item alone was on the page before.
    offsets.take_while(|offset| u64::from(*offset) + u64::from(next.first.is_some()) < total).collect()
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
    ask_until(session.deadline(), session, folder, offset, fields).await
}

async fn ask_until(
    deadline: Instant,
    session: &Session,
    folder: &FolderRef,
    offset: u32,
    fields: &[Field],
) -> Result<Page<Item>, Failure> {
    let request = FindItem { folders: std::slice::from_ref(folder), restriction: None, offset, fields };
    session.one(&request, deadline).await?.map_err(as_failure)
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
    fn pages_are_asked_for_ahead_as_far_as_there_are_items() {
        let none = [] as [u32; 0];
        let mark = |offset| Bookmark { offset, first: Some("a".into()) };
        let (at, next) = (Bookmark::default(), mark(499));
        assert_eq!(offsets(&at, Some(&next), Some(1_200)), [499, 998]);
        assert_eq!(offsets(&at, Some(&next), Some(500)), none, "the page before had everything");
        assert_eq!(offsets(&at, Some(&next), Some(1_000_000)).len(), AHEAD as usize);
        assert_eq!(offsets(&mark(499), Some(&mark(998)), Some(1_600)), [998, 1_497]);
        assert_eq!(
            offsets(&at, Some(&mark(99)), Some(350)),
            [99, 198, 297],
            "pages may be shorter than what was asked for"
        );
        assert_eq!(offsets(&at, Some(&Bookmark { offset: 500, first: None }), Some(1_001)), [500, 1_000]);
        assert_eq!(offsets(&at, Some(&next), None), none);
        assert_eq!(offsets(&at, None, Some(9)), none);
    }

    #[test]
    fn a_slow_server_is_asked_for_no_more_pages_than_it_can_give_in_time() {
        let seconds = Duration::from_secs;
        assert_eq!(in_time(seconds(40), seconds(20)), 0);
        assert_eq!(in_time(seconds(10), seconds(50)), 5);
        assert!(in_time(Duration::ZERO, seconds(60)) > AHEAD as usize);
    }

    #[test]
    fn a_page_of_one_item_still_advances() {
        let empty = Page { entries: Vec::new(), next: None, last: Some(false), count: 1, total: None };
        let at = Bookmark { offset: 7, first: None };
        assert_eq!(at.after(&empty), Some(Bookmark { offset: 8, first: None }));
    }
}

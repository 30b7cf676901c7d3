//! Pages of `FindFolder` and `FindItem`.

use super::node::{Node, boolean};
use super::xml::Xml;

/// How many entries a page holds at most.
pub const PAGE: u32 = 500;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What the page holds, in the server's order.
    pub entries: Vec<T>,
    /// Where the next page starts; `None` after the last.
    pub next: Option<u32>,
    /// How many there are in all pages, when the server says so.
    pub total: Option<u64>,
}

pub(super) fn write_view(xml: &mut Xml, name: &str, offset: u32) {
    let (page, offset) = (PAGE.to_string(), offset.to_string());
    xml.empty(name, &[("MaxEntriesReturned", &page), ("Offset", &offset), ("BasePoint", "Beginning")]);
}

/// Reads the paging attributes of `RootFolder`; a next offset that does not advance ends the listing.
pub(super) fn read<T>(root: &Node<'_>, entries: Vec<T>, count: usize) -> Page<T> {
    let last = root.attribute("IncludesLastItemInRange").and_then(boolean);
    let next = root.attribute("IndexedPagingOffset").and_then(|o| o.parse().ok());
    let ended = last == Some(true) || count == 0;
    let next = next.filter(|n: &u32| !ended && *n > 0);
    Page { entries, next, total: root.attribute("TotalItemsInView").and_then(|t| t.parse().ok()) }
}

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
    /// Where the server says that the next page starts.
    pub next: Option<u32>,
    /// Whether the server says that this is the last page.
    pub last: Option<bool>,
    /// How many entries it sent, also those that could not be read.
    pub count: u32,
    /// How many there are in all pages, when the server says so.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// Gives where the page after this one, which began at `offset`, begins; `None` after the last.
    ///
    /// Never gives an offset that does not advance, so that no server can make a listing endless.
    #[must_use]
    pub fn after(&self, offset: u32) -> Option<u32> {
        let full = self.count >= PAGE;
        if self.count == 0 || self.last == Some(true) || (self.last.is_none() && self.next.is_none() && !full) {
            return None;
        }
        let counted = offset.saturating_add(self.count);
        Some(self.next.filter(|next| *next > offset).unwrap_or(counted))
    }
}

pub(super) fn write_view(xml: &mut Xml, name: &str, offset: u32) {
    let (page, offset) = (PAGE.to_string(), offset.to_string());
    xml.empty(name, &[("MaxEntriesReturned", &page), ("Offset", &offset), ("BasePoint", "Beginning")]);
}

/// Reads the paging attributes of `RootFolder`.
pub(super) fn read<T>(root: &Node<'_>, entries: Vec<T>, count: usize) -> Page<T> {
    Page {
        entries,
        next: root.attribute("IndexedPagingOffset").and_then(|o| o.parse().ok()),
        last: root.attribute("IncludesLastItemInRange").and_then(boolean),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        total: root.attribute("TotalItemsInView").and_then(|t| t.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<u32>, last: Option<bool>, count: u32) -> Page<()> {
        Page { entries: Vec::new(), next, last, count, total: None }
    }

    #[test]
    fn the_last_page_has_none_after_it_even_if_it_names_an_offset() {
        assert_eq!(page(Some(500), Some(true), 500).after(0), None);
        assert_eq!(page(Some(500), Some(false), 0).after(0), None);
    }

    #[test]
    fn an_offset_that_does_not_advance_is_counted_instead() {
        assert_eq!(page(Some(500), Some(false), 500).after(500), Some(1000));
        assert_eq!(page(None, Some(false), 7).after(3), Some(10));
    }

    #[test]
    fn a_server_that_says_nothing_has_more_after_a_full_page_only() {
        assert_eq!(page(None, None, PAGE).after(0), Some(PAGE));
        assert_eq!(page(None, None, PAGE - 1).after(0), None);
    }
}

//! Pages of `FindItem` and `FindFolder`.

use super::answer::{ItemError, fail};
use crate::xml::Element;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// First row.
    pub(super) offset: i64,
    /// Number of rows at most.
    pub(super) limit: i64,
}

/// Most rows that one answer has.
const MOST: i64 = 1000;

impl Page {
    /// Reads an indexed or fractional view over `total` rows.
    pub(super) fn read(view: Option<&Element>, total: i64) -> Result<Self, ItemError> {
        let Some(view) = view else {
            return Ok(Self { offset: 0, limit: MOST });
        };
        let number = |name: &str| view.attribute(name).and_then(|n| n.parse::<i64>().ok());
        let limit = number("MaxEntriesReturned").unwrap_or(MOST);
        if limit < 1 {
            return fail("ErrorInvalidPagingMaxRows", "The paging parameter MaxEntriesReturned must be at least 1.");
        }
        let limit = limit.min(MOST);
        if view.name.starts_with("Fractional") {
            let (numerator, denominator) = (number("Numerator").unwrap_or(0), number("Denominator").unwrap_or(1));
            if denominator < 1 || numerator < 0 || numerator > denominator {
                return fail("ErrorInvalidFractionalPagingParameters", "The fraction must be between 0 and 1.");
            }
            let offset = numerator.saturating_mul(total).checked_div(denominator).unwrap_or(0);
            return Ok(Self { offset, limit });
        }
        let offset = number("Offset").unwrap_or(0);
        if offset < 0 {
            return fail("ErrorInvalidIndexedPagingParameters", "The offset must not be negative.");
        }
        if view.attribute("BasePoint") == Some("End") {
            let end = total.saturating_sub(offset).max(0);
            let start = end.saturating_sub(limit).max(0);
            return Ok(Self { offset: start, limit: end.saturating_sub(start) });
        }
        Ok(Self { offset: offset.min(total.max(0)), limit })
    }

    /// Gives the attributes of `RootFolder`.
    pub(super) fn attributes(self, total: i64) -> [(&'static str, String); 3] {
        let next = self.offset.saturating_add(self.limit).min(total);
        [
            ("IndexedPagingOffset", next.to_string()),
            ("TotalItemsInView", total.to_string()),
            ("IncludesLastItemInRange", (next >= total).to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(view: &str, total: i64) -> Result<Page, ItemError> {
        Page::read(Some(&crate::xml::parse(view.as_bytes()).unwrap()), total)
    }

    #[test]
    fn pages_are_cut_from_the_beginning_and_from_the_end() {
        let of = |view: &str| page(view, 25).map(|p| (p.offset, p.limit)).unwrap();
        assert_eq!(of("<IndexedPageItemView MaxEntriesReturned='10' Offset='20' BasePoint='Beginning'/>"), (20, 10));
        assert_eq!(of("<IndexedPageItemView MaxEntriesReturned='10' Offset='90' BasePoint='Beginning'/>"), (25, 10));
        assert_eq!(of("<IndexedPageItemView MaxEntriesReturned='10' Offset='0' BasePoint='End'/>"), (15, 10));
        assert_eq!(of("<FractionalPageItemView MaxEntriesReturned='10' Numerator='1' Denominator='5'/>"), (5, 10));
        assert!(page("<IndexedPageItemView MaxEntriesReturned='0' Offset='0' BasePoint='Beginning'/>", 25).is_err());
        assert!(page("<IndexedPageItemView Offset='-1' BasePoint='Beginning'/>", 25).is_err());
    }

    #[test]
    fn the_last_page_says_so() {
        let last = |offset| Page { offset, limit: 10 }.attributes(25)[2].1.clone();
        assert_eq!((last(0).as_str(), last(10).as_str(), last(20).as_str()), ("false", "false", "true"));
    }
}

//! The manifest of an account, page after page: slices in their order, and of each the pages that it names.

use crate::handler::unavailable;
use mailcrane_core::manifest::{Row, unpack};
use mailcrane_core::ports::table::{Body, Table};
use mailcrane_core::record::{Account, Migration, Slice, Versioned, keys};
use mailcrane_engine::ledger;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::Problem;

/// Where a reading of the manifest stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The sort key of the last slice that is read wholly.
    after: Option<String>,
    /// How many pages of the next slice are read.
    pages: usize,
}

impl Place {
    /// Writes the place.
    pub(crate) fn text(&self) -> String {
        format!("{}|{}", self.pages, self.after.as_deref().unwrap_or_default())
    }

    /// Reads a place.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let (pages, after) = text.split_once('|').ok_or_else(cursor::unknown)?;
        let pages = pages.parse().map_err(|_| cursor::unknown())?;
        if !(after.is_empty() || after.starts_with("S#")) {
            return Err(cursor::unknown());
        }
        Ok(Self { after: Some(after.to_owned()).filter(|after| !after.is_empty()), pages })
    }
}

/// Reads some slices behind a sort key, of all passes.
pub(crate) async fn slices_after<T: Table>(
    table: &T,
    migration: &Migration,
    account: &Account,
    after: Option<&str>,
) -> Result<(Vec<Versioned<Slice>>, Option<String>), Problem> {
    let partition = keys::account_partition(&migration.id, account.no);
    let page = ledger::page::<Slice>(table, &partition, "S#", after, 200).await;
    page.map_err(|error| unavailable(migration, &error))
}

/// Reads pages from a place on until there are that many rows; gives the place of the next, nothing at the end.
/// Slices that the choice leaves out are not read.
pub(crate) async fn read<T: Table>(
    table: &T,
    migration: &Migration,
    account: &Account,
    mut place: Place,
    limit: usize,
    choose: impl Fn(&Slice) -> bool,
    mut keep: impl FnMut(&Slice, Row) -> bool,
) -> Result<Option<Place>, Problem> {
    let mut kept: usize = 0;
    loop {
        let (slices, next) = slices_after(table, migration, account, place.after.as_deref()).await?;
        for slice in slices {
            let pages = if choose(&slice.record) { slice.record.pages.as_slice() } else { &[] };
            for name in pages.iter().skip(place.pages) {
                for row in page(table, migration, &slice.record, account, name).await? {
                    kept = kept.saturating_add(usize::from(keep(&slice.record, row)));
                }
                place.pages = place.pages.saturating_add(1);
                if kept >= limit {
                    return Ok(Some(place));
                }
            }
            place = Place { after: Some(slice.key.sk), pages: 0 };
        }
        if next.is_none() {
            return Ok(None);
        }
    }
}

async fn page<T: Table>(
    table: &T,
    migration: &Migration,
    slice: &Slice,
    account: &Account,
    name: &str,
) -> Result<Vec<Row>, Problem> {
    let key = keys::manifest_page(&migration.id, account.no, slice.pass, slice.no, name);
    let item = table.get(&key).await.map_err(|error| unavailable(migration, &error.into()))?;
    let Some(Body::Packed(octets)) = item.map(|item| item.body) else {
        tracing::error!(migration.id = %migration.id, "a named page of the manifest is missing");
        return Ok(Vec::new());
    };
    unpack(&octets).map_err(|error| {
        tracing::error!(migration.id = %migration.id, error = chain(&error), "a page of the manifest cannot be read");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_written() {
        for place in [Place::default(), Place { after: Some("S#0001#000003".into()), pages: 7 }] {
            assert_eq!(Place::read(&place.text()).unwrap(), place);
        }
        assert!(Place::read("x").is_err());
        assert!(Place::read("1|MIGRATION").is_err());
    }
}

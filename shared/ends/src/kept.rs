//! Records of the table that the opener goes by.

use mailcrane_core::ports::table::{Key, Table, TableError};
use mailcrane_core::record::{Record, Versioned};
use mailcrane_core::{Fault, Timestamp};
use std::time::Duration;

/// Reads a record, nothing when there is none; `unreadable` is what is said of one that is malformed.
///
/// # Errors
/// Faults of the table.
pub(crate) async fn find<T: Table, R: Record>(
    table: &T,
    key: &Key,
    unreadable: &'static str,
) -> Result<Option<Versioned<R>>, Fault> {
    let item = table.get(key).await.map_err(unavailable)?;
    let known = item.as_ref().map(Versioned::of).transpose();
    known.map_err(|error| Fault::give_up("table.malformed", unreadable).because(error))
}

pub(crate) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

pub(crate) fn unavailable(error: TableError) -> Fault {
    Fault::retry(Duration::from_secs(2), "table.unavailable", "the table could not be read").because(error)
}

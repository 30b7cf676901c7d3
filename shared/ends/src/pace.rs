//! How fast a destination may be written to, told from one process to the others through the table: a back-off that one
//! lane was told holds for all lanes of the same principal, and the next chunk does not begin faster than the last ended.

use mailcrane_core::ports::table::{Expect, Key, Table, Write};
use mailcrane_core::record::{Record, Versioned};
use mailcrane_core::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::kept::{self, after, unavailable};

/// How long the number of requests counts.
const COUNTS: Duration = Duration::from_secs(10 * 60);

/// After this time the table may forget it; a back-off is never that long.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What was learned last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pace {
    /// The version of this form, 1.
    v: u8,
    /// When it was learned.
    at: Timestamp,
    /// Requests in flight that one process may have.
    allowed: usize,
    /// Nothing may be asked for before this time.
    until: Timestamp,
}

impl Record for Pace {
    fn expires(&self) -> Option<Timestamp> {
        Some(after(self.at, KEPT))
    }
}

/// The principal is an address or a role; the table holds neither in clear.
fn key(principal: &str) -> Key {
    let name = mailcrane_core::digest::short(&[principal.as_bytes()]);
    Key::new(format!("PACE#{name:016x}"), "PACE")
}

/// Returns what other processes have learned about a principal, as far as it still counts.
///
/// # Errors
/// Faults of the table.
pub(crate) async fn read<T: Table>(
    table: &T,
    principal: &str,
    now: Timestamp,
) -> Result<Option<mailcrane_ews::Pace>, Fault> {
    let Some(known) = find(table, principal).await? else { return Ok(None) };
    let Pace { at, allowed, until, .. } = known.record;
    let closed = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let counts = after(at, COUNTS) > now || !closed.is_zero();
    Ok(counts.then_some(mailcrane_ews::Pace { allowed, closed }))
}

/// Tells others what was learned. When two tell at the same time, one of them is enough; a back-off is never shortened.
///
/// # Errors
/// Faults of the table.
pub(crate) async fn write<T: Table>(
    table: &T,
    principal: &str,
    news: mailcrane_ews::Pace,
    now: Timestamp,
) -> Result<(), Fault> {
    for _ in 0..3 {
        let known = find(table, principal).await?;
        let until = known.as_ref().map_or(now, |known| known.record.until).max(after(now, news.closed));
        let record = Pace { v: 1, at: now, allowed: news.allowed, until };
        let (expect, version) =
            known.map_or((Expect::Absent, 0), |known| (Expect::Version(known.version), known.version));
        let item = Versioned { key: key(principal), version, record }.next_item();
        let item = item.map_err(|e| Fault::give_up("table.malformed", "a pace cannot be kept").because(e))?;
        match table.write(Write::Put(item, expect)).await {
            Err(mailcrane_core::ports::table::TableError::Conflict) => {}
            other => return other.map_err(unavailable),
        }
    }
    Ok(())
}

async fn find<T: Table>(table: &T, principal: &str) -> Result<Option<Versioned<Pace>>, Fault> {
    kept::find(table, &key(principal), "a pace cannot be read").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_testkit::Memory;

    #[test]
    fn a_back_off_is_told_to_the_others_and_never_shortened() {
        let memory = Memory::default();
        let (table, clock) = (&memory.table, memory.clock.clone());
        let now = Timestamp::UNIX_EPOCH;
        let pace = |allowed, secs| mailcrane_ews::Pace { allowed, closed: Duration::from_secs(secs) };
        clock.block_on(async {
            assert_eq!(read(table, "role", now).await.unwrap(), None);
            write(table, "role", pace(4, 90), now).await.unwrap();
            write(table, "role", pace(2, 10), now).await.unwrap();
            let later = |secs| after(now, Duration::from_secs(secs));
            assert_eq!(read(table, "role", later(30)).await.unwrap(), Some(pace(2, 60)));
            assert_eq!(read(table, "role", later(120)).await.unwrap(), Some(pace(2, 0)));
            assert_eq!(read(table, "role", later(700)).await.unwrap(), None, "it is too long ago");
            assert_eq!(read(table, "another", later(30)).await.unwrap(), None);
        });
    }
}

//! What the organisation's WorkMail was seen to keep and to find: tried once, kept in the table, tried again after a
//! while, because AWS may have changed it.

use crate::kept::{self, after, unavailable};
use mailcrane_core::ports::table::{Expect, Key, Table, TableError, Write};
use mailcrane_core::record::{Record, Versioned};
use mailcrane_core::{Fault, Timestamp};
use mailcrane_ews::{Capabilities, WorkMail};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a result counts.
const COUNTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// After how long nobody waits any more for somebody who began to try.
const TRIES: Duration = Duration::from_secs(120);

/// The result, or the intention, of a self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SelfTest {
    /// The version of this form, 1.
    v: u8,
    /// From when on it is to be tried (again).
    again: Timestamp,
    /// What was seen last; nothing before the first result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Capabilities>,
}

impl Record for SelfTest {}

fn key(organization: &str) -> Key {
    Key::new(format!("SELF-TEST#{organization}"), "SELF-TEST")
}

/// Returns what was seen last; before the first result nothing is relied on that can be done without.
pub(crate) async fn seen<T: Table>(table: &T, organization: &str) -> Result<Capabilities, Fault> {
    let known = find(table, organization).await?;
    Ok(known.and_then(|known| known.record.seen).unwrap_or_else(Capabilities::untested))
}

/// Tells whether it is time to try.
pub(crate) async fn is_due<T: Table>(table: &T, organization: &str, now: Timestamp) -> Result<bool, Fault> {
    Ok(find(table, organization).await?.is_none_or(|known| known.record.again <= now))
}

/// Tries the destination with one item of our own, unless somebody else is at it or has been lately.
///
/// # Errors
/// Faults of the table and of the destination; the next check tries again.
pub(crate) async fn run<T: Table>(
    table: &T,
    organization: &str,
    mailbox: &WorkMail,
    patience: Duration,
    now: impl Fn() -> Timestamp,
) -> Result<(), Fault> {
    let known = find(table, organization).await?;
    let fresh = || Versioned::fresh(key(organization), SelfTest { v: 1, again: now(), seen: None });
    let mut test = known.unwrap_or_else(fresh);
    if test.record.again > now() {
        return Ok(());
    }
    test.record.again = after(now(), TRIES);
    if !write(table, &mut test).await? {
        return Ok(());
    }
    let tried = mailbox.self_test(patience).await;
    match &tried {
        Ok(seen) => {
            tracing::info!(version = seen.version, missing = ?seen.missing(), "WorkMail was tried");
            test.record.again = after(now(), COUNTS);
            test.record.seen = Some(seen.clone());
        }
        Err(_) => test.record.again = now(),
    }
    write(table, &mut test).await?;
    tried.map(|_| ())
}

async fn find<T: Table>(table: &T, organization: &str) -> Result<Option<Versioned<SelfTest>>, Fault> {
    kept::find(table, &key(organization), "the result of the self-test cannot be read").await
}

/// Stores the record; `false` when somebody else was faster.
async fn write<T: Table>(table: &T, test: &mut Versioned<SelfTest>) -> Result<bool, Fault> {
    let expect = if test.version == 0 { Expect::Absent } else { Expect::Version(test.version) };
    let item = test.next_item().map_err(|e| Fault::give_up("table.malformed", "a result cannot be kept").because(e))?;
    match table.write(Write::Put(item, expect)).await {
        Ok(()) => {
            test.version = test.version.saturating_add(1);
            Ok(true)
        }
        Err(TableError::Conflict) => Ok(false),
        Err(error) => Err(unavailable(error)),
    }
}

//! `GET …/accounts/{no}/folders`: counts per folder, added up from the slices of every pass.

use crate::handler::unavailable;
use crate::rows::slices_after;
use mailcrane_core::folder::Role;
use mailcrane_core::id::FolderNo;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Counters, Folder, Migration, keys};
use mailcrane_engine::ledger;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_lambda::view::Totals;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A folder as the API shows it.
#[derive(Serialize)]
struct FolderView {
    no: u32,
    path: Vec<String>,
    destination_path: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    totals: Totals,
    /// Why it is not copied.
    #[serde(skip_serializing_if = "String::is_empty")]
    skipped: String,
}

/// Reads all folders of an account.
pub(crate) async fn all<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<Vec<Folder>, Problem> {
    let partition = keys::account_partition(&migration.id, account.no);
    let folders = ledger::all::<Folder>(table, &partition, "F#").await;
    let folders = folders.map_err(|error| unavailable(migration, &error))?;
    Ok(folders.into_iter().map(|folder| folder.record).collect())
}

/// Lists the folders of an account. The cursor is the number of the next folder.
pub(crate) async fn list<T: Table>(
    table: &T,
    request: &Request,
    migration: &Migration,
    account: &Account,
) -> Result<Response, Problem> {
    let limit = request.limit(1_000, 1_000)?;
    let from: u32 = match request.query("cursor") {
        Some(text) => text.parse().map_err(|_| cursor::unknown())?,
        None => 0,
    };
    let sums = sums(table, migration, account).await?;
    let folders = all(table, migration, account).await?;
    let mut shown: Vec<_> = folders.into_iter().filter(|folder| folder.no.0 >= from).collect();
    let next = shown.get(limit).map(|folder| folder.no.0.to_string());
    shown.truncate(limit);
    let views = shown.into_iter().map(|folder| {
        let (found, bytes, counters) = sums.get(&folder.no).copied().unwrap_or_default();
        FolderView {
            no: folder.no.0,
            path: folder.path,
            destination_path: folder.destination_path,
            role: folder.role,
            totals: Totals::of(found, bytes, &counters),
            skipped: folder.skipped,
        }
    });
    let views: Vec<_> = views.collect();
    Ok(Response::json(200, &json!({"folders": views, "next": next})).tagged(request))
}

type Sums = BTreeMap<FolderNo, (u64, u64, Counters)>;

async fn sums<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<Sums, Problem> {
    let mut sums = Sums::new();
    let mut after: Option<String> = None;
    loop {
        let (slices, next) = slices_after(table, migration, account, after.as_deref()).await?;
        for slice in slices.into_iter().map(|slice| slice.record) {
            let (found, bytes, counters) = sums.entry(slice.folder).or_default();
            *found += slice.found;
            *bytes += slice.bytes;
            *counters += slice.counters;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(sums),
        }
    }
}

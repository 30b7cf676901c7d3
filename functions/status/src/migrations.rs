//! `GET /v1/migrations` and `GET /v1/migrations/{id}`.

use crate::accounts;
use crate::handler::unavailable;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Migration, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_engine::intake::Listed;
use mailcrane_engine::{estimate, ledger};
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_lambda::view::{MigrationView, Totals};
use serde_json::json;
use std::collections::BTreeMap;

/// Up to so many accounts are added up for each answer; above that the totals are those of the last sweep.
const ADDED_UP: u32 = 1_000;

/// Lists migrations for the operator, oldest first.
pub(crate) async fn list<T: Table>(table: &T, operator: &OperatorKey, request: &Request) -> Result<Response, Problem> {
    if request.bearer().is_none() {
        return Err(Problem::no_access());
    }
    if !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    let limit = request.limit(50, 200)?;
    let after = request.query("cursor").map(|text| cursor::decode(&text)).transpose()?;
    let page = ledger::page::<Listed>(table, "LIST#migrations", "", after.as_deref(), limit).await;
    let failed = |error: &ledger::LedgerError| {
        tracing::error!(error = chain(error), "the list of migrations could not be read");
        Problem::unavailable()
    };
    let (listed, next) = page.map_err(|error| failed(&error))?;
    let keys = listed.iter().map(|one| keys::migration(&one.record.id));
    let migrations: Vec<Migration> = ledger::find_each(table, keys).await.map_err(|error| failed(&error))?;
    let migrations: Vec<_> = migrations.iter().map(MigrationView::of).collect();
    let next = next.map(|place| cursor::encode(&place));
    Ok(Response::json(200, &json!({"migrations": migrations, "next": next})).tagged(request))
}

/// Shows a migration with totals as they are now.
pub(crate) async fn one<T: Table>(table: &T, request: &Request, migration: &Migration) -> Result<Response, Problem> {
    let mut view = MigrationView::of(migration);
    if migration.accounts <= ADDED_UP {
        let mut accounts = Vec::new();
        for bucket in 0..migration.accounts.div_ceil(250) {
            let partition = keys::bucket(&migration.id, bucket);
            let found = ledger::all::<Account>(table, &partition, "A#").await;
            let found = found.map_err(|error| unavailable(migration, &error))?;
            let found = found.into_iter().map(|account| account.record);
            accounts.extend(found.filter(|account| accounts::is_there(migration, account)));
        }
        let (mut totals, mut states, mut estimates) = (Totals::default(), BTreeMap::new(), Vec::new());
        let live = accounts::live_of_all(table, migration, &accounts).await?;
        for (account, live) in accounts.iter().zip(live) {
            *states.entry(word(account)).or_insert(0) += 1;
            if account.selected {
                totals.add(&live.totals);
            }
            view.waits.extend(live.waits);
            estimates.extend(live.estimate);
        }
        (view.totals, view.states) = (totals, Some(states));
        view.estimate = estimate::together(&estimates, Sizes::default().active_accounts);
    }
    view.waits.truncate(20);
    Ok(Response::json(200, &view).tagged(request))
}

fn word(account: &Account) -> String {
    serde_json::to_value(account.state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

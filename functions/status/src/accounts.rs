//! `GET …/accounts` and `GET …/accounts/{no}`.

use crate::handler::unavailable;
use mailcrane_core::Timestamp;
use mailcrane_core::id::AccountNo;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Counters, Estimate, Lane, LaneState, Migration, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::token::LaneKind;
use mailcrane_engine::{estimate, ledger};
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_lambda::view::{AccountView, Totals, Waits};
use serde_json::json;

/// Lists accounts in their order. The cursor is the number of the next account.
pub(crate) async fn list<T: Table>(table: &T, request: &Request, migration: &Migration) -> Result<Response, Problem> {
    let limit = request.limit(100, 250)?;
    let mut from: u32 = match request.query("cursor") {
        Some(text) => text.parse().map_err(|_| cursor::unknown())?,
        None => 0,
    };
    let mut accounts = Vec::new();
    while accounts.len() < limit && from < migration.accounts {
        let bucket = AccountNo(from).bucket();
        let after = from.checked_sub(1).map(|before| format!("A#{}", AccountNo(before)));
        let partition = keys::bucket(&migration.id, bucket);
        let room = limit.saturating_sub(accounts.len());
        let page = ledger::page::<Account>(table, &partition, "A#", after.as_deref(), room).await;
        let (found, next) = page.map_err(|error| unavailable(migration, &error))?;
        let last = found.last().map(|account| account.record.no.0);
        for account in found.into_iter().map(|account| account.record) {
            if account.no.0 < migration.accounts && !account.removed {
                accounts.push(shown(table, migration, &account).await?);
            }
        }
        from = match (next, last) {
            (Some(_), Some(last)) => last.saturating_add(1),
            _ => bucket.saturating_add(1).saturating_mul(250),
        };
    }
    let next = (from < migration.accounts).then(|| from.to_string());
    Ok(Response::json(200, &json!({"accounts": accounts, "next": next})).tagged(request))
}

/// Reads the account that a path names.
pub(crate) async fn find<T: Table>(table: &T, migration: &Migration, no: &str) -> Result<Account, Problem> {
    let no: Option<u32> = no.parse().ok().filter(|no| *no < migration.accounts);
    let key = keys::account(&migration.id, AccountNo(no.ok_or_else(|| Problem::not_found("account"))?));
    let found = ledger::find::<Account>(table, &key).await.map_err(|error| unavailable(migration, &error))?;
    found.map(|account| account.record).filter(|account| !account.removed).ok_or_else(|| Problem::not_found("account"))
}

/// Shows one account.
pub(crate) async fn one<T: Table>(
    table: &T,
    request: &Request,
    migration: &Migration,
    account: &Account,
) -> Result<Response, Problem> {
    Ok(Response::json(200, &shown(table, migration, account).await?).tagged(request))
}

async fn shown<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<AccountView, Problem> {
    let mut view = AccountView::of(account);
    let live = live(table, migration, account).await?;
    (view.totals, view.waits, view.estimate) = (live.totals, live.waits, live.estimate);
    Ok(view)
}

/// An account as it is now.
pub(crate) struct Live {
    /// Its messages.
    pub(crate) totals: Totals,
    /// What its lanes wait for.
    pub(crate) waits: Vec<Waits>,
    /// How long what is left will take.
    pub(crate) estimate: Option<Estimate>,
}

/// Returns an account as it is now. The counters of an active account are those of its lanes.
pub(crate) async fn live<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<Live, Problem> {
    let (now, sizes) = (Timestamp::now(), Sizes::default());
    if !account.state.active() {
        let estimate = estimate::of_account(account, &account.pass.counters, now, &sizes);
        return Ok(Live { totals: Totals::of_account(account), waits: Vec::new(), estimate });
    }
    let partition = keys::account_partition(&migration.id, account.no);
    let lanes = ledger::all::<Lane>(table, &partition, "L#").await;
    let lanes = lanes.map_err(|error| unavailable(migration, &error))?;
    let of_pass: Vec<_> = lanes.iter().map(|lane| &lane.record).filter(|lane| lane.pass == account.pass.no).collect();
    let mut counters = Counters::default();
    for lane in of_pass.iter().filter(|lane| lane.kind == LaneKind::Copy) {
        counters += lane.counters;
    }
    let mut current = account.clone();
    if counters.accounted() >= current.pass.counters.accounted() {
        current.pass.counters = counters;
    }
    // A lane that runs again keeps what it waited for last.
    let waiting = of_pass.iter().filter(|lane| lane.state == LaneState::Queued && !lane.waits_code.is_empty());
    let waits = waiting.map(|lane| Waits {
        account: account.no.0,
        code: lane.waits_code.clone(),
        message: lane.waits_for.clone(),
        until: lane.not_before,
    });
    let estimate = estimate::of_account(&current, &current.pass.counters, now, &sizes);
    Ok(Live { totals: Totals::of_account(&current), waits: waits.collect(), estimate })
}

//! `GET …/accounts` and `GET …/accounts/{no}`.

use crate::handler::unavailable;
use crate::states::States;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
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

/// So many accounts are asked at once how they stand.
const AT_ONCE: usize = 16;

/// How many accounts a bucket of the table holds.
const BUCKET: u32 = 250;

/// So many accounts are looked at for one page of chosen ones; a page may have fewer than were asked for, or none.
const LOOKED_AT: u32 = 1_000;

/// Lists accounts in their order; `state` chooses some. The cursor is the number of the next account.
pub(crate) async fn list<T: Table>(table: &T, request: &Request, migration: &Migration) -> Result<Response, Problem> {
    let limit = request.limit(100, BUCKET as usize)?;
    let states = States::read(request)?;
    let mut from: u32 = match request.query("cursor") {
        Some(text) => text.parse().map_err(|_| cursor::unknown())?,
        None => 0,
    };
    let end = match states {
        States::All => migration.accounts,
        States::Only(_) => from.saturating_add(LOOKED_AT).min(migration.accounts),
    };
    let mut accounts: Vec<Account> = Vec::new();
    while accounts.len() < limit && from < end {
        let bucket = AccountNo(from).bucket();
        let after = from.checked_sub(1).map(|before| format!("A#{}", AccountNo(before)));
        let partition = keys::bucket(&migration.id, bucket);
        let room = match states {
            States::All => limit.saturating_sub(accounts.len()),
            States::Only(_) => BUCKET as usize,
        };
        let page = ledger::page::<Account>(table, &partition, "A#", after.as_deref(), room).await;
        let (found, next) = page.map_err(|error| unavailable(migration, &error))?;
        let last = found.last().map(|account| account.record.no.0);
        let wanted = |account: &Account| is_there(migration, account) && states.have(account.state);
        accounts.extend(found.into_iter().map(|account| account.record).filter(wanted));
        from = match (next, last) {
            (Some(_), Some(last)) => last.saturating_add(1),
            _ => bucket.saturating_add(1).saturating_mul(BUCKET),
        };
    }
    if let Some(beyond) = accounts.get(limit) {
        from = beyond.no.0;
        accounts.truncate(limit);
    }
    let next = (from < migration.accounts).then(|| from.to_string());
    let live = live_of_all(table, migration, &accounts).await?;
    let accounts: Vec<_> = accounts.iter().zip(live).map(|(account, live)| shown(account, live)).collect();
    Ok(Response::json(200, &json!({"accounts": accounts, "next": next})).tagged(request))
}

/// Tells whether an account is one of the migration's: not of an addition that was not completed, and not removed.
pub(crate) fn is_there(migration: &Migration, account: &Account) -> bool {
    account.no.0 < migration.accounts && !account.removed
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
    let live = live(table, migration, account).await?;
    Ok(Response::json(200, &shown(account, live)).tagged(request))
}

fn shown(account: &Account, live: Live) -> AccountView {
    AccountView { totals: live.totals, waits: live.waits, estimate: live.estimate, ..AccountView::of(account) }
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

/// Returns accounts as they are now, in their order.
pub(crate) async fn live_of_all<T: Table>(
    table: &T,
    migration: &Migration,
    accounts: &[Account],
) -> Result<Vec<Live>, Problem> {
    let asked = stream::iter(accounts).map(|account| live(table, migration, account));
    asked.buffered(AT_ONCE).try_collect().await
}

/// Returns an account as it is now. The counters of an active account are those of its lanes.
async fn live<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<Live, Problem> {
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

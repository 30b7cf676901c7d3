//! The line of a migration: who is next. First who waits out of order, then the accounts in their order, then those
//! that gave their place to others. Accounts whose host is full are passed over, not waited for.

use super::number;
use super::roster::{Roster, Running};
use crate::ledger::{self, LedgerError};
use crate::world::World;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::table::{Expect, Item, Table as _, Write};
use mailcrane_core::record::{Account, Migration, Versioned, keys};
use mailcrane_core::state::AccountState;

/// How many accounts that wait out of order are looked at.
const WAITING: usize = 50;

/// Who may be next.
#[derive(Debug)]
pub(super) enum Candidate {
    /// One that waits out of order, under that item.
    Waiting(Item),
    /// The next in order.
    InOrder,
    /// One further on, since the host of those before is full.
    Ahead,
}

impl Candidate {
    /// Takes it out of the line.
    pub(super) fn writes(&self, running: Option<&mut Running>) -> Vec<Write> {
        match self {
            Self::Waiting(item) => vec![Write::Delete(item.key.clone(), Expect::Version(item.version))],
            Self::InOrder => {
                if let Some(running) = running {
                    running.cursor += 1;
                }
                Vec::new()
            }
            Self::Ahead => Vec::new(),
        }
    }
}

/// What the line gives.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one value at a time; it is not moved about")]
pub(super) enum Next {
    /// That account.
    Account(Candidate, Box<Versioned<Account>>),
    /// A place in the line whose account does not exist.
    Gone(Candidate),
    /// Somebody waits, but that host is full.
    HostFull(String),
    /// Nobody waits.
    Nobody,
}

/// Tells whether the pass is about the account.
pub(super) fn fits(account: &Account) -> bool {
    account.selected && account.state != AccountState::CheckFailed && account.state != AccountState::Cancelled
}

/// Returns the host of an account's source.
pub(super) fn host(account: &Account) -> String {
    account.source.endpoint.host.to_ascii_lowercase()
}

/// Tells whether the account would need a place on a host that has none.
fn blocked(roster: &Roster, account: &Account, most: usize) -> bool {
    let needs = fits(account)
        && !account.state.active()
        && !matches!(account.state, AccountState::Waiting | AccountState::Checking);
    needs && roster.active_on(&host(account)) >= most
}

/// Returns who is next.
pub(super) async fn next<W: World>(
    world: &W,
    roster: &Roster,
    migration: &Migration,
    cursor: u32,
) -> Result<Next, LedgerError> {
    let (id, most) = (&migration.id, world.sizes().active_per_host);
    let mut full = None;
    match waiting(world, roster, id, "A#").await? {
        Next::HostFull(host) => full = Some(host),
        Next::Nobody => {}
        next => return Ok(next),
    }
    if cursor < migration.accounts {
        let Some(account) = ledger::find::<Account>(world.table(), &keys::account(id, AccountNo(cursor))).await? else {
            return Ok(Next::Gone(Candidate::InOrder));
        };
        let had_its_turn = account.record.pass.no == migration.pass;
        if had_its_turn || !blocked(roster, &account.record, most) {
            return Ok(Next::Account(Candidate::InOrder, Box::new(account)));
        }
        full = Some(host(&account.record));
        if let Some(account) = ahead(world, roster, migration, cursor).await? {
            return Ok(Next::Account(Candidate::Ahead, Box::new(account)));
        }
    }
    match waiting(world, roster, id, "Z#").await? {
        Next::Nobody => Ok(full.map_or(Next::Nobody, Next::HostFull)),
        next => Ok(next),
    }
}

/// Looks through those that wait out of order.
async fn waiting<W: World>(world: &W, roster: &Roster, id: &MigrationId, prefix: &str) -> Result<Next, LedgerError> {
    let most = world.sizes().active_per_host;
    let mut full = None;
    for item in world.table().query(&format!("WAIT#{id}"), prefix, None, WAITING).await?.items {
        let Some(no) = number(&item.key) else { continue };
        match ledger::find::<Account>(world.table(), &keys::account(id, no)).await? {
            None => return Ok(Next::Gone(Candidate::Waiting(item))),
            Some(account) if blocked(roster, &account.record, most) => full = Some(host(&account.record)),
            Some(account) => return Ok(Next::Account(Candidate::Waiting(item), Box::new(account))),
        }
    }
    Ok(full.map_or(Next::Nobody, Next::HostFull))
}

/// Finds an account behind the cursor whose host has a place: in the cursor's bucket, or in another one, each minute
/// the next of them, so that every bucket is looked at some time.
async fn ahead<W: World>(
    world: &W,
    roster: &Roster,
    migration: &Migration,
    cursor: u32,
) -> Result<Option<Versioned<Account>>, LedgerError> {
    let first = AccountNo(cursor).bucket();
    let behind = migration.accounts.div_ceil(250).saturating_sub(first).max(1);
    let minute = u32::try_from(world.now().as_second().div_euclid(60).rem_euclid(i64::from(behind))).unwrap_or(0);
    let mut buckets = vec![first, first + minute];
    buckets.dedup();
    for bucket in buckets {
        let accounts = ledger::all::<Account>(world.table(), &keys::bucket(&migration.id, bucket), "A#").await?;
        let free = |account: &&Versioned<Account>| {
            let record = &account.record;
            let open = !record.state.active() && record.pass.no != migration.pass && fits(record);
            let unchecked = matches!(record.state, AccountState::Waiting | AccountState::Checking);
            let behind = (cursor..migration.accounts).contains(&record.no.0);
            behind && open && !unchecked && !blocked(roster, record, world.sizes().active_per_host)
        };
        if let Some(account) = accounts.iter().find(free) {
            return Ok(Some(account.clone()));
        }
    }
    Ok(None)
}

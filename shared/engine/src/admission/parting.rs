//! A migration that is given up leaves nothing twice: accounts that were interrupted or stalled while they were copied are
//! verified before it counts as cancelled.

use super::{Active, LedgerError, Roster, lane, line, shut_out};
use crate::ledger;
use crate::world::World;
use mailcrane_core::id::LaneNo;
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, Migration, Versioned, keys};
use mailcrane_core::state::AccountEvent;
use mailcrane_core::token::{LaneKind, Reason};

/// What was found to verify.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// Nothing (any more).
    Nobody,
    /// Accounts are verified now, or somebody else changed them.
    Begun,
    /// Every place is taken by other migrations.
    NoPlace,
}

/// Tells whether something of the account's pass was copied and never verified.
fn is_open(account: &Account) -> bool {
    let at_rest = account.state.apply(AccountEvent::Part).is_ok();
    at_rest && account.has_copied() && account.pass.ended.is_none()
}

/// Begins the verification of accounts that were left in the middle, as many as there are places.
///
/// # Errors
/// [`LedgerError`] of the table.
pub(super) async fn verify<W: World>(
    world: &W,
    roster: &Versioned<Roster>,
    migration: &Migration,
) -> Result<Parting, LedgerError> {
    if migration.started.is_none() {
        return Ok(Parting::Nobody);
    }
    for bucket in 0..migration.accounts.div_ceil(250) {
        let accounts = ledger::all::<Account>(world.table(), &keys::bucket(&migration.id, bucket), "A#").await?;
        let places = world.sizes().active_accounts.saturating_sub(roster.record.active.len());
        let open: Vec<_> = accounts.into_iter().filter(|account| is_open(&account.record)).collect();
        if !open.is_empty() && places == 0 {
            return Ok(Parting::NoPlace);
        }
        let mut roster = roster.clone();
        for account in open.iter().take(places) {
            match begin(world, &mut roster, account.clone(), migration).await {
                Ok(()) => {}
                Err(error) if error.is_conflict() => return Ok(Parting::Begun),
                Err(error) => return Err(error),
            }
        }
        if !open.is_empty() {
            return Ok(Parting::Begun);
        }
    }
    Ok(Parting::Nobody)
}

async fn begin<W: World>(
    world: &W,
    roster: &mut Versioned<Roster>,
    mut account: Versioned<Account>,
    migration: &Migration,
) -> Result<(), LedgerError> {
    let (id, no) = (&migration.id, account.record.no);
    account.record.state = account.record.state.apply(AccountEvent::Part)?;
    let (host, since) = (line::host(&account.record), world.now());
    roster.record.active.push(Active { migration: id.clone(), account: no, host, since, yields: false });
    let lane = lane(world, id, no, LaneKind::Verify, LaneNo(0), account.record.pass.no).await?;
    let mut writes = shut_out(world, id, no, &[LaneKind::Plan, LaneKind::Copy]).await?;
    let lines = [keys::waiting(id, no), keys::yielded(id, no)];
    writes.extend(lines.map(|key| Write::Delete(key, Expect::Anything)));
    writes.extend([ledger::write_of(&account)?, ledger::write_of(&lane)?, ledger::write_of(roster)?]);
    ledger::transact(world.table(), &format!("part{id}{no}.{}", roster.version), writes).await?;
    roster.version += 1;
    if let Err(fault) = crate::lane::send(world, &lane.record, Reason::Begin).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, migration.id = %id, "A lane waits for the sweeper");
    }
    Ok(())
}

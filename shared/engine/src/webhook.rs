//! Events on their way to a migration's webhook: each is written down before it is told, tried again with growing pauses,
//! and given up after [`TRIES`]. Nothing of it holds a migration up.

use crate::ledger::{self, Change, LedgerError};
use crate::world::{World, later};
use mailcrane_core::Fault;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Expect, Key, Table as _, Write};
use mailcrane_core::record::{Migration, Telling, Versioned, WebhookTrouble, keys};
use mailcrane_core::token::Task;
use std::time::Duration;

/// The number under which the secret of a migration's webhook is sealed; it is shredded with the credentials.
pub const SECRET: AccountNo = AccountNo(u32::MAX - 1);

/// An event is tried so often: over a good ten hours.
pub const TRIES: u32 = 16;

/// Another try waits so long for one that is under way: longer than any invocation.
const UNDER_WAY: Duration = Duration::from_secs(90);

/// The longest pause, as a multiple of the first one.
const LONGEST: u32 = 128;

/// Returns the pause after that many tries that were not taken.
#[must_use]
pub fn pause(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)).min(LONGEST))
}

/// Takes the right to tell an event now; nothing when it was taken or given up, or its time has not come. `fresh` is what
/// is written down the first time.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn claim<W: World>(world: &W, fresh: Telling) -> Result<Option<Versioned<Telling>>, LedgerError> {
    let name = format!("{}#{}#{}", fresh.event.as_str(), fresh.pass, fresh.detail);
    let key = keys::telling(&fresh.migration, &name);
    let now = world.now();
    let mut telling = match ledger::find::<Telling>(world.table(), &key).await? {
        None => Versioned::fresh(key, fresh),
        Some(known) if known.record.next.is_none_or(|next| next > now) => return Ok(None),
        Some(known) => known,
    };
    telling.record.tries = telling.record.tries.saturating_add(1);
    telling.record.next = Some(later(now, UNDER_WAY));
    match ledger::put(world.table(), &mut telling).await {
        Ok(()) => Ok(Some(telling)),
        Err(error) if error.is_conflict() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes that an event was taken: it is never told again.
///
/// # Errors
/// [`LedgerError`] of the table; the event may be told a second time then.
pub async fn taken<W: World>(world: &W, mut telling: Versioned<Telling>) -> Result<(), LedgerError> {
    telling.record.next = None;
    ledger::put(world.table(), &mut telling).await?;
    trouble(world, &telling.record.migration, None).await
}

/// Notes that an event is not told at all, and why.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn dropped<W: World>(world: &W, mut telling: Versioned<Telling>, why: &str) -> Result<(), LedgerError> {
    telling.record.next = None;
    why.clone_into(&mut telling.record.refused);
    ledger::put(world.table(), &mut telling).await
}

/// Notes that an event was not taken: it is tried again after a pause, or given up, which the migration shows.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn failed<W: World>(
    world: &W,
    mut telling: Versioned<Telling>,
    event: &str,
    fault: &Fault,
    again: Option<Duration>,
) -> Result<(), LedgerError> {
    let tries = telling.record.tries;
    if let Some(at_least) = again.filter(|_| tries < TRIES) {
        let first = world.times().webhook;
        let wait = pause(first, tries).max(at_least.min(first.saturating_mul(LONGEST)));
        telling.record.next = Some(later(world.now(), wait));
        return ledger::put(world.table(), &mut telling).await;
    }
    telling.record.next = None;
    fault.code.as_ref().clone_into(&mut telling.record.refused);
    let shown = WebhookTrouble {
        at: world.now(),
        event: event.to_owned(),
        code: fault.code.to_string(),
        message: fault.message.clone(),
    };
    trouble(world, &telling.record.migration, Some(shown)).await?;
    ledger::put(world.table(), &mut telling).await
}

/// Shows on the migration what was given up, or that events are taken again.
async fn trouble<W: World>(world: &W, id: &MigrationId, shown: Option<WebhookTrouble>) -> Result<(), LedgerError> {
    let key = keys::migration(id);
    let noted = ledger::update::<Migration>(world.table(), &key, |migration| {
        match migration.webhook.as_mut() {
            Some(webhook) if webhook.trouble != shown => webhook.trouble.clone_from(&shown),
            _ => return Ok(Change::Nothing),
        }
        Ok(Change::Write)
    });
    match noted.await {
        Ok(_) | Err(LedgerError::Missing) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends an event that is due to the function that tells it.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn look_after<W: World>(world: &W, key: &Key) -> Result<(), LedgerError> {
    let Some(telling) = ledger::find::<Telling>(world.table(), key).await? else { return Ok(()) };
    let Telling { migration, event, pass, detail, next, .. } = telling.record;
    if next.is_none_or(|next| next > world.now()) {
        return Ok(());
    }
    let known = ledger::find::<Migration>(world.table(), &keys::migration(&migration)).await?;
    if known.is_none_or(|known| known.record.webhook.is_none()) {
        // Nobody is to be told any more.
        return Ok(world.table().write(Write::Delete(key.clone(), Expect::Anything)).await?);
    }
    let task = Task::Notify { v: 1, migration, event, pass, detail };
    if let Err(fault) = world.queues().send(&[task], Duration::ZERO).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A webhook waits for the next sweep");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_within_a_day() {
        let first = Duration::from_secs(30);
        assert_eq!([1, 2, 3].map(|tries| pause(first, tries).as_secs()), [30, 60, 120]);
        assert_eq!(pause(first, 9), pause(first, 40));
        let all: Duration = (1..TRIES).map(|tries| pause(first, tries)).sum();
        assert!((8..24).contains(&(all.as_secs() / 3600)), "{all:?}");
    }
}

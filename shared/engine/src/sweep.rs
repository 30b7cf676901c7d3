//! The sweeper: whatever stands still is moved on. It runs every minute and may run twice.

use crate::admission;
use crate::check;
use crate::control;
use crate::lane;
use crate::ledger::{self, Change, LedgerError};
use crate::outbox;
use crate::verify;
use crate::webhook;
use crate::world::{World, later};
use mailcrane_core::Timestamp;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::table::{Key, Table as _};
use mailcrane_core::record::{Account, Lane, LaneState, Migration, keys};
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::{ContinuationToken, Reason};
use std::collections::BTreeSet;

/// How many due items one call looks at in one read.
const PAGE: usize = 200;

/// What a sweep did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Lanes that were sent again.
    pub lanes: usize,
    /// Migrations that were started at their time.
    pub started: usize,
    /// Migrations whose data is to be erased, credentials included.
    pub erase: Vec<MigrationId>,
    /// Grants that are due to be taken back.
    pub grants: Vec<Key>,
}

/// Moves on what is due: lanes without a holder, scheduled starts; rolls up totals and admits accounts. What needs the
/// vault or the directory is returned for the caller to do.
///
/// # Errors
/// [`LedgerError`] of the table; the next sweep goes on.
pub async fn run<W: World>(world: &W, deadline: Timestamp) -> Result<Swept, LedgerError> {
    let mut swept = Swept::default();
    let (mut seen, mut limit) = (BTreeSet::new(), PAGE);
    while world.now() < deadline {
        let due = world.table().due(world.now(), limit).await?;
        let all = due.len() < limit;
        let new: Vec<Key> = due.into_iter().filter(|k| seen.insert(k.clone())).collect();
        if new.is_empty() {
            if all {
                break;
            }
            // What stays due hides nothing that is due after it.
            limit *= 2;
        }
        for key in new {
            if world.now() >= deadline {
                break;
            }
            if let Err(error) = one(world, &key, &mut swept).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "The sweeper could not move an item on");
            }
        }
    }
    roll_up_active(world).await?;
    admission::admit(world).await?;
    Ok(swept)
}

async fn one<W: World>(world: &W, key: &Key, swept: &mut Swept) -> Result<(), LedgerError> {
    if key.sk.starts_with("L#") {
        swept.lanes += usize::from(lost_lane(world, key).await?);
    } else if key.sk == "MIGRATION" {
        migration(world, key, swept).await?;
    } else if key.sk.starts_with("OUT#") {
        outbox::look_after(world, key).await?;
    } else if key.sk.starts_with("HOOK#") {
        webhook::look_after(world, key).await?;
    } else if key.sk.starts_with("GRANT#") {
        swept.grants.push(key.clone());
    }
    Ok(())
}

/// Sends the token of a lane that nobody holds and whose continuation has not come; `true` when it was sent.
async fn lost_lane<W: World>(world: &W, key: &Key) -> Result<bool, LedgerError> {
    let mut due = false;
    let now = world.now();
    let swept = ledger::update::<Lane>(world.table(), key, |lane| {
        due = lane.state != LaneState::Ended && lane.look_at.is_some_and(|t| t <= now);
        if !due {
            return Ok(Change::Nothing);
        }
        if lane.state == LaneState::Running {
            // Its holder is gone, and its lease is over: the new generation shuts the old one out.
            lane.generation = lane.generation.next();
            lane.state = LaneState::Queued;
            lane.lease_until = None;
            lane.idle_chunks = lane.idle_chunks.saturating_add(1);
        }
        lane.look_at = Some(later(now, world.times().arrival));
        Ok(Change::Write)
    });
    let lane = match swept.await {
        Ok(lane) => lane,
        Err(LedgerError::Missing) => return Ok(false),
        Err(error) => return Err(error),
    };
    if due && let Err(fault) = lane::send(world, &lane.record, Reason::Swept).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the next sweep");
    }
    Ok(due)
}

async fn migration<W: World>(world: &W, key: &Key, swept: &mut Swept) -> Result<(), LedgerError> {
    if let Err(fault) = check::look_after(world, key).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A migration could not be looked after");
    }
    let Some(migration) = ledger::find::<Migration>(world.table(), key).await? else { return Ok(()) };
    let (record, now) = (migration.record, world.now());
    match record.state {
        MigrationState::Scheduled if record.start_at.is_some_and(|t| t <= now) => {
            match control::start_due(world, &record.id).await {
                Ok(()) => swept.started += 1,
                Err(control::ControlError::Ledger(error)) => return Err(error),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "A scheduled start was refused"),
            }
        }
        MigrationState::Erasing => swept.erase.push(record.id),
        state if state.rests() && record.keep_until.is_some_and(|t| t <= now) => {
            match control::erase(world, &record.id).await {
                Ok(_) => swept.erase.push(record.id),
                Err(control::ControlError::Ledger(error)) => return Err(error),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "A retention could not end"),
            }
        }
        _ => {}
    }
    Ok(())
}

/// Rolls the counters of active accounts up, and the totals of their migrations.
async fn roll_up_active<W: World>(world: &W) -> Result<(), LedgerError> {
    let roster = admission::roster(world).await?.record;
    for running in &roster.running {
        admission::conclude(world, &running.migration).await?;
    }
    for active in roster.active {
        let key = keys::account(&active.migration, active.account);
        let Some(account) = ledger::find::<Account>(world.table(), &key).await? else { continue };
        if !account.record.state.active() {
            // Whoever ended it was gone before it could say so.
            admission::release(world, &active.migration, active.account).await?;
            continue;
        }
        let lane = admission::lane(
            world,
            &active.migration,
            active.account,
            mailcrane_core::token::LaneKind::Plan,
            mailcrane_core::id::LaneNo(0),
            account.record.pass.no,
        )
        .await?;
        let counters = verify::counters(world, &lane.record).await?;
        ledger::update::<Account>(world.table(), &key, |account| {
            let open = account.state.active() && account.pass.counters != counters;
            if !open {
                return Ok(Change::Nothing);
            }
            account.pass.counters = counters;
            Ok(Change::Write)
        })
        .await?;
    }
    Ok(())
}

/// Takes a dead letter: the lane that it belonged to is looked at by the next sweep at once, and stalls by its own
/// guards when it keeps failing.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn dead_letter<W: World>(world: &W, body: &str) -> Result<(), LedgerError> {
    let Ok(token) = serde_json::from_str::<ContinuationToken>(body) else {
        tracing::error!("A dead letter is no continuation token; it is kept in the log of its function only");
        return Ok(());
    };
    let key = keys::lane(&token.migration, token.account, token.kind, token.lane);
    let now = world.now();
    let looked = ledger::update::<Lane>(world.table(), &key, |lane| {
        if lane.generation != token.generation || lane.state != LaneState::Queued {
            return Ok(Change::Nothing);
        }
        lane.idle_chunks = lane.idle_chunks.saturating_add(1);
        lane.look_at = Some(now);
        "function.failed".clone_into(&mut lane.waits_code);
        "the function failed again and again; its log says why".clone_into(&mut lane.waits_for);
        Ok(Change::Write)
    });
    match looked.await {
        Ok(_) | Err(LedgerError::Missing) => Ok(()),
        Err(error) => Err(error),
    }
}

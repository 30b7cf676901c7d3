//! What becomes of an account when one of its lanes has nothing more to do; the decision is pure.

use crate::admission;
use crate::copy::commit::{self, CommitError};
use crate::lane::{self, Next};
use crate::world::World;
use crate::{ledger, outbox};
use futures_util::future::try_join3;
use mailcrane_core::Fault;
use mailcrane_core::id::LaneNo;
use mailcrane_core::record::{Account, Entry, EntryKind, Lane, Migration, Versioned, keys};
use mailcrane_core::state::{AccountEvent, AccountState, MigrationState};
use mailcrane_core::token::{LaneKind, MailEvent, Reason};

/// Why a lane has nothing more to do.
#[derive(Debug)]
pub enum Out {
    /// Everything of its kind is done.
    Finished,
    /// A person paused or cancelled, or another lane stalled the account.
    Stopped,
    /// UIDVALIDITY changed: the pass must be planned again.
    Replan,
    /// A person must act before the account can go on.
    Stalled(Fault),
}

/// What follows when the last lane is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Other lanes are still at work.
    Others,
    /// The destination is compared with the manifest.
    Verify,
    /// The pass is planned again.
    Plan,
    /// The account leaves the active ones.
    Leave(Option<AccountEvent>),
}

fn after(account: &Account, migration: MigrationState, finished: bool) -> After {
    if account.pass.lanes_open > 0 {
        return After::Others;
    }
    if !account.state.active() {
        // Stalled by another lane, or changed by a person since then.
        return After::Leave(None);
    }
    match migration {
        // What was given up is verified all the same: nothing of it may be twice at the destination.
        MigrationState::Cancelling if account.has_copied() => After::Verify,
        MigrationState::Cancelling | MigrationState::Cancelled | MigrationState::Erasing => {
            After::Leave(Some(AccountEvent::Cancel))
        }
        MigrationState::Running if account.pass.replan => After::Plan,
        // Who was stopped may have left something behind, though the last one has finished.
        MigrationState::Running if finished && !account.pass.stopped => After::Verify,
        _ => After::Leave(Some(AccountEvent::Queue)),
    }
}

/// Closes a lane of a pass. The last one out begins what follows, in the same transaction.
///
/// # Errors
/// [`CommitError`] of the table, or the lane is lost.
pub async fn close<W: World>(world: &W, mut held: Versioned<Lane>, out: Out) -> Result<(), CommitError> {
    let (id, no, pass) = (held.record.migration.clone(), held.record.account, held.record.pass);
    let key = keys::migration(&id);
    let migration = ledger::get::<Migration>(world.table(), &key);
    let verify = admission::lane(world, &id, no, LaneKind::Verify, LaneNo(0), pass);
    let plan = admission::lane(world, &id, no, LaneKind::Plan, LaneNo(0), pass);
    let (migration, verify, plan) = try_join3(migration, verify, plan).await?;
    let migration = migration.record;
    let note = match &out {
        Out::Stalled(fault) => Some(stalled_note(world, &held.record, fault)?),
        _ => None,
    };
    let letter = match &out {
        Out::Stalled(fault) => {
            let detail = format!("{}:{}", no.0, fault.code);
            Some(outbox::letter(world, &id, MailEvent::Attention, pass, &detail))
        }
        _ => None,
    };
    let mut what = After::Others;
    commit::write_account(world, &mut held, |account, lane| {
        lane::hand_over(lane, world, &Next::Ended, true);
        account.pass.lanes_open = account.pass.lanes_open.saturating_sub(1);
        match &out {
            Out::Stalled(fault) => {
                account.state = account.state.apply(AccountEvent::Stall).unwrap_or(AccountState::Stalled);
                account.error_code = fault.code.to_string();
                account.error.clone_from(&fault.message);
            }
            Out::Replan => account.pass.replan = true,
            Out::Finished if lane.kind == LaneKind::Plan => account.pass.planned = true,
            Out::Finished => {}
            Out::Stopped => account.pass.stopped = true,
        }
        what = after(account, migration.state, matches!(out, Out::Finished));
        let mut writes: Vec<_> = note.iter().cloned().collect();
        writes.extend(letter.as_ref().map(outbox::write_of).transpose()?);
        match what {
            After::Others => {}
            After::Verify => {
                account.state = account.state.apply(AccountEvent::Verify)?;
                writes.push(ledger::write_of(&verify)?);
            }
            After::Plan => {
                (account.pass.replan, account.pass.planned, account.pass.lanes_open) = (false, false, 1);
                account.pass.stopped = false;
                account.pass.round = account.pass.round.saturating_add(1);
                if lane.kind == LaneKind::Plan {
                    *lane = Lane { cursor: String::new(), generation: lane.generation, ..plan.record.clone() };
                } else {
                    let mut plan = plan.clone();
                    plan.record.cursor.clear();
                    writes.push(ledger::write_of(&plan)?);
                }
            }
            After::Leave(event) => {
                if let Some(event) = event {
                    account.state = account.state.apply(event)?;
                }
            }
        }
        Ok(writes)
    })
    .await?;
    if let Some(letter) = &letter {
        outbox::send(world, letter).await;
    }
    let begun = match what {
        After::Others => return Ok(()),
        After::Verify => verify,
        After::Plan if held.record.kind == LaneKind::Plan => held,
        After::Plan => plan,
        After::Leave(_) => return Ok(admission::release(world, &id, no).await?),
    };
    if let Err(fault) = lane::send(world, &begun.record, Reason::Begin).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
    }
    Ok(())
}

fn stalled_note<W: World>(
    world: &W,
    lane: &Lane,
    fault: &Fault,
) -> Result<mailcrane_core::ports::table::Write, CommitError> {
    let entry = Entry {
        at: world.now(),
        kind: EntryKind::Stalled,
        code: fault.code.to_string(),
        text: fault.message.clone(),
        folder: None,
        uid: None,
        message_id: None,
        octets: None,
    };
    let item = commit::note(world, lane, entry, &format!("{}.{}", lane.no, lane.generation))?;
    Ok(mailcrane_core::ports::table::Write::Put(item, mailcrane_core::ports::table::Expect::Anything))
}

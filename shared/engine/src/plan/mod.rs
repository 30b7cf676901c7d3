//! Planning a pass: makes the destination's folders and cuts every source folder into slices, folder by folder.
//!
//! A folder is planned whole or not at all: its slices count once the account's number of slices covers them.

pub(crate) mod history;
mod labels;
pub mod mapping;
mod places;
mod planner;
pub mod slicing;
mod writer;

use crate::admission;
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::effects_until;
use crate::ledger::{self, LedgerError};
use crate::world::World;
use futures_util::future::{join, join_all, try_join, try_join_all};
use labels::Labels;
use mailcrane_core::id::{LaneNo, MigrationId};
use mailcrane_core::ports::destination::Destination as _;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Filing, Source};
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, Entry, EntryKind, Folder, Lane, Migration, Slice, Versioned, keys};
use mailcrane_core::state::AccountState;
use mailcrane_core::token::{LaneKind, Reason};
use mailcrane_core::uid::{Uid, UidRange, UidSet};
use mailcrane_core::{Fault, Timestamp};
use mapping::Fate;
use places::Places;
use planner::{Past, Planner};
use slicing::Filter;
use std::collections::{BTreeMap, BTreeSet};

/// Why planning ended early.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An end failed.
    #[error(transparent)]
    End(Fault),
    /// The table, or the lane is lost.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Another lane stalled the account.
    #[error("the account is not being copied any more")]
    Stopped,
}

impl From<LedgerError> for PlanError {
    fn from(error: LedgerError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<Fault> for PlanError {
    fn from(fault: Fault) -> Self {
        Self::End(fault)
    }
}

/// How far the planning got.
#[derive(Debug, PartialEq, Eq)]
pub enum Planned {
    /// Every folder is planned.
    All,
    /// The time is over; each folder knows whether this plan has dealt with it.
    Part,
    /// Requests of a former epoch or of a pass before may still take effect until then.
    Wait(Timestamp),
}

/// Plans the folders that this plan has not dealt with yet, until all are planned or the time is over. Copying begins with the
/// first slices, while the planning goes on.
///
/// # Errors
/// [`PlanError`]; what was planned so far stays.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    (migration, mut account): (&Migration, Account),
    lane: &mut Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<Planned, PlanError> {
    let no = account.no;
    let partition = keys::account_partition(&migration.id, no);
    // Neither end waits for the other, nor for the table.
    let opened = try_join(ends.source(migration, &account), ends.destination(migration, &account));
    let (until, opened) = join(quarantine(world, &migration.id, &account), opened).await;
    if let Some(until) = until? {
        return Ok(Planned::Wait(until));
    }
    let (mut source, destination) = opened?;
    let known = ledger::all::<Folder>(world.table(), &partition, "F#");
    let (listed, known) = join(try_join(source.folders(), Places::of(&destination)), known).await;
    let ((mut listed, mut places), known) = (listed?, known?);
    mapping::arrange(&mut listed);
    let filing = source.filing();
    let fates = mapping::map(&listed, &migration.options, filing);
    let mut labels = match filing {
        Filing::Folders => None,
        Filing::Labels => {
            let folders: Vec<_> = known.iter().map(|f| f.record.clone()).collect();
            Some(Labels::read(world, (&migration.id, no, account.pass.no), &folders).await?)
        }
    };
    let wires = known.iter().map(|f| (f.record.no, f.record.wire.clone())).collect();
    let undone = known.iter().filter_map(|f| Some((f.record.no, f.record.undone?))).collect();
    let prefixes = known.iter().flat_map(|f| f.record.former.iter().copied().chain([f.record.prefix])).collect();
    let mut known: BTreeMap<_, _> = known.into_iter().map(|f| (f.record.wire.clone(), f)).collect();
    let names: BTreeSet<_> = listed.iter().map(|f| &f.wire).collect();
    let gone = known.values().filter(|f| !names.contains(&f.record.wire)).cloned().collect();
    let mut past = Past { known: wires, prefixes, gone, undone, moved_from: None };
    let filter = Filter {
        since: account.pass.since.max(migration.options.since),
        before: [account.pass.before, migration.options.before].into_iter().flatten().min(),
        include_deleted: migration.options.include_deleted,
    };
    let before = lane.record.cursor.clone();
    if before.is_empty() {
        let features = destination.features();
        note_losses(world, lane, &features.not_kept).await?;
        if !features.parallel && account.pass.lanes > 1 {
            account = commit::write_account(world, lane, |account, _| {
                account.pass.lanes = 1;
                Ok(Vec::new())
            })
            .await?;
        }
    }
    for (folder, fate) in listed.iter().zip(&fates) {
        if world.now() >= stop_at && lane.record.cursor != before {
            return Ok(Planned::Part);
        }
        let mut planner = Planner {
            world,
            migration,
            account: &mut account,
            lane: &mut *lane,
            filter: &filter,
            past: &mut past,
            labels: &mut labels,
        };
        let stored = known.remove(&folder.wire);
        if stored.as_ref().is_some_and(|stored| planner.planned(&stored.record)) {
            continue;
        }
        match fate {
            Fate::Skip(why) => planner.skip(folder, stored, why).await?,
            Fate::Copy(place) => {
                let target = places.ensure(&destination, place, folder.role).await?;
                if folder.selectable {
                    planner.plan(&mut source, &destination, folder, stored, (place, &target)).await?;
                }
            }
        }
    }
    source.close().await;
    if account.pass.slices > 0 && account.pass.lanes_open == 1 {
        // Everything was planned before a pause.
        write_account(world, lane, &account, |_, _| Ok(Vec::new())).await?;
    }
    Ok(Planned::All)
}

/// Says in the protocol what messages lose at this destination.
async fn note_losses<W: World>(world: &W, lane: &mut Versioned<Lane>, not_kept: &[String]) -> Result<(), PlanError> {
    if not_kept.is_empty() {
        return Ok(());
    }
    let entry = Entry {
        at: world.now(),
        kind: EntryKind::Note,
        code: "destination.not_kept".to_owned(),
        text: format!("the destination was tried and does not keep: {}", not_kept.join(", ")),
        folder: None,
        uid: None,
        message_id: None,
        octets: None,
    };
    let item = commit::note(world, &lane.record, entry, "losses")?;
    Ok(commit::write(world, lane, vec![Write::Put(item, Expect::Anything)]).await?)
}

/// Returns until when requests may still take effect: those of an epoch that is over, and those of a pass that did not
/// come to its end.
async fn quarantine<W: World>(
    world: &W,
    id: &MigrationId,
    account: &Account,
) -> Result<Option<Timestamp>, LedgerError> {
    let partition = keys::account_partition(id, account.no);
    let slices = ledger::all::<Slice>(world.table(), &partition, keys::SLICES).await?;
    let until = |slice: &Slice| match slice.pass == account.pass.no {
        true => slice.uncertain_until,
        false => effects_until(slice, world.times()),
    };
    Ok(slices.iter().filter_map(|slice| until(&slice.record)).max().filter(|until| *until > world.now()))
}

/// Changes the account, and begins the copy lanes in the same write once there are slices; twice is once. `account` is as it
/// will be: an account without slices reads no lanes.
async fn write_account<W: World>(
    world: &W,
    plan: &mut Versioned<Lane>,
    account: &Account,
    mut change: impl FnMut(&mut Account, &mut Lane) -> Result<Vec<Write>, LedgerError> + Send,
) -> Result<Account, PlanError> {
    let (id, no, pass) = (plan.record.migration.clone(), plan.record.account, plan.record.pass);
    let begins = account.pass.slices > 0 && account.pass.lanes_open == 1;
    let wanted = if begins { account.pass.lanes.max(1) } else { 0 };
    let lane = |lane| admission::lane(world, &id, no, LaneKind::Copy, LaneNo(lane), pass);
    let lanes = try_join_all((0..wanted).map(lane)).await?;
    let mut begun = false;
    let account = commit::write_account(world, plan, |account, plan| {
        let mut writes = change(account, plan)?;
        let goes_on = account.state == AccountState::Copying && !account.pass.yields;
        begun = goes_on && account.pass.slices > 0 && account.pass.lanes_open == 1 && !lanes.is_empty();
        if begun {
            account.pass.stopped = false;
            account.pass.lanes_open += u16::try_from(lanes.len()).unwrap_or(u16::MAX);
            let lanes: Vec<_> = lanes.iter().map(ledger::write_of).collect::<Result<_, _>>()?;
            writes.extend(lanes);
        }
        Ok(writes)
    })
    .await?;
    let sent = lanes.iter().filter(|_| begun).map(|lane| crate::lane::send(world, &lane.record, Reason::Begin));
    for fault in join_all(sent).await.into_iter().filter_map(Result::err) {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A lane waits for the sweeper");
    }
    Ok(account)
}

/// How many listings of a folder may be in vain, apart from those in proportion to its messages.
const IN_VAIN: u64 = 100;

/// Cuts what is to be listed of a folder with so many messages: into one listing when they are few, however far apart
/// their UIDs; else into ranges of at most `step` numbers, or wider ones where UIDs are so sparse that most would be
/// empty.
pub(crate) fn listings(open: &UidSet, exists: u64, step: u32) -> Vec<UidRange> {
    if exists <= u64::from(step) {
        return steps(open, u32::MAX);
    }
    let most = IN_VAIN + exists.saturating_mul(4) / u64::from(step.max(1));
    let wide = u32::try_from(open.len() / most).unwrap_or(u32::MAX);
    steps(open, step.max(wide))
}

/// Cuts a set of UIDs into ranges of at most so many numbers.
fn steps(open: &UidSet, step: u32) -> Vec<UidRange> {
    let mut steps = Vec::new();
    for range in open.ranges() {
        let (mut first, last) = (range.first(), range.last());
        loop {
            let end = Uid::new(first.get().saturating_add(step.max(1) - 1)).map_or(last, |e| e.min(last));
            steps.extend(UidRange::new(first, end));
            match Uid::new(end.get().saturating_add(1)).filter(|_| end < last) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(last: u32, exists: u64) -> Vec<u64> {
        let all = UidRange::new(Uid::MIN, Uid::new(last).unwrap()).unwrap();
        let listings = listings(&UidSet::from(all), exists, 1_000);
        let sizes: Vec<u64> = listings.iter().map(|range| UidSet::from(*range).len()).collect();
        assert_eq!(sizes.iter().sum::<u64>(), u64::from(last), "nothing is left out");
        sizes
    }

    #[test]
    fn dense_folders_are_listed_step_by_step() {
        assert_eq!(listed(2_500, 2_400), [1_000, 1_000, 500]);
        assert_eq!(listed(2_500, 1_000), [2_500], "so few messages are one listing");
    }

    #[test]
    fn far_apart_uids_cost_listings_in_proportion_to_the_messages() {
        assert_eq!(listed(u32::MAX, 900).len(), 1);
        assert!(listed(3_000_000_000, 50_000).len() <= 302, "{}", listed(3_000_000_000, 50_000).len());
    }
}

//! Finding a slice to work on and leasing it.

mod strays;

pub use strays::Strays;

use super::commit::{self, CommitError};
use super::work::Work;
use crate::lane;
use crate::ledger::{self, LedgerError};
use crate::world::{World, later};
use futures_util::future::{join, try_join_all};
use mailcrane_core::Fault;
use mailcrane_core::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::folder::FolderId;
use mailcrane_core::id::{AccountNo, FolderNo, LaneNo, MigrationId, PassNo, SliceNo};
use mailcrane_core::manifest::{Row, unpack};
use mailcrane_core::ports::destination::{Destination, ListedItem};
use mailcrane_core::ports::table::{Body, Table as _};
use mailcrane_core::record::{Account, Folder, Lane, Lease, Planned, Slice, SliceKind, SliceState, Versioned, keys};
use mailcrane_core::uid::{Uid, UidRange};
use std::collections::{BTreeMap, BTreeSet};

/// How many slices are looked at in one read.
const PAGE: usize = 25;

/// What there was to lease.
#[derive(Debug)]
pub enum Found {
    /// A slice, leased.
    Slice(Box<Work>),
    /// Everything open is held or in quarantine until about this time.
    Wait(Timestamp),
    /// The plan is complete and everything open is held by other lanes, which go on looking when they are done with it.
    Others,
    /// The plan is not complete and its slices so far are done or held.
    Unplanned,
    /// Every slice of the pass is done.
    Done,
}

/// Why nothing was leased.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The table, or the lane is lost.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The destination could not be asked for what is there already.
    #[error(transparent)]
    Destination(Fault),
}

impl From<LedgerError> for LeaseError {
    fn from(error: LedgerError) -> Self {
        Self::Commit(error.into())
    }
}

/// Returns how long slices and lanes are leased: a request must end within what is left of a lease.
pub fn length<W: World, D: Destination>(world: &W, destination: &D) -> std::time::Duration {
    let (lease, request) = (world.times().lease, destination.features().request_limit);
    lease.max(request + lease / 3)
}

/// What may be done with a slice at a time; pure.
#[derive(Debug, PartialEq, Eq)]
enum Candidate {
    /// May be leased as it is.
    Free,
    /// May be leased; what was intended is looked for first.
    Settle,
    /// Its holder is gone: it goes into quarantine first.
    Abandoned(Timestamp),
    /// Not before this time.
    Later(Timestamp),
    Done,
}

fn look(slice: &Slice, now: Timestamp, times: &mailcrane_core::settings::Times) -> Candidate {
    match slice.state {
        SliceState::Done => Candidate::Done,
        SliceState::Free => Candidate::Free,
        SliceState::Uncertain => match slice.uncertain_until {
            Some(until) if until > now => Candidate::Later(until),
            _ => Candidate::Settle,
        },
        SliceState::Leased => {
            let end = slice.lease.map_or(now, |l| l.until);
            let over = later(end, times.takeover);
            if over > now {
                Candidate::Later(over)
            } else if slice.intended_to > slice.done_to {
                Candidate::Abandoned(later(end, times.quarantine))
            } else {
                Candidate::Free
            }
        }
    }
}

/// Returns until when a request for a slice of a pass that is over may still take effect; nothing when every one was
/// answered.
pub(crate) fn effects_until(slice: &Slice, times: &mailcrane_core::settings::Times) -> Option<Timestamp> {
    match slice.state {
        SliceState::Uncertain => slice.uncertain_until,
        SliceState::Leased if slice.intended_to > slice.done_to => {
            slice.lease.map(|lease| later(lease.until, times.quarantine))
        }
        SliceState::Leased | SliceState::Free | SliceState::Done => None,
    }
}

/// Leases the first slice that may be leased. The lane is written with it, so that only its holder can.
///
/// # Errors
/// [`LeaseError`]; the lane is given back in every case.
pub async fn next<W: World, D: Destination>(
    world: &W,
    destination: &D,
    mut lane: Versioned<Lane>,
) -> (Versioned<Lane>, Result<Found, LeaseError>) {
    let found = search(world, destination, &mut lane).await;
    (lane, found)
}

async fn search<W: World, D: Destination>(
    world: &W,
    destination: &D,
    lane: &mut Versioned<Lane>,
) -> Result<Found, LeaseError> {
    let (migration, no, pass) = (lane.record.migration.clone(), lane.record.account, lane.record.pass);
    let account = ledger::get::<Account>(world.table(), &keys::account(&migration, no)).await?.record;
    let partition = keys::account_partition(&migration, no);
    let prefix = keys::slices(pass);
    let mut after = lane.record.first_open.checked_sub(1).map(|n| format!("{prefix}{}", SliceNo(n)));
    let (mut wait, mut open_folders) = (None::<Timestamp>, BTreeSet::<FolderNo>::new());
    let mut first_open: Option<u32> = None;
    let mut others = true;
    loop {
        let (slices, next) = ledger::page::<Slice>(world.table(), &partition, &prefix, after.as_deref(), PAGE).await?;
        for slice in slices.into_iter().filter(|s| s.record.no.0 < account.pass.slices) {
            let number = slice.record.no.0;
            let seen = look(&slice.record, world.now(), world.times());
            if seen == Candidate::Done {
                continue;
            }
            first_open.get_or_insert(number);
            let blocked = slice.record.kind == SliceKind::Suspects && open_folders.contains(&slice.record.folder);
            open_folders.insert(slice.record.folder);
            if blocked {
                continue;
            }
            others &= matches!(seen, Candidate::Later(_)) && of_another(&slice.record, lane.record.no);
            let settle = match seen {
                Candidate::Later(until) => {
                    wait = Some(wait.map_or(until, |w| w.min(until)));
                    continue;
                }
                Candidate::Abandoned(until) => {
                    let until = quarantine(world, lane, slice, until).await?.unwrap_or(until);
                    wait = Some(wait.map_or(until, |w| w.min(until)));
                    continue;
                }
                Candidate::Free => slice.record.intended_to > slice.record.done_to,
                Candidate::Settle => true,
                Candidate::Done => continue,
            };
            lane.record.first_open = first_open.unwrap_or(number);
            if let Some(work) = lease(world, destination, lane, slice, settle).await? {
                return Ok(Found::Slice(Box::new(work)));
            }
            // Another lane was faster: what it leaves is looked for at once.
            let soon = later(world.now(), world.times().idle / 10);
            wait = Some(wait.map_or(soon, |w| w.min(soon)));
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    lane.record.first_open = first_open.unwrap_or(account.pass.slices);
    if others && first_open.is_some() {
        return Ok(if account.pass.planned { Found::Others } else { Found::Unplanned });
    }
    // The plan may bring more long before a lease or a quarantine is over.
    let wait =
        wait.map(|until| if account.pass.planned { until } else { until.min(later(world.now(), world.times().idle)) });
    Ok(match (wait, first_open) {
        (Some(until), _) => Found::Wait(until),
        (None, Some(_)) => Found::Wait(later(world.now(), world.times().idle)),
        (None, None) if account.pass.planned => Found::Done,
        (None, None) => Found::Unplanned,
    })
}

/// Tells whether another lane holds the slice. When its holder is gone, the sweeper sends that lane again.
fn of_another(slice: &Slice, lane: LaneNo) -> bool {
    slice.state == SliceState::Leased && slice.lease.is_some_and(|lease| lease.lane != lane)
}

/// Puts an abandoned slice into quarantine; nothing when another lane was faster.
async fn quarantine<W: World>(
    world: &W,
    lane: &mut Versioned<Lane>,
    mut slice: Versioned<Slice>,
    until: Timestamp,
) -> Result<Option<Timestamp>, LeaseError> {
    slice.record.state = SliceState::Uncertain;
    slice.record.lease = None;
    slice.record.doubted = true;
    slice.record.uncertain_until = Some(until);
    Ok(with_lane(world, lane, &mut slice).await?.then_some(until))
}

/// Leases a slice; nothing when another lane was faster.
async fn lease<W: World, D: Destination>(
    world: &W,
    destination: &D,
    lane: &mut Versioned<Lane>,
    mut slice: Versioned<Slice>,
    settle: bool,
) -> Result<Option<Work>, LeaseError> {
    let (migration, no) = (lane.record.migration.clone(), lane.record.account);
    let folder_key = keys::folder(&migration, no, slice.record.folder);
    let folder = ledger::get::<Folder>(world.table(), &folder_key);
    let (folder, list) = join(folder, messages(world, &migration, no, &slice.record)).await;
    let folder = folder?.record;
    if folder.epoch != slice.record.epoch {
        close_former(world, lane, slice).await?;
        return Ok(None);
    }
    let list = list?;
    let until = later(world.now(), length(world, destination));
    slice.record.state = SliceState::Leased;
    slice.record.lease = Some(Lease { lane: lane.record.no, generation: lane.record.generation, until });
    let mut work = Work::new(slice, folder, list);
    work.slice.record.intended_to = work.intention(world.sizes());
    lane::hold_for(&mut lane.record, world, length(world, destination));
    let intended_before = work.slice.record.intended_to;
    if !with_lane(world, lane, &mut work.slice).await? {
        return Ok(None);
    }
    if settle && !destination.features().keeps_key {
        work.strays = unkeyed(world, destination, &lane.record, &work, intended_before).await?;
    } else if settle {
        work.there = there(destination, &work, intended_before).await.map_err(LeaseError::Destination)?;
    }
    if work.slice.record.kind == SliceKind::Suspects {
        work.leaders = leaders(world, &migration, no, lane.record.pass, &work).await?;
    }
    Ok(Some(work))
}

/// Closes a slice of a former epoch: its UIDs mean nothing any more, and the plan has asked for its messages again.
async fn close_former<W: World>(
    world: &W,
    lane: &mut Versioned<Lane>,
    mut slice: Versioned<Slice>,
) -> Result<bool, CommitError> {
    slice.record.state = SliceState::Done;
    slice.record.lease = None;
    slice.record.found = slice.record.counters.accounted();
    slice.record.bytes = slice.record.counters.bytes;
    slice.record.intended_to = slice.record.done_to;
    with_lane(world, lane, &mut slice).await
}

/// Writes slice and lane together; `false` when another lane took the slice first.
async fn with_lane<W: World>(
    world: &W,
    lane: &mut Versioned<Lane>,
    slice: &mut Versioned<Slice>,
) -> Result<bool, CommitError> {
    match commit::write(world, lane, vec![ledger::write_of(slice)?]).await {
        Ok(()) => {
            slice.version += 1;
            Ok(true)
        }
        Err(CommitError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads the messages of a slice, ascending.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn messages<W: World>(
    world: &W,
    migration: &MigrationId,
    account: AccountNo,
    slice: &Slice,
) -> Result<Vec<Planned>, CommitError> {
    let key = keys::slice_messages(migration, account, slice.pass, slice.no);
    let item = world.table().get(&key).await.map_err(LedgerError::from)?.ok_or(LedgerError::Missing)?;
    let Body::Packed(octets) = item.body else { return Err(LedgerError::Missing.into()) };
    Ok(unpack(&octets)?)
}

/// Reads the rows of a slice that count.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn rows<W: World>(
    world: &W,
    migration: &MigrationId,
    account: AccountNo,
    slice: &Slice,
) -> Result<Vec<Row>, CommitError> {
    let read = |page: &String| {
        let key = keys::manifest_page(migration, account, slice.pass, slice.no, page);
        async move {
            let item = world.table().get(&key).await.map_err(LedgerError::from)?.ok_or(LedgerError::Missing)?;
            let Body::Packed(octets) = item.body else { return Err(LedgerError::Missing.into()) };
            Ok::<Vec<Row>, CommitError>(unpack::<Row>(&octets)?)
        }
    };
    // A slice has a few pages: none waits for the one before.
    Ok(try_join_all(slice.pages.iter().map(read)).await?.concat())
}

/// Returns the UIDs of a slice that are not recorded, up to the last that was intended.
fn unrecorded(slice: &Slice, to: Option<Uid>) -> Option<UidRange> {
    let behind = |done: Uid| Uid::new(done.get().saturating_add(1)).unwrap_or(done);
    UidRange::new(slice.done_to.map_or(slice.first, behind), to?)
}

/// Looks for what was intended and not recorded: by key, or through the listing of the folder.
async fn there<D: Destination>(
    destination: &D,
    work: &Work,
    to: Option<Uid>,
) -> Result<BTreeMap<Uid, ListedItem>, Fault> {
    let Some(range) = unrecorded(&work.slice.record, to) else { return Ok(BTreeMap::new()) };
    let items = if destination.features().find_by_key {
        destination.find(work.folder.prefix, range).await?
    } else {
        listed(destination, work).await?
    };
    let mut there: BTreeMap<Uid, ListedItem> = BTreeMap::new();
    for item in items {
        let Some(key) = item.key.filter(|k| k.prefix == work.folder.prefix && range.contains(k.uid)) else { continue };
        let first = there.get(&key.uid).is_none_or(|known| item.id < known.id);
        if first {
            there.insert(key.uid, item);
        }
    }
    Ok(there)
}

/// Lists the folder that the slice is copied into.
async fn listed<D: Destination>(destination: &D, work: &Work) -> Result<Vec<ListedItem>, Fault> {
    match &work.folder.destination {
        Some(folder) => whole(destination, folder).await,
        None => Ok(Vec::new()),
    }
}

/// Lists a folder to its end.
///
/// # Errors
/// Faults of the destination.
pub async fn whole<D: Destination>(destination: &D, folder: &FolderId) -> Result<Vec<ListedItem>, Fault> {
    let mut items = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let listed = destination.list(folder, page.as_deref()).await?;
        items.extend(listed.items);
        page = listed.next;
        if page.is_none() {
            return Ok(items);
        }
    }
}

/// Looks for what was intended and not recorded where items keep no key: everything that no row answers for.
async fn unkeyed<W: World, D: Destination>(
    world: &W,
    destination: &D,
    lane: &Lane,
    work: &Work,
    to: Option<Uid>,
) -> Result<Strays, LeaseError> {
    let (Some(to), Some(target)) = (to, &work.folder.destination) else { return Ok(Strays::default()) };
    // The listing comes first: what is recorded after it is then among the rows, and taken out.
    let items = listed(destination, work).await.map_err(LeaseError::Destination)?;
    let rows = strays::rows_into(world, &lane.migration, lane.account, lane.pass, target).await?;
    let mut strays = Strays::new(items, work.slice.record.done_to, to);
    strays.account_for(&rows, destination.features());
    Ok(strays)
}

/// Returns the digests of the messages that the suspects of a slice look like, from the manifest.
async fn leaders<W: World>(
    world: &W,
    migration: &MigrationId,
    account: AccountNo,
    pass: PassNo,
    work: &Work,
) -> Result<BTreeMap<Uid, Digest>, CommitError> {
    let wanted: BTreeSet<Uid> = work.leaders_wanted().collect();
    let mut digests = BTreeMap::new();
    let partition = keys::account_partition(migration, account);
    let mut after: Option<String> = None;
    loop {
        let (slices, next) =
            ledger::page::<Slice>(world.table(), &partition, &keys::slices(pass), after.as_deref(), 200).await?;
        for slice in slices.into_iter().map(|s| s.record) {
            let holds = slice.folder == work.slice.record.folder
                && slice.kind == SliceKind::Plain
                && wanted.range(slice.first..=slice.last).next().is_some();
            if !holds {
                continue;
            }
            for row in rows(world, migration, account, &slice).await? {
                if let Some(digest) = row.digest.filter(|_| wanted.contains(&row.uid) && row.item.is_some()) {
                    digests.insert(row.uid, digest);
                }
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(digests),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::id::Generation;
    use mailcrane_core::record::Counters;
    use mailcrane_core::settings::Times;
    use std::time::Duration;

    #[test]
    fn what_is_looked_for_begins_with_the_slice_and_not_with_the_folder() {
        let uid = |n| Uid::new(n).unwrap();
        let first = Slice { first: uid(11_001), ..slice(SliceState::Leased, 0, 11_600) };
        assert_eq!(unrecorded(&first, first.intended_to), UidRange::new(uid(11_001), uid(11_600)));
        let later = Slice { done_to: Some(uid(11_200)), ..first };
        assert_eq!(unrecorded(&later, later.intended_to), UidRange::new(uid(11_201), uid(11_600)));
        assert_eq!(unrecorded(&later, later.done_to), None, "everything intended is recorded");
        assert_eq!(unrecorded(&later, None), None);
    }

    fn slice(state: SliceState, done: u32, intended: u32) -> Slice {
        let now = Timestamp::UNIX_EPOCH;
        Slice {
            v: 1,
            no: SliceNo(0),
            pass: PassNo(1),
            folder: FolderNo(0),
            epoch: 0,
            kind: SliceKind::Plain,
            first: Uid::MIN,
            last: Uid::MAX,
            found: 10,
            bytes: 10,
            state,
            lease: Some(Lease { lane: LaneNo(0), generation: Generation(1), until: now }),
            uncertain_until: None,
            doubted: false,
            done_to: Uid::new(done),
            intended_to: Uid::new(intended),
            pages: vec![],
            counters: Counters::default(),
            failed: Default::default(),
            too_large: Default::default(),
        }
    }

    #[test]
    fn only_what_another_lane_holds_is_left_to_it() {
        assert!(of_another(&slice(SliceState::Leased, 5, 9), LaneNo(1)));
        assert!(!of_another(&slice(SliceState::Leased, 5, 9), LaneNo(0)), "its own lane was there before");
        assert!(!of_another(&slice(SliceState::Uncertain, 5, 9), LaneNo(1)), "nobody holds it");
    }

    #[test]
    fn an_abandoned_slice_waits_for_the_quarantine_only_when_something_was_intended() {
        let times = Times::default();
        let end = Timestamp::UNIX_EPOCH;
        let after = |s| later(end, Duration::from_secs(s));
        let leased = |done, intended, now| look(&slice(SliceState::Leased, done, intended), now, &times);
        assert_eq!(leased(5, 9, after(4)), Candidate::Later(after(5)));
        assert_eq!(leased(5, 9, after(6)), Candidate::Abandoned(after(180)));
        assert_eq!(leased(9, 9, after(6)), Candidate::Free);
    }
}

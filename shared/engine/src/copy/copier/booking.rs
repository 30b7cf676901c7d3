//! What a chunk writes into the table: leases, windows, slices given back.

use super::{Booked, Copier, HELD, Halt};
use crate::chunk;
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::{self, Found, LeaseError};
use crate::copy::work::Work;
use crate::lane::{self};
use crate::ledger;
use crate::world::{World, later, until};
use futures_util::future::{BoxFuture, FutureExt as _};
use mailcrane_core::id::SliceNo;
use mailcrane_core::ports::destination::Destination;
use mailcrane_core::record::{Account, Lane, Migration, Slice, SliceState, Versioned, keys};
use std::time::Duration;

impl<'a, W: World, D: Destination> Copier<'a, W, D> {
    /// Returns the next operation on the table, the most urgent first.
    pub(super) fn next_operation(&mut self) -> Option<BoxFuture<'a, Booked>> {
        if self.lost() {
            return None;
        }
        let lane = self.lane.take()?;
        if let Some(no) = self.to_give_back() {
            return self.give_back(lane, no);
        }
        if let Some(no) = self.to_record() {
            return self.record(lane, no);
        }
        if self.leases_end_soon(&lane) {
            return Some(self.renew(lane));
        }
        let now = self.world.now();
        if self.halt.is_none() && until(self.looked, now) >= self.world.times().idle * 2 {
            self.looked = now;
            return Some(self.look(lane));
        }
        let look_again = self.nothing.is_none() || self.again_at.is_some_and(|t| t <= now);
        let hungry = self.halt.is_none() && look_again && self.held.len() < HELD && self.reading < 2;
        if hungry {
            (self.nothing, self.again_at) = (None, None);
            let (world, destination) = (self.world, self.destination);
            let next = async move {
                let (lane, found) = lease::next(world, destination, lane).await;
                Booked::Leased(lane, found)
            };
            return Some(next.boxed());
        }
        self.lane = Some(lane);
        None
    }

    /// A slice is given back when it is complete, doubted or the chunk ends, and nothing of it is open.
    pub(super) fn to_give_back(&self) -> Option<SliceNo> {
        let over = |w: &Work| w.complete() || w.doubt.is_some() || self.nothing_comes();
        let all_recorded = |w: &Work| w.recordable().0 == 0;
        self.held.iter().find(|(_, w)| w.open == 0 && over(w) && all_recorded(w)).map(|(no, _)| *no)
    }

    /// Tells whether the chunk ends and the reader brings nothing more that would be sent. Only then may a slice be
    /// given back: what was sent after the table says that it is free would be sent again by whoever leases it.
    fn nothing_comes(&self) -> bool {
        match self.halt {
            None => false,
            Some(Halt::Time) => self.reading == 0 || self.overdue(),
            Some(_) => true,
        }
    }

    pub(super) fn to_record(&self) -> Option<SliceNo> {
        let sizes = self.world.sizes();
        let waits = self.parcels.front().map(|p| (p.slice, p.item.key.uid));
        let long_ago = until(self.recorded, self.world.now()) >= self.world.times().lease / 9;
        let due = |no: SliceNo, work: &Work| {
            let (rows, octets) = work.recordable();
            let enough = rows >= sizes.window_messages * 2 || octets >= sizes.window_octets;
            let blocks = waits.is_some_and(|(slice, uid)| slice == no && work.needs_intention(uid));
            let still = work.open == 0 && (work.doubt.is_some() || self.halt.is_some() || self.reading == 0);
            let starved = blocks && self.flush && self.halt.is_none();
            starved || (rows > 0 && (enough || blocks || still || long_ago || work.resolved()))
        };
        self.held.iter().find(|(no, work)| due(**no, work)).map(|(no, _)| *no)
    }

    pub(super) fn record(&mut self, mut lane: Versioned<Lane>, no: SliceNo) -> Option<BoxFuture<'a, Booked>> {
        let world = self.world;
        let work = self.held.get_mut(&no)?;
        let rows = work.take_rows();
        let mut slice = work.slice.clone();
        slice.record.done_to = work.done_to().max(slice.record.done_to);
        if work.doubt.is_none() && self.halt.is_none() {
            slice.record.intended_to = work.intention(world.sizes());
            if self.flush {
                // Memory is short, perhaps because of messages that lie behind one that is still to be read.
                let waiting = self.parcels.front().filter(|p| p.slice == no).map(|p| p.item.key.uid);
                slice.record.intended_to = slice.record.intended_to.max(waiting);
            }
        }
        slice.record.intended_to = slice.record.intended_to.max(slice.record.done_to);
        self.recorded = world.now();
        self.settle_state(no, &mut slice.record);
        lane::hold_for(&mut lane.record, world, self.lease);
        Some(async move { Booked::Recorded(commit::record(world, lane, slice, rows).await) }.boxed())
    }

    pub(super) fn give_back(&mut self, mut lane: Versioned<Lane>, no: SliceNo) -> Option<BoxFuture<'a, Booked>> {
        let (world, work) = (self.world, self.held.get(&no)?);
        let mut slice = work.slice.clone();
        let same = matches!(slice.record.state, SliceState::Done | SliceState::Uncertain | SliceState::Free);
        if same {
            self.held.remove(&no);
            self.lane = Some(lane);
            return self.next_operation();
        }
        self.settle_state(no, &mut slice.record);
        lane::hold_for(&mut lane.record, world, self.lease);
        Some(async move { Booked::Recorded(commit::record(world, lane, slice, Vec::new()).await) }.boxed())
    }

    /// Sets the state that the slice is to have after the next write.
    pub(super) fn settle_state(&self, no: SliceNo, slice: &mut Slice) {
        let Some(work) = self.held.get(&no) else { return };
        let lag = self.destination.features().search_lag * 3;
        let until = later(self.world.now(), self.lease);
        if work.complete() {
            (slice.state, slice.lease) = (SliceState::Done, None);
            slice.intended_to = slice.done_to;
        } else if work.open == 0 && work.recordable().0 == 0 && (work.doubt.is_some() || self.nothing_comes()) {
            slice.lease = None;
            if let Some(doubt) = work.doubt {
                (slice.state, slice.doubted) = (SliceState::Uncertain, true);
                slice.uncertain_until = Some(doubt);
            } else if work.has_gaps() {
                // Stored messages lie behind one that is not: they are found by key when the search has caught up.
                slice.state = SliceState::Uncertain;
                slice.uncertain_until = Some(later(self.world.now(), lag));
            } else {
                slice.state = SliceState::Free;
                slice.intended_to = slice.done_to;
            }
        } else if let Some(lease) = &mut slice.lease {
            lease.until = until;
        }
    }

    pub(super) fn leases_end_soon(&self, lane: &Versioned<Lane>) -> bool {
        let now = self.world.now();
        let request = if self.held.is_empty() { Duration::ZERO } else { self.destination.features().request_limit };
        let needed = request + self.world.times().lease / 12;
        let ends = self.held.values().filter_map(|w| w.slice.record.lease.map(|l| l.until));
        let mut ends = ends.chain(lane.record.lease_until);
        ends.any(|end| until(now, end) <= needed)
    }

    pub(super) fn renew(&self, mut lane: Versioned<Lane>) -> BoxFuture<'a, Booked> {
        let world = self.world;
        lane::hold_for(&mut lane.record, world, self.lease);
        let end = later(world.now(), self.lease);
        let mut slices: Vec<_> = self.held.values().map(|w| w.slice.clone()).collect();
        for lease in slices.iter_mut().filter_map(|s| s.record.lease.as_mut()) {
            lease.until = end;
        }
        async move {
            let writes = match slices.iter().map(ledger::write_of).collect() {
                Ok(writes) => writes,
                Err(error) => return Booked::Renewed(Err(CommitError::Ledger(error))),
            };
            let result = commit::write(world, &mut lane, writes).await;
            slices.iter_mut().for_each(|s| s.version += 1);
            Booked::Renewed(result.map(|()| (lane, slices)))
        }
        .boxed()
    }

    /// Looks whether a person has paused or cancelled the migration.
    pub(super) fn look(&self, lane: Versioned<Lane>) -> BoxFuture<'a, Booked> {
        let (world, id, no) = (self.world, self.migration.id.clone(), lane.record.account);
        async move {
            let migration = ledger::find::<Migration>(world.table(), &keys::migration(&id)).await;
            let account = ledger::find::<Account>(world.table(), &keys::account(&id, no)).await;
            let goes_on = match (migration, account) {
                (Ok(Some(migration)), Ok(Some(account))) => chunk::goes_on(&migration.record, &account.record),
                (Ok(None), _) | (_, Ok(None)) => false,
                // Not knowing is no reason to stop.
                (Err(_), _) | (_, Err(_)) => true,
            };
            Booked::Looked(lane, goes_on)
        }
        .boxed()
    }

    pub(super) async fn booked(&mut self, booked: Booked) {
        match booked {
            Booked::Recorded(Ok((lane, slice))) => {
                self.lane = Some(lane);
                self.budget.book(self.world).await;
                self.spend();
                let no = slice.record.no;
                let rests = slice.record.state != SliceState::Leased;
                if let Some(work) = self.held.get_mut(&no) {
                    let further = slice.record.done_to > work.slice.record.done_to;
                    self.progress |= further;
                    self.trouble = self.trouble.take().filter(|_| !further);
                    work.slice = slice;
                    if rests && work.open == 0 {
                        self.held.remove(&no);
                        self.again_at = self.again_at.map(|_| self.world.now());
                    }
                }
            }
            Booked::Renewed(Ok((lane, slices))) => {
                self.lane = Some(lane);
                for slice in slices {
                    if let Some(work) = self.held.get_mut(&slice.record.no) {
                        work.slice = slice;
                    }
                }
            }
            Booked::Recorded(Err(error)) | Booked::Renewed(Err(error)) => self.failed(error),
            Booked::Looked(lane, goes_on) => {
                self.lane = Some(lane);
                if !goes_on {
                    self.halt(Halt::Stopped);
                }
            }
            Booked::Leased(lane, found) => {
                self.lane = Some(lane);
                match found {
                    Ok(Found::Slice(work)) => self.begin(*work).await,
                    Ok(nothing) => {
                        self.again_at = match nothing {
                            Found::Wait(until) => Some(until),
                            Found::Unplanned => Some(later(self.world.now(), self.world.times().idle / 4)),
                            Found::Others | Found::Done | Found::Slice(_) => None,
                        };
                        self.nothing = Some(nothing);
                    }
                    Err(LeaseError::Commit(error)) => self.failed(error),
                    Err(LeaseError::Destination(fault)) => self.troubled(fault),
                }
            }
        }
    }

    pub(super) fn failed(&mut self, error: CommitError) {
        tracing::warn!(error = &error as &dyn std::error::Error, "A chunk gives its lane up without another write");
        self.halt(Halt::Lost);
    }
}

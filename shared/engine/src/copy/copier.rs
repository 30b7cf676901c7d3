//! The loop of a copying chunk.

use super::Ended;
use super::commit::{self, CommitError};
use super::decision::{Circumstances, Decision, decide, row};
use super::lease::{self, Found, LeaseError};
use super::reader::{self, Event, Job, Limits, Memory};
use super::work::Work;
use crate::chunk;
use crate::lane::{self, Next};
use crate::ledger;
use crate::throttle::Throttle;
use crate::world::{World, later, until};
use futures_util::future::{BoxFuture, FutureExt as _, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::SliceNo;
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::message::{Fetched, NewItem};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::{Destination, Stored};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::record::{Account, Lane, Migration, Slice, SliceState, Versioned, keys};
use mailcrane_core::token::Reason;
use mailcrane_core::uid::Uid;
use mailcrane_core::{Fault, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How often a message is tried before it is given up.
const TRIES: u32 = 4;

/// How many slices a chunk holds at once: one that is read, and those that are still being stored.
const HELD: usize = 3;

/// A message on its way to the destination.
struct Parcel {
    slice: SliceNo,
    item: NewItem,
    row: Row,
    memory: Option<OwnedSemaphorePermit>,
}

/// What a table operation gave.
enum Booked {
    Recorded(Result<(Versioned<Lane>, Versioned<Slice>), CommitError>),
    Leased(Versioned<Lane>, Result<Found, LeaseError>),
    Renewed(Result<(Versioned<Lane>, Vec<Versioned<Slice>>), CommitError>),
    Looked(Versioned<Lane>, bool),
}

/// Why no further window is begun.
enum Halt {
    Time,
    Pause(Fault, Timestamp),
    Stalled(Fault),
    Renumbered,
    Stopped,
    Lost,
}

/// Copies until the time is over or there is nothing more to do. Returns when every request is answered.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    migration: &Migration,
    account: &Account,
    lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> Ended {
    let destination = match ends.destination(migration, account).await {
        Ok(destination) => destination,
        Err(fault) => return at_once(world, lane, fault),
    };
    let (jobs, orders) = channel::<Job>(HELD);
    let (events, news) = channel::<Event>(64);
    let stop = Arc::new(AtomicBool::new(false));
    let features = destination.features();
    let limits = Limits {
        memory: Memory::of(world.sizes().memory_octets),
        keep_octets: features.max_message.min(migration.options.max_octets.unwrap_or(u64::MAX)),
        stop: stop.clone(),
    };
    let copier = Copier {
        world,
        destination: &destination,
        migration,
        stop_at,
        stop,
        jobs: Some(jobs),
        lane: Some(lane),
        held: BTreeMap::new(),
        reading: 0,
        parcels: VecDeque::new(),
        flush: false,
        throttle: Throttle::new(world.sizes().requests.0, world.sizes().requests.1),
        halt: None,
        nothing: None,
        again_at: None,
        progress: false,
        looked: world.now(),
        recorded: world.now(),
    };
    let reader = reader::run(world, ends, (migration, account), orders, events, limits);
    let (ended, ()) = futures_util::future::join(copier.work(news), reader).await;
    ended
}

fn at_once<W: World>(world: &W, lane: Versioned<Lane>, fault: Fault) -> Ended {
    match fault.remedy {
        Remedy::RetryAfter(wait) => {
            Ended::Next { lane, next: pause(&fault, later(world.now(), wait)), progress: false }
        }
        Remedy::SkipMessage | Remedy::GiveUp => Ended::Stalled { lane, fault },
    }
}

fn pause(fault: &Fault, until: Timestamp) -> Next {
    let waits = Some((fault.code.to_string(), fault.message.clone()));
    Next::Continue { reason: Reason::Pause, not_before: Some(until), waits }
}

struct Copier<'a, W: World, D: Destination> {
    world: &'a W,
    destination: &'a D,
    migration: &'a Migration,
    stop_at: Timestamp,
    stop: Arc<AtomicBool>,
    jobs: Option<Sender<Job>>,
    /// Absent while a table operation has it.
    lane: Option<Versioned<Lane>>,
    held: BTreeMap<SliceNo, Work>,
    /// Jobs that the reader has not finished.
    reading: usize,
    parcels: VecDeque<Parcel>,
    flush: bool,
    throttle: Throttle,
    halt: Option<Halt>,
    /// What the last search for a slice found instead of one.
    nothing: Option<Found>,
    /// When to search again.
    again_at: Option<Timestamp>,
    progress: bool,
    looked: Timestamp,
    recorded: Timestamp,
}

type Answers<'a> = FuturesUnordered<BoxFuture<'a, (Vec<Parcel>, Vec<Stored>)>>;

impl<'a, W: World, D: Destination> Copier<'a, W, D> {
    async fn work(mut self, mut news: Receiver<Event>) -> Ended {
        let mut answers: Answers<'a> = FuturesUnordered::new();
        let mut booking: OptionFuture<BoxFuture<'a, Booked>> = None.into();
        let mut busy = false;
        loop {
            self.check_time();
            if self.overdue() && !answers.is_empty() {
                answers = FuturesUnordered::new();
                self.doubt_everything();
            }
            if !busy && let Some(operation) = self.next_operation() {
                booking = Some(operation).into();
                busy = true;
            }
            self.send(&mut answers);
            if !busy && answers.is_empty() && self.finished() {
                self.jobs = None;
                news.close();
                return self.ended();
            }
            let wake = self.wake();
            let world = self.world;
            tokio::select! {
                biased;
                Some(booked) = &mut booking, if busy => {
                    busy = false;
                    booking = None.into();
                    self.booked(booked).await;
                }
                Some((parcels, stored)) = answers.next(), if !answers.is_empty() => self.answered(parcels, stored),
                Some(event) = news.recv() => self.heard(event).await,
                () = world.clock().sleep(wake) => {}
            }
        }
    }

    /// No window is begun once the time is over.
    fn check_time(&mut self) {
        if self.halt.is_none() && self.world.now() >= self.stop_at {
            self.halt(Halt::Time);
        }
    }

    /// The reserve is nearly used up: nothing is waited for any more, connections are closed.
    fn overdue(&self) -> bool {
        self.world.now() >= later(self.stop_at, self.world.times().reserve / 2)
    }

    /// What was sent and not answered may still take effect.
    fn doubt_everything(&mut self) {
        self.drop_parcels();
        let end = later(self.world.now(), self.world.times().quarantine);
        for work in self.held.values_mut().filter(|w| w.open > 0) {
            work.open = 0;
            work.doubt = Some(work.doubt.map_or(end, |t| t.max(end)));
        }
    }

    fn halt(&mut self, halt: Halt) {
        self.stop.store(true, Ordering::Relaxed);
        let weaker = matches!(self.halt, None | Some(Halt::Time | Halt::Pause(..)));
        if weaker {
            self.halt = Some(halt);
        }
    }

    fn lost(&self) -> bool {
        matches!(self.halt, Some(Halt::Lost))
    }

    /// Returns how long nothing may happen before the loop looks again.
    fn wake(&self) -> std::time::Duration {
        let now = self.world.now();
        let mut at = later(now, self.world.times().lease / 6);
        if self.halt.is_none() {
            at = at.min(self.stop_at);
        }
        if let Some(again) = self.again_at.filter(|_| self.held.is_empty()) {
            at = at.min(again);
        }
        if !self.parcels.is_empty() {
            at = self.throttle.resume_at(now).map_or(at, |t| t.min(at));
        }
        until(now, at).max(std::time::Duration::from_millis(1))
    }

    fn finished(&self) -> bool {
        let soon = later(self.world.now(), self.world.times().idle * 5).min(self.stop_at);
        let nothing = self.nothing.is_some() && self.again_at.is_none_or(|t| t > soon);
        let over = self.halt.is_some() || nothing;
        let unsent = self.halt.is_none() && !self.parcels.is_empty();
        over && (self.lost() || self.held.is_empty()) && !unsent
    }

    // ---- the table ----------------------------------------------------------------------------------------------

    /// Returns the next operation on the table, the most urgent first.
    fn next_operation(&mut self) -> Option<BoxFuture<'a, Booked>> {
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
    fn to_give_back(&self) -> Option<SliceNo> {
        let read = self.reading == 0 || self.overdue() || !matches!(self.halt, Some(Halt::Time));
        let over = |w: &Work| w.complete() || w.doubt.is_some() || (self.halt.is_some() && read);
        let all_recorded = |w: &Work| w.recordable().0 == 0;
        self.held.iter().find(|(_, w)| w.open == 0 && over(w) && all_recorded(w)).map(|(no, _)| *no)
    }

    fn to_record(&self) -> Option<SliceNo> {
        let sizes = self.world.sizes();
        let waits = self.parcels.front().map(|p| (p.slice, p.item.key.uid));
        let long_ago = until(self.recorded, self.world.now()) >= self.world.times().lease / 9;
        let due = |no: SliceNo, work: &Work| {
            let (rows, octets) = work.recordable();
            let enough = rows >= sizes.window_messages * 2 || octets >= sizes.window_octets;
            let blocks = waits.is_some_and(|(slice, uid)| slice == no && work.needs_intention(uid));
            let still = work.open == 0 && (work.doubt.is_some() || self.halt.is_some() || self.reading == 0);
            rows > 0 && (enough || blocks || still || long_ago || work.resolved())
        };
        self.held.iter().find(|(no, work)| due(**no, work)).map(|(no, _)| *no)
    }

    fn record(&mut self, mut lane: Versioned<Lane>, no: SliceNo) -> Option<BoxFuture<'a, Booked>> {
        let world = self.world;
        let work = self.held.get_mut(&no)?;
        let rows = work.take_rows();
        let mut slice = work.slice.clone();
        slice.record.done_to = work.done_to().max(slice.record.done_to);
        if work.doubt.is_none() && self.halt.is_none() {
            slice.record.intended_to = work.intention(world.sizes());
        }
        slice.record.intended_to = slice.record.intended_to.max(slice.record.done_to);
        self.recorded = world.now();
        self.settle_state(no, &mut slice.record);
        lane::hold(&mut lane.record, world);
        Some(async move { Booked::Recorded(commit::record(world, lane, slice, rows).await) }.boxed())
    }

    fn give_back(&mut self, mut lane: Versioned<Lane>, no: SliceNo) -> Option<BoxFuture<'a, Booked>> {
        let (world, work) = (self.world, self.held.get(&no)?);
        let mut slice = work.slice.clone();
        let same = matches!(slice.record.state, SliceState::Done | SliceState::Uncertain | SliceState::Free);
        if same {
            self.held.remove(&no);
            self.lane = Some(lane);
            return self.next_operation();
        }
        self.settle_state(no, &mut slice.record);
        lane::hold(&mut lane.record, world);
        Some(async move { Booked::Recorded(commit::record(world, lane, slice, Vec::new()).await) }.boxed())
    }

    /// Sets the state that the slice is to have after the next write.
    fn settle_state(&self, no: SliceNo, slice: &mut Slice) {
        let Some(work) = self.held.get(&no) else { return };
        let lag = self.destination.features().search_lag * 3;
        let until = later(self.world.now(), self.world.times().lease);
        if work.complete() {
            (slice.state, slice.lease) = (SliceState::Done, None);
            slice.intended_to = slice.done_to;
        } else if work.open == 0 && work.recordable().0 == 0 && (work.doubt.is_some() || self.halt.is_some()) {
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

    fn leases_end_soon(&self, lane: &Versioned<Lane>) -> bool {
        let now = self.world.now();
        let needed = self.destination.features().request_limit + self.world.times().lease / 12;
        let ends = self.held.values().filter_map(|w| w.slice.record.lease.map(|l| l.until));
        let mut ends = ends.chain(lane.record.lease_until);
        ends.any(|end| until(now, end) <= needed)
    }

    fn renew(&self, mut lane: Versioned<Lane>) -> BoxFuture<'a, Booked> {
        let world = self.world;
        lane::hold(&mut lane.record, world);
        let end = later(world.now(), world.times().lease);
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
    fn look(&self, lane: Versioned<Lane>) -> BoxFuture<'a, Booked> {
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

    async fn booked(&mut self, booked: Booked) {
        match booked {
            Booked::Recorded(Ok((lane, slice))) => {
                self.lane = Some(lane);
                let no = slice.record.no;
                let rests = slice.record.state != SliceState::Leased;
                if let Some(work) = self.held.get_mut(&no) {
                    self.progress |= slice.record.done_to > work.slice.record.done_to;
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
                            Found::Unplanned => Some(later(self.world.now(), self.world.times().idle)),
                            Found::Done | Found::Slice(_) => None,
                        };
                        self.nothing = Some(nothing);
                    }
                    Err(LeaseError::Commit(error)) => self.failed(error),
                    Err(LeaseError::Destination(fault)) => self.troubled(fault),
                }
            }
        }
    }

    fn failed(&mut self, error: CommitError) {
        tracing::warn!(error = &error as &dyn std::error::Error, "A chunk gives its lane up without another write");
        self.halt(Halt::Lost);
    }

    // ---- the source ---------------------------------------------------------------------------------------------

    async fn begin(&mut self, mut work: Work) {
        let windows = work.hand_out(self.world.sizes());
        let job = job(&work, windows);
        self.held.insert(work.slice.record.no, work);
        self.give(job).await;
    }

    async fn give(&mut self, job: Job) {
        self.reading += 1;
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job).await;
        }
    }

    async fn heard(&mut self, event: Event) {
        match event {
            Event::Read(slice, fetched, memory) => self.read(slice, fetched, memory),
            Event::Short => self.flush = true,
            Event::Finished => self.reading = self.reading.saturating_sub(1),
            Event::Renumbered => {
                self.reading = self.reading.saturating_sub(1);
                self.halt(Halt::Renumbered);
            }
            Event::Failed(slice, fault) => {
                self.reading = self.reading.saturating_sub(1);
                let Remedy::RetryAfter(wait) = fault.remedy else { return self.halt(Halt::Stalled(fault)) };
                let again = later(self.world.now(), wait);
                if again >= self.stop_at {
                    return self.halt(Halt::Pause(fault, again));
                }
                if let Some(work) = self.held.get_mut(&slice) {
                    let mut windows = work.hand_out_again(self.world.sizes());
                    let suspect = windows.first().and_then(|w| w.first()).copied();
                    if let Some(uid) = suspect.filter(|u| work.tries.get(u).is_some_and(|n| *n >= TRIES)) {
                        windows.remove(0);
                        let octets = work.planned(uid).map_or(0, |m| m.octets);
                        let text = format!("the source broke off {TRIES} times at this message: {fault}");
                        work.resolve(row(uid, Outcome::Failed, "source.unreadable", &text, octets));
                    }
                    let job = job(work, windows);
                    self.give(job).await;
                }
            }
        }
    }

    fn read(&mut self, slice: SliceNo, fetched: Fetched, memory: Option<OwnedSemaphorePermit>) {
        let (uid, features) = (fetched.uid, self.destination.features());
        let Some(work) = self.held.get_mut(&slice) else { return };
        work.was_read(uid);
        let Some(planned) = work.planned(uid).copied() else { return };
        let leader = planned.leader.and_then(|l| work.leaders.get(&l).map(|d| (l, *d)));
        let case = Circumstances {
            key: work.key(uid),
            features,
            there: work.there.get(&uid),
            leader,
            now: self.world.now(),
            max_octets: self.migration.options.max_octets,
        };
        match decide(uid, planned.octets, fetched.outcome, &case) {
            Decision::Ended(row) => work.resolve(row),
            Decision::Store(_, _) if work.doubt.is_some() => {}
            Decision::Store(item, row) => {
                work.open += 1;
                self.parcels.push_back(Parcel { slice, item: *item, row, memory });
            }
        }
    }

    // ---- the destination ----------------------------------------------------------------------------------------

    /// Sends batches as long as requests are allowed, leases outlive them and their messages are intended.
    fn send(&mut self, answers: &mut Answers<'a>) {
        if self.halt.as_ref().is_some_and(|h| !matches!(h, Halt::Time)) {
            return self.drop_parcels();
        }
        let now = self.world.now();
        while answers.len() < self.throttle.limit(now) {
            let Some(batch) = self.next_batch(now) else { break };
            let Some(folder) =
                batch.first().and_then(|p| self.held.get(&p.slice)).and_then(|w| w.folder.destination.clone())
            else {
                break;
            };
            let destination = self.destination;
            let send = async move {
                let (items, rest): (Vec<NewItem>, Vec<_>) =
                    batch.into_iter().map(|p| (p.item, (p.slice, p.row, p.memory))).unzip();
                let stored = destination.store(&folder, &items).await;
                let back = items.into_iter().zip(rest);
                let parcels = back.map(|(item, (slice, row, memory))| Parcel { slice, item, row, memory }).collect();
                (parcels, stored)
            };
            answers.push(send.boxed());
        }
    }

    /// Takes the next batch: messages of one slice, as many as one request may have; nothing when it is worth waiting.
    fn next_batch(&mut self, now: Timestamp) -> Option<Vec<Parcel>> {
        let features = self.destination.features();
        let first = self.parcels.front()?;
        let work = self.held.get(&first.slice)?;
        let lease_left = work.slice.record.lease.map(|l| until(now, l.until)).unwrap_or_default();
        if lease_left <= features.request_limit || !work.may_send(first.item.key.uid) {
            return None;
        }
        let (slice, mut count, mut octets) = (first.slice, 0, 0);
        for parcel in &self.parcels {
            let size = parcel.item.raw.len() as u64;
            let fits = count == 0 || (count < features.max_batch_items && octets + size <= features.max_batch_octets);
            if parcel.slice != slice || !fits || !work.may_send(parcel.item.key.uid) {
                break;
            }
            (count, octets) = (count + 1, octets + size);
        }
        let full =
            count >= features.max_batch_items || count < self.parcels.len() || octets >= features.max_batch_octets;
        let all_read = self.reading == 0;
        if !full && !all_read && !self.flush && self.halt.is_none() {
            return None;
        }
        if count >= self.parcels.len() {
            self.flush = false;
        }
        Some(self.parcels.drain(..count).collect())
    }

    fn drop_parcels(&mut self) {
        for parcel in self.parcels.drain(..) {
            if let Some(work) = self.held.get_mut(&parcel.slice) {
                work.open = work.open.saturating_sub(1);
            }
        }
    }

    fn answered(&mut self, parcels: Vec<Parcel>, stored: Vec<Stored>) {
        let now = self.world.now();
        let (mut again, mut trouble, mut well) = (Vec::new(), None::<Fault>, true);
        let missing =
            || Stored::Unknown(Fault::retry(self.world.times().back_off, "destination.no_answer", "no answer"));
        let outcomes: Vec<Stored> =
            stored.into_iter().chain(std::iter::repeat_with(missing)).take(parcels.len()).collect();
        for (mut parcel, outcome) in parcels.into_iter().zip(outcomes) {
            let Some(work) = self.held.get_mut(&parcel.slice) else { continue };
            match outcome {
                Stored::Created(id) => {
                    work.open -= 1;
                    parcel.row.item = Some(id);
                    work.resolve(parcel.row);
                }
                Stored::Unknown(fault) => {
                    work.open -= 1;
                    let end = later(now, self.world.times().quarantine);
                    work.doubt = Some(work.doubt.map_or(end, |t| t.max(end)));
                    tracing::warn!(
                        error = &fault as &dyn std::error::Error,
                        "A request was not answered; its slice goes into quarantine"
                    );
                    well = false;
                }
                Stored::NotTried(fault) => {
                    trouble = worse(trouble, fault);
                    again.push(parcel);
                }
                Stored::Refused(fault) => {
                    let uid = parcel.item.key.uid;
                    let tries = work.tries.entry(uid).or_default();
                    *tries += 1;
                    match fault.remedy {
                        Remedy::RetryAfter(_) if *tries < TRIES => {
                            trouble = worse(trouble, fault);
                            again.push(parcel);
                        }
                        Remedy::GiveUp => {
                            trouble = worse(trouble, fault);
                            again.push(parcel);
                        }
                        Remedy::RetryAfter(_) | Remedy::SkipMessage => {
                            work.open -= 1;
                            let mut row = parcel.row;
                            (row.outcome, row.code, row.reason) =
                                (Outcome::Failed, fault.code.to_string(), fault.message.clone());
                            if fault.code.contains("too_large") {
                                row.outcome = Outcome::Skipped;
                            }
                            work.resolve(row);
                        }
                    }
                }
            }
        }
        for parcel in again.into_iter().rev() {
            self.parcels.push_front(parcel);
        }
        self.drop_doubted();
        match trouble {
            Some(fault) => self.troubled(fault),
            None if well => self.throttle.succeeded(),
            None => {}
        }
    }

    /// Messages of a doubted slice are not sent: whoever settles it reads them again.
    fn drop_doubted(&mut self) {
        let held = &mut self.held;
        self.parcels.retain(|parcel| match held.get_mut(&parcel.slice) {
            Some(work) if work.doubt.is_some() => {
                work.open = work.open.saturating_sub(1);
                false
            }
            _ => true,
        });
    }

    fn troubled(&mut self, fault: Fault) {
        let now = self.world.now();
        match fault.remedy {
            Remedy::RetryAfter(wait) => {
                self.throttle.refused(now, wait.max(self.world.times().back_off));
                self.flush = true;
                if let Some(again) = self.throttle.resume_at(now).filter(|t| *t >= self.stop_at) {
                    self.halt(Halt::Pause(fault, again));
                }
            }
            Remedy::SkipMessage | Remedy::GiveUp => self.halt(Halt::Stalled(fault)),
        }
    }

    // ---- the end ------------------------------------------------------------------------------------------------

    fn ended(self) -> Ended {
        let Some(lane) = self.lane else { return Ended::Lost };
        let progress = self.progress;
        let next = match self.halt {
            Some(Halt::Lost) => return Ended::Lost,
            Some(Halt::Stalled(fault)) => return Ended::Stalled { lane, fault },
            Some(Halt::Renumbered) => return Ended::Renumbered { lane },
            Some(Halt::Stopped) => return Ended::Stopped { lane },
            Some(Halt::Pause(fault, until)) => pause(&fault, until),
            Some(Halt::Time) => Next::time(),
            None => match self.nothing {
                Some(Found::Wait(until)) => idle(until),
                Some(Found::Unplanned) => idle(later(self.world.now(), self.world.times().idle)),
                Some(Found::Done | Found::Slice(_)) | None => Next::Ended,
            },
        };
        Ended::Next { lane, next, progress }
    }
}

fn idle(until: Timestamp) -> Next {
    Next::Continue { reason: Reason::Idle, not_before: Some(until), waits: None }
}

fn worse(known: Option<Fault>, new: Fault) -> Option<Fault> {
    let rank = |fault: &Fault| match fault.remedy {
        Remedy::RetryAfter(wait) => (0, wait),
        Remedy::SkipMessage | Remedy::GiveUp => (1, std::time::Duration::ZERO),
    };
    match known {
        Some(known) if rank(&known) >= rank(&new) => Some(known),
        _ => Some(new),
    }
}

fn job(work: &Work, windows: Vec<Vec<Uid>>) -> Job {
    Job {
        slice: work.slice.record.no,
        folder: work.folder.wire.clone(),
        uidvalidity: work.folder.uidvalidity,
        windows: windows.into(),
    }
}

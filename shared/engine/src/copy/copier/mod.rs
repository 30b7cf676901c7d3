//! The loop of a copying chunk.

mod booking;
mod reading;
mod sending;

use super::Ended;
use super::budget::Budget;
use super::commit::CommitError;
use super::lease::{self, Found, LeaseError};
use super::reader::{self, Event, Job, Limits, Memory};
use super::rescue::Shelf;
use super::work::Work;
use crate::chunk;
use crate::lane::Next;
use crate::throttle::Throttle;
use crate::world::{World, later, until};
use futures_util::future::{BoxFuture, Either, FutureExt as _, OptionFuture, ready, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::SliceNo;
use mailcrane_core::manifest::Row;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::{Destination, Stored};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::record::{Account, Lane, Migration, Slice, Versioned};
use mailcrane_core::token::Reason;
use mailcrane_core::uid::Uid;
use mailcrane_core::{Fault, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
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

/// A request that is over.
struct Answered {
    parcels: Vec<Parcel>,
    stored: Vec<Stored>,
    begun: Timestamp,
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

/// Copies until the time is over or there is nothing more to do. Returns when every request is answered, with what is
/// left to do at the source: signing out.
pub async fn run<'a, W: World, E: Ends, B: Blobs>(
    world: &'a W,
    ends: &'a E,
    shelf: Option<&'a Shelf<B>>,
    migration: &'a Migration,
    account: &'a Account,
    lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> (Ended, BoxFuture<'a, ()>) {
    let budget = match Budget::of(world, account).await {
        Ok(budget) => budget,
        Err(error) => return (at_once(world, lane, Fault::from(error)), ready(()).boxed()),
    };
    if let Some((fault, until)) = budget.spent(world.now()) {
        return (Ended::Next { lane, next: pause(&fault, until), progress: false }, ready(()).boxed());
    }
    // A lane that will hardly find anything signs in to the source only when it has.
    let likely = account.pass.slices > u32::from(lane.record.no.0);
    let (destination, source) = open(ends, migration, account, likely).await;
    let destination = match destination {
        Ok(destination) => destination,
        Err(fault) => return (at_once(world, lane, fault), ready(()).boxed()),
    };
    let (jobs, orders) = channel::<Job>(HELD);
    let (events, news) = channel::<Event>(64);
    let stop = Arc::new(AtomicBool::new(false));
    let features = destination.features();
    let limits = Limits {
        memory: Memory::of(world.sizes().memory_octets),
        features: features.clone(),
        keep_octets: features.max_message.min(migration.options.max_octets.unwrap_or(u64::MAX)),
        stop: stop.clone(),
    };
    let copier = Copier {
        world,
        destination: &destination,
        migration,
        stop_at,
        overdue_at: later(stop_at, world.times().reserve / 2),
        lease: lease::length(world, &destination),
        stop,
        jobs: Some(jobs),
        lane: Some(lane),
        held: BTreeMap::new(),
        reading: 0,
        parcels: VecDeque::new(),
        too_large: VecDeque::new(),
        rescues: shelf.is_some() && migration.options.rescue_oversize,
        unsettled: BTreeSet::new(),
        flush: false,
        throttle: Throttle::new(world.sizes().requests.0, world.sizes().requests.1),
        halt: None,
        budget,
        spent: None,
        nothing: None,
        again_at: None,
        progress: false,
        trouble: None,
        looked: world.now(),
        recorded: world.now(),
    };
    let reader = reader::run(world, (ends, migration, account), shelf, source, orders, events, limits).boxed();
    match select(pin!(copier.work(news)), reader).await {
        // Who has nothing more to say to the source signs out; one that does not answer is hung up on.
        Either::Left((ended, reader)) => {
            let patience = world.clock().sleep(world.times().reserve / 6).boxed();
            (ended, select(reader, patience).map(drop).boxed())
        }
        Either::Right(((), copier)) => (copier.await, ready(()).boxed()),
    }
}

/// Opens the destination. The source, if it is wanted, is opened meanwhile, and may still be when this returns: the first
/// slice is leased then.
async fn open<'a, E: Ends>(
    ends: &'a E,
    migration: &'a Migration,
    account: &'a Account,
    wanted: bool,
) -> (Result<E::Destination, Fault>, Option<BoxFuture<'a, Result<E::Source, Fault>>>) {
    let destination = ends.destination(migration, account).boxed();
    if !wanted {
        return (destination.await, None);
    }
    match select(destination, ends.source(migration, account).boxed()).await {
        Either::Left((destination, source)) => (destination, Some(source)),
        Either::Right((source, destination)) => (destination.await, Some(ready(source).boxed())),
    }
}

fn at_once<W: World>(world: &W, lane: Versioned<Lane>, fault: Fault) -> Ended {
    match fault.remedy {
        Remedy::RetryAfter(wait) => {
            let next = chunk::trouble(world, &fault, wait, lane.record.idle_chunks);
            Ended::Next { lane, next, progress: false }
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
    /// When nothing is waited for any more, and connections are closed.
    overdue_at: Timestamp,
    /// How long leases are taken: longer than a request, so that one can be begun.
    lease: std::time::Duration,
    stop: Arc<AtomicBool>,
    jobs: Option<Sender<Job>>,
    /// Absent while a table operation has it.
    lane: Option<Versioned<Lane>>,
    held: BTreeMap<SliceNo, Work>,
    /// Jobs that the reader has not finished.
    reading: usize,
    parcels: VecDeque<Parcel>,
    /// What the destination has refused as too large and is to be read into the bucket.
    too_large: VecDeque<(SliceNo, Uid)>,
    /// Whether there is a bucket for that.
    rescues: bool,
    /// Slices with a listing of what may be ours, while requests that were in flight meanwhile are not answered.
    unsettled: BTreeSet<SliceNo>,
    flush: bool,
    throttle: Throttle,
    halt: Option<Halt>,
    /// What may be read today.
    budget: Budget,
    /// Why and until when the lane rests after this chunk.
    spent: Option<(Fault, Timestamp)>,
    /// What the last search for a slice found instead of one.
    nothing: Option<Found>,
    /// When to search again.
    again_at: Option<Timestamp>,
    progress: bool,
    /// What an end failed with since something was recorded last.
    trouble: Option<(Fault, std::time::Duration)>,
    looked: Timestamp,
    recorded: Timestamp,
}

type Answers<'a> = FuturesUnordered<BoxFuture<'a, Answered>>;

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
            self.rescue().await;
            self.send(&mut answers);
            if !busy && answers.is_empty() && self.finished() {
                self.budget.book(self.world).await;
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
                Some(answered) = answers.next(), if !answers.is_empty() => self.answered(answered),
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
        self.world.now() >= self.overdue_at
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

    // ---- the end ------------------------------------------------------------------------------------------------

    fn ended(self) -> Ended {
        let Some(lane) = self.lane else { return Ended::Lost };
        let progress = self.progress;
        let next = match self.halt {
            Some(Halt::Lost) => return Ended::Lost,
            Some(Halt::Stalled(fault)) => return Ended::Stalled { lane, fault },
            Some(Halt::Renumbered) => return Ended::Renumbered { lane },
            Some(Halt::Stopped) => return Ended::Stopped { lane },
            Some(Halt::Pause(fault, again)) => {
                let wait = until(self.world.now(), again);
                chunk::trouble(self.world, &fault, wait, lane.record.idle_chunks)
            }
            Some(Halt::Time) => match (self.spent, &self.trouble) {
                (Some((fault, until)), _) => pause(&fault, until),
                (None, Some((fault, wait))) => chunk::trouble(self.world, fault, *wait, lane.record.idle_chunks),
                (None, None) => Next::time(),
            },
            None => match self.nothing {
                Some(Found::Wait(until)) => idle(until),
                Some(Found::Unplanned) => idle(later(self.world.now(), self.world.times().idle)),
                Some(Found::Others | Found::Done | Found::Slice(_)) | None => Next::Ended,
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
        prefix: work.folder.prefix,
        windows: windows.into(),
        rescue: None,
    }
}

//! The reader: one session at the source, told what to read, pushing back when memory is short.

use crate::world::World;
use mailcrane_core::Fault;
use mailcrane_core::fault::Remedy;
use mailcrane_core::folder::WireName;
use mailcrane_core::id::SliceNo;
use mailcrane_core::message::Fetched;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Admission, FetchFeed, Source};
use mailcrane_core::record::{Account, Migration};
use mailcrane_core::uid::{Uid, UidValidity};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of the memory budget.
const UNIT: u64 = 1024;

/// What the reader is told to read.
#[derive(Debug)]
pub(super) struct Job {
    /// The slice.
    pub slice: SliceNo,
    /// Its folder.
    pub folder: WireName,
    /// What UIDVALIDITY must be.
    pub uidvalidity: UidValidity,
    /// The windows.
    pub windows: VecDeque<Vec<Uid>>,
}

/// What the reader tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A message was read; the permit holds its memory.
    Read(SliceNo, Fetched, Option<OwnedSemaphorePermit>),
    /// Memory is short: what is collected must be sent now.
    Short,
    /// Everything of a job was read, or the stop came before its rest.
    Finished,
    /// The source failed in the middle of a job.
    Failed(SliceNo, Fault, Broke),
    /// UIDVALIDITY is another one: the UIDs of the job mean nothing any more.
    Renumbered,
}

/// Where a source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broke {
    /// Before it brought anything: no message is to blame.
    Before,
    /// While messages were read.
    Reading,
}

/// The budget of memory for messages that were read and not stored yet.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    semaphore: Arc<Semaphore>,
    units: u32,
}

impl Memory {
    /// Makes a budget of that many octets.
    #[must_use]
    pub(super) fn of(octets: u64) -> Self {
        let units = u32::try_from(octets / UNIT).unwrap_or(u32::MAX).max(1);
        Self { semaphore: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes what a message needs, at most everything there is, so that one larger message is let in alone.
    async fn take(&self, octets: u64, short: impl Future<Output = ()> + Send) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(octets / UNIT + 1).unwrap_or(u32::MAX).min(self.units);
        if let Ok(permit) = self.semaphore.clone().try_acquire_many_owned(units) {
            return Some(permit);
        }
        short.await;
        self.semaphore.clone().acquire_many_owned(units).await.ok()
    }
}

/// Reads jobs until there are no more, over the session that was opened already where there is one. After a passing
/// fault it opens a new one.
pub(super) async fn run<W: World, E: Ends>(
    world: &W,
    (ends, migration, account): (&E, &Migration, &Account),
    mut opened: Option<Result<E::Source, Fault>>,
    mut jobs: Receiver<Job>,
    events: Sender<Event>,
    limits: Limits,
) {
    let mut session: Option<E::Source> = None;
    let mut open: Option<WireName> = None;
    let mut failures = 0;
    while let Some(job) = jobs.recv().await {
        let slice = job.slice;
        let mut broke = Broke::Before;
        let done = async {
            let session = match &mut session {
                Some(session) => session,
                none => {
                    let source = match opened.take() {
                        Some(opened) => opened,
                        None => ends.source(migration, account).await,
                    };
                    none.insert(source?)
                }
            };
            if open.as_ref() != Some(&job.folder) {
                open = None;
                let examined = session.examine(&job.folder).await?;
                if examined.uidvalidity != job.uidvalidity {
                    let _ = events.send(Event::Renumbered).await;
                    return Ok(());
                }
                open = Some(job.folder.clone());
            }
            let mut feed = Feed {
                slice,
                windows: job.windows,
                events: &events,
                limits: &limits,
                permits: None,
                broke: &mut broke,
            };
            session.fetch(&mut feed).await
        };
        match done.await {
            Ok(()) => {
                failures = 0;
                let _ = events.send(Event::Finished).await;
            }
            Err(fault) => {
                let retry = match fault.remedy {
                    Remedy::RetryAfter(wait) => Some(wait.max(world.times().back_off * 2u32.pow(failures.min(6)))),
                    Remedy::SkipMessage | Remedy::GiveUp => None,
                };
                failures += 1;
                (session, open) = (None, None);
                if broke == Broke::Reading {
                    failures = 1;
                }
                let _ = events.send(Event::Failed(slice, fault, broke)).await;
                if let Some(wait) = retry {
                    world.clock().sleep(wait).await;
                }
            }
        }
    }
    if let Some(session) = session.or(opened.and_then(Result::ok)) {
        session.close().await;
    }
}

/// What limits a reader.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The memory.
    pub memory: Memory,
    /// A larger message is read through without being kept.
    pub keep_octets: u64,
    /// Set when no further window is to be begun.
    pub stop: Arc<AtomicBool>,
}

struct Feed<'a> {
    slice: SliceNo,
    windows: VecDeque<Vec<Uid>>,
    events: &'a Sender<Event>,
    limits: &'a Limits,
    permits: Option<OwnedSemaphorePermit>,
    broke: &'a mut Broke,
}

impl FetchFeed for Feed<'_> {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        if self.limits.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.windows.pop_front()
    }

    async fn admit(&mut self, octets: u64) -> Admission {
        if octets > self.limits.keep_octets {
            return Admission::Drain;
        }
        *self.broke = Broke::Reading;
        // What was let in and never handed over holds no memory any more.
        self.permits = None;
        let short = async {
            let _ = self.events.send(Event::Short).await;
        };
        self.permits = self.limits.memory.take(octets, short).await;
        Admission::Keep
    }

    async fn put(&mut self, fetched: Fetched) {
        let _ = self.events.send(Event::Read(self.slice, fetched, self.permits.take())).await;
    }
}

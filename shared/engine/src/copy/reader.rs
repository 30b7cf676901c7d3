//! The reader: one session at the source, told what to read, pushing back when memory is short.

use super::decision;
use super::rescue::{Rescue, Rescued, Shelf};
use crate::world::World;
use bytes::Bytes;
use futures_util::future::{BoxFuture, OptionFuture};
use mailcrane_core::Fault;
use mailcrane_core::fault::Remedy;
use mailcrane_core::folder::WireName;
use mailcrane_core::id::SliceNo;
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::{FetchOutcome, Fetched};
use mailcrane_core::ports::blobs::{Blobs, PART};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::Features;
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
    /// What the keys of its messages begin with.
    pub prefix: KeyPrefix,
    /// The windows.
    pub windows: VecDeque<Vec<Uid>>,
    /// Why its messages go into the bucket, whatever their lengths: the destination has refused them as too large.
    pub rescue: Option<String>,
}

/// What the reader tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A message was read, and perhaps rescued; the permit holds its memory.
    Read(SliceNo, Fetched, Option<Rescued>, Option<OwnedSemaphorePermit>),
    /// Memory is short: what is collected must be sent now.
    Short,
    /// Everything of a job was read, or the stop came before its rest.
    Finished,
    /// The source failed in the middle of a job; the last tells whether that was one for the bucket.
    Failed(SliceNo, Fault, Broke, bool),
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

/// Reads jobs until there are no more, over the session that is being opened already where there is one. After a passing
/// fault it opens a new one.
pub(super) async fn run<W: World, E: Ends, B: Blobs>(
    world: &W,
    (ends, migration, account): (&E, &Migration, &Account),
    shelf: Option<&Shelf<B>>,
    opening: Option<BoxFuture<'_, Result<E::Source, Fault>>>,
    mut jobs: Receiver<Job>,
    events: Sender<Event>,
    limits: Limits,
) {
    let mut opened = OptionFuture::from(opening).await;
    let mut session: Option<E::Source> = None;
    let mut open: Option<WireName> = None;
    let mut failures = 0;
    while let Some(job) = jobs.recv().await {
        let (slice, rescue) = (job.slice, job.rescue.is_some());
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
            let mut feed = Feed {
                slice,
                windows: job.windows,
                events: &events,
                limits: &limits,
                migration,
                prefix: job.prefix,
                shelf,
                refused: job.rescue,
                rescuing: Rescuing::Not,
                permits: None,
                broke: &mut broke,
                trouble: None,
            };
            let same = if open.as_ref() == Some(&job.folder) {
                session.fetch(&mut feed).await.map(|()| true)
            } else {
                open = None;
                session.fetch_of(&job.folder, job.uidvalidity, &mut feed).await
            };
            match (same?, feed.trouble.take()) {
                (_, Some(fault)) => {
                    // The bucket is to blame, no message.
                    *feed.broke = Broke::Before;
                    Err(fault)
                }
                (same, None) => Ok(same),
            }
        };
        match done.await {
            Ok(true) => {
                (failures, open) = (0, Some(job.folder));
                let _ = events.send(Event::Finished).await;
            }
            Ok(false) => {
                (session, open) = (None, None);
                let _ = events.send(Event::Renumbered).await;
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
                let _ = events.send(Event::Failed(slice, fault, broke, rescue)).await;
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
    /// What the destination can take.
    pub features: Features,
    /// Set when no further window is to be begun.
    pub stop: Arc<AtomicBool>,
}

/// What becomes of the body that is read through at the moment.
enum Rescuing<U> {
    /// It is only named.
    Not,
    /// It is to be kept; nothing of it has come.
    Wanted,
    /// It is on its way into the bucket.
    Under(Box<Rescue<U>>),
    /// The bucket failed.
    Failed(Fault),
}

struct Feed<'a, B: Blobs> {
    slice: SliceNo,
    windows: VecDeque<Vec<Uid>>,
    events: &'a Sender<Event>,
    limits: &'a Limits,
    migration: &'a Migration,
    prefix: KeyPrefix,
    shelf: Option<&'a Shelf<B>>,
    /// Why everything is kept in the bucket, when it is.
    refused: Option<String>,
    rescuing: Rescuing<B::Upload>,
    permits: Option<OwnedSemaphorePermit>,
    broke: &'a mut Broke,
    /// What the bucket failed with; the message is read again.
    trouble: Option<Fault>,
}

impl<B: Blobs> Feed<'_, B> {
    /// Returns the bucket when a message of that length is to be kept there, should it be too large.
    fn shelf_for(&self, octets: u64) -> Option<&Shelf<B>> {
        let wanted = self.migration.options.max_octets.is_none_or(|most| octets <= most);
        self.shelf.filter(|_| wanted && self.migration.options.rescue_oversize)
    }

    async fn room(&mut self, octets: u64) {
        *self.broke = Broke::Reading;
        // What was let in and never handed over holds no memory any more.
        self.permits = None;
        let short = async {
            let _ = self.events.send(Event::Short).await;
        };
        self.permits = self.limits.memory.take(octets, short).await;
    }

    async fn begin(&mut self, uid: Uid) -> Rescuing<B::Upload> {
        let Some(shelf) = self.shelf else { return Rescuing::Not };
        match Rescue::begin(shelf, self.migration, self.prefix, uid).await {
            Ok(rescue) => Rescuing::Under(Box::new(rescue)),
            Err(fault) => Rescuing::Failed(fault),
        }
    }

    async fn keep(&mut self, piece: &[u8]) {
        if let Rescuing::Under(rescue) = &mut self.rescuing
            && let Err(fault) = rescue.take(piece).await
        {
            self.rescuing = Rescuing::Failed(fault);
        }
    }

    /// Ends what is on its way into the bucket; the fault is the bucket's.
    async fn kept(&mut self, why: impl FnOnce() -> String) -> Result<Option<Rescued>, Fault> {
        match std::mem::replace(&mut self.rescuing, Rescuing::Not) {
            Rescuing::Not | Rescuing::Wanted => Ok(None),
            Rescuing::Under(rescue) => rescue.finish(why()).await.map(Some),
            Rescuing::Failed(fault) => Err(fault),
        }
    }

    /// Keeps a message that was read into memory and turns out to be too large: it becomes one that was read through.
    async fn too_large_after_all(&mut self, fetched: &mut Fetched) -> Result<Option<Rescued>, Fault> {
        let FetchOutcome::Message(message) = &fetched.outcome else { return Ok(None) };
        let octets = message.raw.len() as u64;
        let features = &self.limits.features;
        if octets < features.max_attachment.min(features.max_message) || self.shelf_for(octets).is_none() {
            return Ok(None);
        }
        let facts = mailcrane_mime::facts(&message.raw);
        let Some((_, why)) = decision::too_large(&facts, features) else { return Ok(None) };
        let message = message.clone();
        self.rescuing = self.begin(fetched.uid).await;
        self.keep(&message.raw).await;
        let rescued = self.kept(|| why).await?;
        let (flags, received, gmail_labels) = (message.flags, message.received, message.gmail_labels);
        fetched.outcome = FetchOutcome::Drained { octets, digest: facts.digest, flags, received, gmail_labels };
        Ok(rescued)
    }
}

impl<B: Blobs> FetchFeed for Feed<'_, B> {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        if self.limits.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.windows.pop_front()
    }

    async fn admit(&mut self, octets: u64) -> Admission {
        self.rescuing = Rescuing::Not;
        if octets > self.limits.keep_octets || self.refused.is_some() {
            if self.shelf_for(octets).is_some() {
                self.room(PART as u64).await;
                self.rescuing = Rescuing::Wanted;
            }
            return Admission::Drain;
        }
        self.room(octets).await;
        Admission::Keep
    }

    async fn pass(&mut self, uid: Option<Uid>, piece: &Bytes) {
        if let (Rescuing::Wanted, Some(uid)) = (&self.rescuing, uid) {
            self.rescuing = self.begin(uid).await;
        }
        self.keep(piece).await;
    }

    async fn put(&mut self, mut fetched: Fetched) {
        let most = self.limits.features.max_message;
        let rescued = match &fetched.outcome {
            FetchOutcome::Drained { octets, .. } => {
                let octets = *octets;
                let refused = self.refused.clone();
                self.kept(|| refused.unwrap_or_else(|| decision::too_long(octets, most))).await
            }
            _ => self.too_large_after_all(&mut fetched).await,
        };
        match rescued {
            Ok(rescued) => {
                let _ = self.events.send(Event::Read(self.slice, fetched, rescued, self.permits.take())).await;
            }
            Err(fault) => {
                self.permits = None;
                self.trouble = Some(fault);
            }
        }
    }
}

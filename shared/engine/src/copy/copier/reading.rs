//! What a chunk hears from its reader.

use super::{Copier, Halt, Parcel, TRIES, job};
use crate::copy::decision::{Circumstances, Decision, decide, row};
use crate::copy::reader::{Broke, Event, Job};
use crate::copy::rescue::Rescued;
use crate::copy::work::Work;
use crate::world::{World, later};
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::SliceNo;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::message::{FetchOutcome, Fetched};
use mailcrane_core::ports::destination::Destination;
use mailcrane_core::uid::Uid;
use tokio::sync::OwnedSemaphorePermit;

/// Returns how much of the source a fetch has cost.
fn read_octets(outcome: &FetchOutcome) -> u64 {
    match outcome {
        FetchOutcome::Message(message) => message.raw.len() as u64,
        FetchOutcome::Drained { octets, .. } => *octets,
        FetchOutcome::Vanished | FetchOutcome::Unreadable { .. } => 0,
    }
}

impl<'a, W: World, D: Destination> Copier<'a, W, D> {
    pub(super) async fn begin(&mut self, mut work: Work) {
        let windows = work.hand_out(self.world.sizes());
        let job = job(&work, windows);
        if !work.strays.is_empty() {
            // What the other slices of this chunk answer for and have not recorded yet is no stray.
            let others: Vec<_> = self.held.values().flat_map(Work::copied).collect();
            work.strays.account_for(&others, self.destination.features());
            self.unsettled.insert(work.slice.record.no);
        }
        self.held.insert(work.slice.record.no, work);
        self.give(job).await;
    }

    pub(super) async fn give(&mut self, job: Job) {
        self.reading += 1;
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job).await;
        }
    }

    /// Has the next message that was refused as too large read once more, into the bucket. The reader has room for the
    /// job, or it waits.
    pub(super) async fn rescue(&mut self) {
        while self.reading < 2 && self.halt.is_none() {
            let Some((slice, uid)) = self.too_large.pop_front() else { return };
            let Some(work) = self.held.get(&slice).filter(|work| work.doubt.is_none()) else { continue };
            let Some(why) = work.refusal(uid).cloned() else { continue };
            let job = Job { rescue: Some(why), ..job(work, vec![vec![uid]]) };
            self.give(job).await;
        }
    }

    pub(super) async fn heard(&mut self, event: Event) {
        match event {
            Event::Read(slice, fetched, rescued, memory) => self.read(slice, fetched, rescued.as_ref(), memory),
            Event::Short => self.flush = true,
            Event::Finished => self.reading = self.reading.saturating_sub(1),
            Event::Renumbered => {
                self.reading = self.reading.saturating_sub(1);
                self.halt(Halt::Renumbered);
            }
            Event::Failed(slice, fault, broke, rescue) => {
                self.reading = self.reading.saturating_sub(1);
                if fault.code == "source.folder_gone" {
                    return self.gone(slice);
                }
                let Remedy::RetryAfter(wait) = fault.remedy else { return self.halt(Halt::Stalled(fault)) };
                let again = later(self.world.now(), wait);
                if again >= self.stop_at {
                    return self.halt(Halt::Pause(fault, again));
                }
                let text = fault.to_string();
                self.trouble = Some((fault, wait));
                if rescue {
                    return self.rescue_again(slice, broke, &text);
                }
                if let Some(work) = self.held.get_mut(&slice) {
                    let mut windows = work.hand_out_again(self.world.sizes());
                    let suspect = windows.first().and_then(|w| w.first()).copied();
                    if let Some(uid) = suspect.filter(|_| broke == Broke::Reading) {
                        *work.tries.entry(uid).or_default() += 1;
                    }
                    if let Some(uid) = suspect.filter(|u| work.tries.get(u).is_some_and(|n| *n >= TRIES)) {
                        windows.remove(0);
                        let octets = work.planned(uid).map_or(0, |m| m.octets);
                        let text = format!("the source broke off {TRIES} times at this message: {text}");
                        work.resolve(row(uid, Outcome::Failed, "source.unreadable", &text, octets));
                    }
                    let job = job(work, windows);
                    self.give(job).await;
                }
            }
        }
    }

    /// A message did not come into the bucket: it is tried again, but one at which the source breaks off each time is left
    /// out.
    fn rescue_again(&mut self, slice: SliceNo, broke: Broke, text: &str) {
        let Some(work) = self.held.get_mut(&slice) else { return };
        let waiting = |uid: &Uid| self.too_large.iter().any(|(no, queued)| (*no, *queued) == (slice, *uid));
        let lost: Vec<Uid> = work.refused().filter(|uid| !waiting(uid)).collect();
        for uid in lost {
            let tries = work.tries.entry(uid).or_default();
            *tries += u32::from(broke == Broke::Reading);
            if *tries < TRIES * 2 {
                self.too_large.push_back((slice, uid));
                continue;
            }
            let why = work.refusal(uid).cloned().unwrap_or_default();
            let why = format!("{why}; it could not be kept either: {text}");
            let octets = work.planned(uid).map_or(0, |m| m.octets);
            work.resolve(row(uid, Outcome::Skipped, "destination.too_large", &why, octets));
        }
    }

    /// The folder was deleted or renamed since it was planned: what was not read of it has failed, so that a delta
    /// looks for it under the new name.
    fn gone(&mut self, slice: SliceNo) {
        let sizes = self.world.sizes();
        let Some(work) = self.held.get_mut(&slice) else { return };
        let text =
            "the folder was deleted or renamed in the source while it was copied; a delta copies what is left of it";
        let refused: Vec<Uid> = work.refused().collect();
        for uid in work.hand_out_again(sizes).into_iter().flatten().chain(refused) {
            let octets = work.planned(uid).map_or(0, |m| m.octets);
            work.resolve(row(uid, Outcome::Failed, "source.folder_gone", text, octets));
        }
    }

    /// Reads no further when the day's budget is used up. What was read already is still stored.
    pub(super) fn spend(&mut self) {
        if self.halt.is_none()
            && let Some(spent) = self.budget.spent(self.world.now())
        {
            self.spent = Some(spent);
            self.halt(Halt::Time);
        }
    }

    pub(super) fn read(
        &mut self,
        slice: SliceNo,
        fetched: Fetched,
        rescued: Option<&Rescued>,
        memory: Option<OwnedSemaphorePermit>,
    ) {
        self.budget.count(read_octets(&fetched.outcome));
        self.spend();
        let (uid, features) = (fetched.uid, self.destination.features());
        let Some(work) = self.held.get_mut(&slice) else { return };
        if !work.was_read(uid) {
            return;
        }
        let Some(planned) = work.planned(uid).copied() else { return };
        let leader = planned.leader.and_then(|l| work.leaders.get(&l).map(|d| (l, *d)));
        let folder = work.folder.path.join("/");
        let case = Circumstances {
            key: work.key(uid),
            folder: &folder,
            features,
            there: work.there.get(&uid),
            leader,
            now: self.world.now(),
            max_octets: self.migration.options.max_octets,
            rescued,
            rescues: self.rescues,
            language: &self.migration.language,
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
}

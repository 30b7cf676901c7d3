//! What a chunk sends to the destination, and what it makes of the answers.

use super::{Answered, Answers, Copier, Halt, Parcel, TRIES, worse};
use crate::copy::work::Work;
use crate::world::{World, later, until};
use futures_util::future::FutureExt as _;
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::SliceNo;
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Destination, Stored};
use mailcrane_core::{Fault, Timestamp};

impl<'a, W: World, D: Destination> Copier<'a, W, D> {
    /// Sends batches as long as requests are allowed, leases outlive them and their messages are intended.
    pub(super) fn send(&mut self, answers: &mut Answers<'a>) {
        self.claim_strays(answers.is_empty());
        if self.halt.as_ref().is_some_and(|h| !matches!(h, Halt::Time)) {
            return self.drop_parcels();
        }
        let now = self.world.now();
        if self.halt.is_some() {
            self.drop_unsendable();
        }
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
                Answered { parcels, stored, begun: now }
            };
            answers.push(send.boxed());
        }
    }

    /// What lies at a destination without keys already is not sent again. Before anything is claimed from a listing,
    /// every request that was in flight meanwhile has its answer: what it stored is nobody else's.
    fn claim_strays(&mut self, answered: bool) {
        if !self.unsettled.is_empty() && !answered {
            return;
        }
        self.unsettled.clear();
        if self.held.values().all(|work| work.strays.is_empty()) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.parcels);
        waiting.retain(|parcel| {
            let claim = |work: &mut Work| work.strays.claim(&parcel.row, parcel.item.received, self.rescues);
            let Some(id) = self.held.get_mut(&parcel.slice).and_then(claim) else { return true };
            self.held.values_mut().for_each(|work| work.strays.forget(&id));
            if let Some(work) = self.held.get_mut(&parcel.slice) {
                work.open = work.open.saturating_sub(1);
                let mut row = parcel.row.clone();
                row.item = Some(id);
                work.resolve(row);
            }
            false
        });
        self.parcels = waiting;
    }

    /// Notes that an item belongs to a message: for slices whose listing was made while it was in flight it is no stray.
    fn is_ours(&mut self, slice: SliceNo, row: &Row) {
        let features = self.destination.features();
        for no in self.unsettled.iter().filter(|no| **no != slice) {
            if let Some(work) = self.held.get_mut(no) {
                work.strays.account_for(std::slice::from_ref(row), features);
            }
        }
    }

    /// Takes the next batch: messages of one slice, as many as one request may have; nothing when it is worth waiting.
    pub(super) fn next_batch(&mut self, now: Timestamp) -> Option<Vec<Parcel>> {
        if !self.unsettled.is_empty() {
            return None;
        }
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

    pub(super) fn drop_parcels(&mut self) {
        for parcel in self.parcels.drain(..) {
            if let Some(work) = self.held.get_mut(&parcel.slice) {
                work.open = work.open.saturating_sub(1);
            }
        }
    }

    /// Once the time is over, nothing more is intended and no slice is leased again: what waits for that is not sent. A request
    /// that is begun late would not be answered before connections are closed.
    fn drop_unsendable(&mut self) {
        let begun_in_time = later(self.stop_at, self.world.times().reserve / 10) >= self.world.now();
        let held = &mut self.held;
        self.parcels.retain(|parcel| {
            let Some(work) = held.get_mut(&parcel.slice) else { return false };
            let sendable = begun_in_time && work.slice.record.lease.is_some() && work.may_send(parcel.item.key.uid);
            if !sendable {
                work.open = work.open.saturating_sub(1);
            }
            sendable
        });
    }

    pub(super) fn answered(&mut self, Answered { parcels, stored, begun }: Answered) {
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
                    work.resolve(parcel.row.clone());
                    self.is_ours(parcel.slice, &parcel.row);
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
                            let too_large = fault.code.contains("too_large");
                            if too_large && self.rescues && row.outcome == Outcome::Copied {
                                work.refuse(uid, fault.message);
                                self.too_large.push_back((parcel.slice, uid));
                                continue;
                            }
                            (row.outcome, row.code, row.reason) =
                                (Outcome::Failed, fault.code.to_string(), fault.message.clone());
                            if too_large {
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
            None if well && self.destination.features().parallel => self.throttle.succeeded(),
            None if well => self.throttle.answered_in(until(begun, now)),
            None => {}
        }
    }

    /// Messages of a doubted slice are not sent: whoever settles it reads them again.
    pub(super) fn drop_doubted(&mut self) {
        let held = &mut self.held;
        self.parcels.retain(|parcel| match held.get_mut(&parcel.slice) {
            Some(work) if work.doubt.is_some() => {
                work.open = work.open.saturating_sub(1);
                false
            }
            _ => true,
        });
    }

    pub(super) fn troubled(&mut self, fault: Fault) {
        let now = self.world.now();
        match fault.remedy {
            Remedy::RetryAfter(wait) => {
                self.throttle.refused(now, wait.max(self.world.times().back_off));
                self.flush = true;
                match self.throttle.resume_at(now).filter(|t| *t >= self.stop_at) {
                    Some(again) => self.halt(Halt::Pause(fault, again)),
                    None => self.trouble = Some((fault, wait)),
                }
            }
            Remedy::SkipMessage | Remedy::GiveUp => self.halt(Halt::Stalled(fault)),
        }
    }
}

//! Stores messages: batches, their replies item by item, and smaller pieces where a batch as a whole was refused.

use std::collections::{BTreeMap, VecDeque};

use mailcrane_core::fault::Fault;
use mailcrane_core::folder::FolderId;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Features, ItemId, Stored};
use tokio::time::Instant;

use crate::failure::{Effect, Failure};
use crate::message::to_store;
use crate::search;
use crate::session::Session;
use crate::soap::create_item::{CreateItem, Message};
use crate::soap::{FolderRef, Reply};

/// How often an item is sent again after `ErrorInternalServerError`.
const INTERNAL_RETRIES: u8 = 2;

/// A request to be sent.
struct Attempt {
    /// The items, by their place in the call.
    items: Vec<usize>,
    /// How often the server already failed inside with these items alone.
    failed_inside: u8,
    /// Whether the items were in a request that failed inside, so that some may be there.
    doubtful: bool,
}

/// One call of [`store`].
struct Call<'a> {
    session: &'a Session,
    folder: &'a FolderId,
    items: &'a [NewItem],
    outcomes: BTreeMap<usize, Stored>,
    waiting: VecDeque<Attempt>,
    deadline: Instant,
}

/// Stores `items` into `folder`; one outcome per item, in order.
pub(crate) async fn store(session: &Session, features: &Features, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
    let waiting = batches(items, features)
        .into_iter()
        .map(|items| Attempt { items, failed_inside: 0, doubtful: false })
        .collect();
    let deadline = session.deadline();
    let mut call = Call { session, folder, items, outcomes: BTreeMap::new(), waiting, deadline };
    while let Some(attempt) = call.waiting.pop_front() {
        call.perform(attempt, features).await;
    }
    let mut outcomes = call.outcomes;
    (0..items.len()).map(|n| outcomes.remove(&n).unwrap_or_else(|| Stored::NotTried(not_reached()))).collect()
}

/// Cuts the items into requests: at most so many and so large, a large one alone.
fn batches(items: &[NewItem], features: &Features) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut octets = 0u64;
    for (n, item) in items.iter().enumerate() {
        let size = item.raw.len() as u64;
        octets = octets.saturating_add(size);
        match batches.last_mut() {
            Some(batch) if batch.len() < features.max_batch_items && octets <= features.max_batch_octets => {
                batch.push(n)
            }
            _ => {
                batches.push(vec![n]);
                octets = size;
            }
        }
    }
    batches
}

impl Call<'_> {
    async fn perform(&mut self, mut attempt: Attempt, features: &Features) {
        if attempt.doubtful && features.keeps_key && !self.look_first(&mut attempt, features).await {
            return;
        }
        let messages: Vec<Message> = attempt.items.iter().filter_map(|n| self.items.get(*n)).map(to_store).collect();
        if messages.is_empty() {
            return;
        }
        let folder = FolderRef::Id(self.folder.0.clone());
        let request = CreateItem { folder: &folder, messages: &messages };
        match self.session.call(&request, self.deadline).await {
            Ok(replies) => self.take_replies(&attempt, replies),
            Err(failure) => self.take_failure(attempt, failure),
        }
    }

    /// Takes what is there already as created; false when that could not be found out.
    ///
    /// Where keys cannot be searched the folder is listed.
    async fn look_first(&mut self, attempt: &mut Attempt, features: &Features) -> bool {
        let wanted: Vec<_> = attempt.items.iter().filter_map(|n| self.items.get(*n)).map(|item| item.key).collect();
        let found = match features.find_by_key {
            true => search::keys_in(self.session, self.folder, &wanted, self.deadline).await,
            false => search::keys_listed(self.session, self.folder, &wanted).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                let fault = self.session.fault(failure);
                self.stop(&attempt.items, &fault, Stored::Unknown);
                return false;
            }
        };
        let (items, outcomes) = (self.items, &mut self.outcomes);
        attempt.items.retain(|n| match items.get(*n).and_then(|item| found.get(&item.key)) {
            Some(id) => {
                outcomes.insert(*n, Stored::Created(ItemId(id.clone())));
                false
            }
            None => true,
        });
        true
    }

    fn take_replies(&mut self, attempt: &Attempt, replies: Vec<Reply<Option<crate::soap::ItemId>>>) {
        let mut replies = replies.into_iter();
        let mut again = Vec::new();
        for (place, n) in attempt.items.iter().copied().enumerate() {
            let outcome = match replies.next() {
                Some(Reply::Done(Some(id))) => Some(Stored::Created(ItemId(id.id))),
                Some(Reply::Done(None)) => Some(self.unknown("WorkMail stored the message without telling its id")),
                Some(Reply::NotTried) if place == 0 => Some(Stored::NotTried(not_reached())),
                Some(Reply::NotTried) => {
                    again.push(n);
                    None
                }
                Some(Reply::Refused(refusal)) => {
                    self.session.report_item(&refusal);
                    let verdict = self.session.judge_item(&refusal);
                    self.take_refusal(attempt, n, verdict.effect, verdict.fault)
                }
                None => Some(self.unknown("WorkMail left the message out of its answer")),
            };
            if let Some(outcome) = outcome {
                self.outcomes.insert(n, outcome);
            }
        }
        if !again.is_empty() {
            self.waiting.push_front(Attempt { items: again, failed_inside: 0, doubtful: attempt.doubtful });
        }
    }

    /// Gives the outcome of a refused item, or sends it again alone (`None`).
    fn take_refusal(&mut self, attempt: &Attempt, n: usize, effect: Effect, fault: Fault) -> Option<Stored> {
        let alone = attempt.items.len() == 1;
        match effect {
            Effect::None => Some(Stored::NotTried(fault)),
            Effect::Unknown => Some(Stored::Unknown(fault)),
            Effect::Smaller if !alone => self.again_alone(n, 0, attempt.doubtful),
            Effect::Internal if attempt.failed_inside < INTERNAL_RETRIES => {
                self.again_alone(n, attempt.failed_inside.saturating_add(1), true)
            }
            Effect::Refused | Effect::Smaller | Effect::Internal => Some(Stored::Refused(fault)),
        }
    }

    fn again_alone(&mut self, n: usize, failed_inside: u8, doubtful: bool) -> Option<Stored> {
        self.waiting.push_back(Attempt { items: vec![n], failed_inside, doubtful });
        None
    }

    fn take_failure(&mut self, attempt: Attempt, failure: Failure) {
        let no_time = matches!(failure, Failure::NoTime | Failure::Turned(_));
        let verdict = self.session.judge(failure);
        let fault = verdict.fault;
        match verdict.effect {
            // An earlier request with these items failed inside, so not having tried again leaves them in doubt.
            Effect::None if attempt.doubtful && no_time => self.stop(&attempt.items, &fault, Stored::Unknown),
            Effect::None => self.stop(&attempt.items, &fault, Stored::NotTried),
            Effect::Unknown => self.stop(&attempt.items, &fault, Stored::Unknown),
            effect if attempt.items.len() == 1 => {
                let Some(n) = attempt.items.first().copied() else { return };
                if let Some(outcome) = self.take_refusal(&attempt, n, effect, fault) {
                    self.outcomes.insert(n, outcome);
                }
            }
            effect => {
                let doubtful = attempt.doubtful || effect == Effect::Internal;
                for n in attempt.items {
                    self.again_alone(n, 0, doubtful);
                }
            }
        }
    }

    /// Ends the call: these items get the outcome, those still waiting are not tried, or stay in doubt.
    fn stop(&mut self, items: &[usize], fault: &Fault, outcome: impl Fn(Fault) -> Stored) {
        for n in items {
            self.outcomes.insert(*n, outcome(again(fault)));
        }
        for attempt in std::mem::take(&mut self.waiting) {
            for n in attempt.items {
                let stored =
                    if attempt.doubtful { Stored::Unknown(again(fault)) } else { Stored::NotTried(again(fault)) };
                self.outcomes.insert(n, stored);
            }
        }
    }

    fn unknown(&self, text: &str) -> Stored {
        Stored::Unknown(Fault::retry(self.session.settings().pause, "destination.no_answer", text))
    }
}

/// Gives the same fault once more, without its cause.
fn again(fault: &Fault) -> Fault {
    Fault::new(fault.remedy, fault.code.clone(), fault.message.clone())
}

fn not_reached() -> Fault {
    Fault::retry(std::time::Duration::ZERO, "destination.not_tried", "WorkMail did not look at this message")
}

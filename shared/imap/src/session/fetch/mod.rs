//! Reads bodies with several commands in flight and accounts for every asked UID.

mod alone;
mod flight;
mod reader;
mod standin;

use super::ImapSession;
use super::link::refused;
use super::scan::merge;
use crate::failure::Failure;
use crate::wire::fetch::{Attributes, Body};
use crate::wire::status::Word;
use flight::{Flight, commands};
use mailcrane_core::folder::WireName;
use mailcrane_core::message::{FetchOutcome, Fetched, RawMessage};
use mailcrane_core::ports::source::{Examined, FetchFeed};
use mailcrane_core::uid::{Uid, UidSet, UidValidity};
use reader::{Incoming, Reading, Taken};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How often a connection may break in a row without one message coming through.
const MAX_LOSSES_IN_A_ROW: usize = 4;
/// How often a connection may break in one fetch.
const MAX_LOSSES: usize = 12;

/// What went wrong with one UID so far.
#[derive(Debug, Default)]
struct Suspect {
    /// How often the connection broke at it.
    losses: usize,
    /// How often the server fell silent at it.
    silences: usize,
    /// How often the server answered without it.
    refusals: usize,
    /// The last thing that happened, for the protocol.
    reason: String,
}

/// The state of one fetch.
#[derive(Debug, Default)]
struct Run {
    flights: VecDeque<Flight>,
    again: VecDeque<UidSet>,
    suspects: BTreeMap<Uid, Suspect>,
    known: HashMap<Uid, Attributes>,
    reading: Reading,
    /// The UID that is being asked for alone.
    alone: Option<Uid>,
    exhausted: bool,
    losses: usize,
    losses_in_a_row: usize,
    /// How many connections were opened only to ask a doubtful UID once more.
    renewals: usize,
}

impl ImapSession {
    /// Reads until the feed gives out nothing more.
    pub(super) async fn fetch_all<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Failure> {
        if self.current.is_none() {
            return Err(Failure::Protocol("no folder is open"));
        }
        self.go_on(feed, Run::default()).await
    }

    /// Opens a folder and asks for its first messages in one round trip, and reads them when UIDVALIDITY is the expected
    /// one. Otherwise answers are left in the connection, which is good for nothing more.
    pub(super) async fn open_and_fetch<F: FetchFeed>(
        &mut self,
        folder: &WireName,
        expected: UidValidity,
        feed: &mut F,
    ) -> Result<bool, Failure> {
        self.current = None;
        let tag = self.ask_to_open(folder).await?;
        let mut run = Run::default();
        self.fill(feed, &mut run).await?;
        let mut early = Vec::new();
        let opened = self.opened(&tag, folder, &mut early).await?;
        if opened.validity() != expected {
            return Ok(false);
        }
        run.answered_early(&early);
        let uidnext = opened.uidnext.and_then(Uid::new).unwrap_or(Uid::MAX);
        let examined = Examined { uidvalidity: expected, uidnext, exists: opened.messages()? };
        self.current = Some((folder.clone(), examined));
        self.go_on(feed, run).await?;
        Ok(true)
    }

    async fn go_on<F: FetchFeed>(&mut self, feed: &mut F, mut run: Run) -> Result<(), Failure> {
        loop {
            match self.turn(feed, &mut run).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Failure::Forbidden(cause)) => return Err(Failure::Forbidden(cause)),
                Err(failure) if failure.breaks_connection() => self.recover(&mut run, failure).await?,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Sends what may be in flight.
    async fn fill<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run) -> Result<(), Failure> {
        while run.flights.len() < self.depth {
            if let Some(uids) = run.again.pop_front() {
                let tag = self.link.send(&self.body_command(&uids)).await;
                run.flights.push_back(Flight::new(tag?, &uids));
                continue;
            }
            // No further batch while a UID is in doubt: the caller waits for its outcome to go on.
            if run.exhausted || !run.suspects.is_empty() {
                break;
            }
            match feed.next_batch().await {
                Some(uids) => run.again.extend(commands(uids)),
                None => run.exhausted = true,
            }
        }
        Ok(())
    }

    /// Sends what may be sent and reads one response; true when everything is done.
    async fn turn<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run) -> Result<bool, Failure> {
        self.fill(feed, run).await?;
        if !run.flights.is_empty() {
            self.take_one(feed, run).await?;
            return Ok(false);
        }
        if run.suspects.is_empty() {
            return Ok(run.exhausted);
        }
        self.settle(feed, run).await?;
        Ok(false)
    }

    pub(super) fn body_command(&self, uids: &UidSet) -> String {
        let gmail = if self.is_gmail() { " X-GM-LABELS" } else { "" };
        format!("UID FETCH {uids} (UID FLAGS INTERNALDATE{gmail} BODY.PEEK[])")
    }

    async fn take_one<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run) -> Result<(), Failure> {
        run.reading.expect(run.flights.front().and_then(Flight::only));
        match run.reading.next(&mut self.link, feed).await? {
            Incoming::Other => Ok(()),
            Incoming::Message(attributes, taken) => {
                run.message(feed, *attributes, taken).await;
                Ok(())
            }
            Incoming::Tagged(status) => {
                let Some(at) = run.flights.iter().position(|flight| flight.tag == status.tag) else { return Ok(()) };
                let Some(flight) = run.flights.remove(at) else { return Ok(()) };
                if status.word == Word::Ok {
                    run.unanswered(flight, "the server answers without this message");
                    return Ok(());
                }
                match refused("to give out a message", &status) {
                    Failure::Refused { text, .. } => run.refused(flight, &text),
                    failure => return Err(failure),
                }
                Ok(())
            }
        }
    }

    /// After a broken connection: blames the message that was being read, and goes on with the others on a new one.
    async fn recover(&mut self, run: &mut Run, failure: Failure) -> Result<(), Failure> {
        run.losses += 1;
        run.losses_in_a_row += 1;
        if run.losses > MAX_LOSSES || run.losses_in_a_row > MAX_LOSSES_IN_A_ROW {
            return Err(failure);
        }
        tracing::debug!(code = failure.code(), "the connection broke while messages were read");
        let (alone, hot) = (run.alone.take(), run.reading.broke());
        let first = run.flights.front().and_then(|flight| flight.pending.first().copied());
        // What has its outcome is not to blame, and must not get another one.
        let owed = |uid: &Uid| run.flights.iter().any(|flight| flight.pending.contains(uid));
        if let Some(uid) = alone.filter(owed).or(hot.filter(owed)).or(first) {
            let suspect = run.suspects.entry(uid).or_default();
            suspect.reason = failure.to_string();
            match failure {
                Failure::Silent(_) => suspect.silences += 1,
                _ => suspect.losses += 1,
            }
        }
        for flight in std::mem::take(&mut run.flights) {
            let rest: UidSet = flight.pending.into_iter().filter(|uid| !run.suspects.contains_key(uid)).collect();
            if !rest.is_empty() {
                run.again.push_back(rest);
            }
        }
        self.reopen().await
    }
}

impl Run {
    /// Takes one FETCH response.
    async fn message<F: FetchFeed>(&mut self, feed: &mut F, attributes: Attributes, taken: Option<Taken>) {
        let only = || self.flights.front().and_then(Flight::only);
        let named = attributes.uid.or_else(|| taken.is_some().then(only).flatten());
        let asked = named.filter(|uid| self.flights.iter().any(|flight| flight.pending.contains(uid)));
        let Some(uid) = asked else {
            self.reading.unused(taken.as_ref());
            return;
        };
        let nil = attributes.body == Body::Nil && taken.is_none();
        let known = self.known.entry(uid).or_default();
        merge(known, attributes);
        let flags_known = known.flags.is_some() || self.alone == Some(uid);
        match taken {
            Some(taken) if flags_known => self.deliver(feed, uid, taken).await,
            Some(taken) => {
                self.reading.unused(Some(&taken));
                self.doubt(uid, "the server gives the message without its flags");
            }
            None if nil => self.doubt(uid, "the server gives nothing readable in the place of this message"),
            None => {}
        }
    }

    async fn deliver<F: FetchFeed>(&mut self, feed: &mut F, uid: Uid, taken: Taken) {
        for flight in &mut self.flights {
            flight.pending.remove(&uid);
        }
        let attributes = self.known.remove(&uid).unwrap_or_default();
        let outcome = match taken.kept {
            Some(raw) if standin::is_one(&raw) => {
                FetchOutcome::Unreadable { reason: "the server put a notice in the place of this message".to_owned() }
            }
            Some(raw) => FetchOutcome::Message(RawMessage {
                raw,
                flags: attributes.flags.unwrap_or_default(),
                received: attributes.received,
                gmail_labels: attributes.gmail_labels,
            }),
            None => FetchOutcome::Drained {
                octets: taken.octets,
                digest: taken.digest,
                flags: attributes.flags.unwrap_or_default(),
                received: attributes.received,
                gmail_labels: attributes.gmail_labels,
            },
        };
        self.put(feed, uid, outcome).await;
    }

    async fn put<F: FetchFeed>(&mut self, feed: &mut F, uid: Uid, outcome: FetchOutcome) {
        self.losses_in_a_row = 0;
        self.suspects.remove(&uid);
        feed.put(Fetched { uid, outcome }).await;
    }

    fn doubt(&mut self, uid: Uid, reason: &str) {
        for flight in &mut self.flights {
            flight.pending.remove(&uid);
        }
        let suspect = self.suspects.entry(uid).or_default();
        suspect.refusals += 1;
        reason.clone_into(&mut suspect.reason);
    }

    fn unanswered(&mut self, flight: Flight, reason: &str) {
        for uid in flight.pending {
            self.doubt(uid, reason);
        }
    }

    /// Commands that were answered before the folder was open are sent again.
    fn answered_early(&mut self, tags: &[String]) {
        let (early, flights): (VecDeque<_>, _) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| tags.contains(&flight.tag));
        self.flights = flights;
        for flight in early.into_iter().rev() {
            self.again.push_front(flight.pending.into_iter().collect());
        }
    }

    /// A refused command is cut in halves until the refused message stands alone.
    fn refused(&mut self, flight: Flight, text: &str) {
        let pending: Vec<Uid> = flight.pending.iter().copied().collect();
        if pending.len() <= 1 {
            return self.unanswered(flight, &format!("the server refuses this message: {text}"));
        }
        let (low, high) = pending.split_at(pending.len() / 2);
        for half in [high, low] {
            self.again.push_front(half.iter().copied().collect());
        }
    }
}

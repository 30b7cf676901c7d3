//! Asks for doubtful UIDs one by one until each has an outcome.

use super::reader::Incoming;
use super::{Run, Suspect};
use crate::failure::Failure;
use crate::session::ImapSession;
use crate::session::link::refused;
use crate::session::scan::merge;
use crate::wire::fetch;
use crate::wire::status::Word;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::FetchFeed;
use mailcrane_core::uid::{Uid, UidSet};
use std::collections::BTreeSet;

/// How often a message may be refused, or break the connection.
const MAX_TRIES: usize = 3;
/// How often a server may fall silent at a message; each time costs the whole patience.
const MAX_SILENCES: usize = 2;
/// How many connections are opened only to ask once more.
const MAX_RENEWALS: usize = 3;

impl ImapSession {
    /// Gives every suspect its outcome; nothing else is in flight.
    pub(super) async fn settle<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run) -> Result<(), Failure> {
        let doubtful: UidSet = run.suspects.keys().copied().collect();
        let there = self.still_there(&doubtful, run).await?;
        for uid in doubtful.iter() {
            if !there.contains(&uid) {
                run.known.remove(&uid);
                run.put(feed, uid, FetchOutcome::Vanished).await;
                continue;
            }
            while let Some(suspect) = run.suspects.get(&uid) {
                if is_hopeless(suspect) {
                    let reason = suspect.reason.clone();
                    run.known.remove(&uid);
                    run.put(feed, uid, FetchOutcome::Unreadable { reason }).await;
                    break;
                }
                // The last try is made on a new connection, where that is affordable.
                if suspect.refusals + 1 == MAX_TRIES && run.renewals < MAX_RENEWALS {
                    run.renewals += 1;
                    self.reopen().await?;
                }
                self.ask_alone(feed, run, uid).await?;
            }
        }
        Ok(())
    }

    /// Finds which of the UIDs the server still has, after giving it an occasion to report expunged ones.
    async fn still_there(&mut self, uids: &UidSet, run: &mut Run) -> Result<BTreeSet<Uid>, Failure> {
        match self.link.call("NOOP", "NOOP").await {
            Ok(_) | Err(Failure::Refused { .. }) => {}
            Err(failure) => return Err(failure),
        }
        let mut there = BTreeSet::new();
        for set in super::commands(uids.iter().collect()) {
            match self.link.call(&format!("UID FETCH {set} (UID FLAGS INTERNALDATE)"), "UID FETCH").await {
                Ok(answer) => {
                    for attributes in answer.lines.iter().filter_map(|line| fetch::parse(line)) {
                        if let Some(uid) = attributes.uid.filter(|uid| set.contains(*uid)) {
                            there.insert(uid);
                            merge(run.known.entry(uid).or_default(), attributes);
                        }
                    }
                    if set.len() > 1 {
                        let absent = set.iter().filter(|uid| !there.contains(uid)).collect();
                        there.extend(self.missed(&absent).await?);
                    }
                }
                Err(Failure::Refused { .. }) => {
                    for uid in set.iter() {
                        if self.exists(uid).await? {
                            there.insert(uid);
                        }
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(there)
    }

    /// Finds UIDs that are there though the answer to a longer set passed over them: a server that stumbles over one
    /// number of a set may answer OK and nothing to all of it. So absence is believed only by the run of UIDs.
    async fn missed(&mut self, absent: &UidSet) -> Result<Vec<Uid>, Failure> {
        let mut there = Vec::new();
        for range in absent.ranges() {
            match self.search(&format!("UID {range}")).await {
                Ok(found) => there.extend(found.within(*range).iter()),
                Err(Failure::Refused { .. }) => {
                    for uid in UidSet::from(*range).iter() {
                        if self.exists(uid).await? {
                            there.push(uid);
                        }
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(there)
    }

    async fn ask_alone<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run, uid: Uid) -> Result<(), Failure> {
        let mut set = UidSet::new();
        set.insert(uid);
        run.alone = Some(uid);
        let tag = self.link.send(&self.body_command(&set)).await?;
        run.flights.push_back(super::Flight::new(tag, &set));
        let outcome = self.answer_alone(feed, run, uid).await;
        if !outcome.as_ref().is_err_and(Failure::breaks_connection) {
            run.alone = None;
            run.flights.clear();
        }
        outcome
    }

    async fn answer_alone<F: FetchFeed>(&mut self, feed: &mut F, run: &mut Run, uid: Uid) -> Result<(), Failure> {
        loop {
            run.reading.expect(Some(uid));
            match run.reading.next(&mut self.link, feed).await? {
                Incoming::Other => {}
                Incoming::Message(attributes, taken) => run.message(feed, *attributes, taken).await,
                Incoming::Tagged(status) => {
                    let answered = run.flights.iter().all(|flight| flight.pending.is_empty());
                    if status.word != Word::Ok {
                        match refused("to give out a message", &status) {
                            Failure::Refused { text, .. } if !answered => {
                                run.doubt(uid, &format!("the server refuses this message: {text}"));
                            }
                            Failure::Refused { .. } => {}
                            failure => return Err(failure),
                        }
                    } else if !answered {
                        run.doubt(uid, "the server answers without this message");
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn is_hopeless(suspect: &Suspect) -> bool {
    suspect.refusals + suspect.losses >= MAX_TRIES || suspect.silences >= MAX_SILENCES
}

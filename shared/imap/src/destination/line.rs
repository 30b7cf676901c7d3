//! The connection that messages are stored over, and who waits for answers on it.
//!
//! Requests go out one behind another and none waits for the answer to the one before. Answers are told apart by their
//! tags; whoever waits for one reads for all, and lets go of the connection when somebody else wants to send.

use crate::failure::Failure;
use crate::session::ImapSession;
use crate::session::link;
use crate::wire::status::{Status, Word};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use tokio::select;
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::sync::{Mutex, MutexGuard, Notify};

/// The answer to a request, once it is there; an error of it means that the connection is gone.
pub(super) type Answer = Receiver<Result<Status, Failure>>;

/// A signed-in connection with requests in flight.
pub(super) struct Line {
    pub(super) session: ImapSession,
    waiting: HashMap<String, Sender<Result<Status, Failure>>>,
}

impl Line {
    pub(super) fn new(session: ImapSession) -> Self {
        Self { session, waiting: HashMap::new() }
    }

    /// Notes that a request was sent under that tag.
    pub(super) fn await_answer(&mut self, tag: String) -> Answer {
        let (sender, answer) = channel();
        self.waiting.insert(tag, sender);
        answer
    }

    /// Reads one response; the status of a request goes to who waits for it. May be cut off between two octets.
    async fn hear(&mut self) -> Result<(), Failure> {
        let response = self.session.link.response().await?;
        if let Some(status) = Status::parse(&response)
            && let Some(sender) = self.waiting.remove(&status.tag)
        {
            let outcome = if status.word == Word::Ok { Ok(status) } else { Err(link::refused("APPEND", &status)) };
            let _ = sender.send(outcome);
        }
        Ok(())
    }

    /// Reads until every request is answered.
    pub(super) async fn quiet(&mut self) -> Result<(), Failure> {
        while !self.waiting.is_empty() {
            self.hear().await?;
        }
        Ok(())
    }
}

/// A connection that is shared: absent before the first use and after it broke.
#[derive(Default)]
pub(super) struct Shared {
    line: Mutex<Option<Line>>,
    wanted: Notify,
}

impl Shared {
    pub(super) fn new(session: ImapSession) -> Self {
        Self { line: Mutex::new(Some(Line::new(session))), wanted: Notify::new() }
    }

    pub(super) fn into_inner(self) -> Option<ImapSession> {
        self.line.into_inner().map(|line| line.session)
    }

    /// Waits for its turn to send; who reads lets go.
    pub(super) async fn turn(&self) -> MutexGuard<'_, Option<Line>> {
        // The place in the queue comes first: who lets go joins it behind.
        select! {
            biased;
            line = self.line.lock() => line,
            never = self.want() => match never {},
        }
    }

    async fn want(&self) -> Infallible {
        self.wanted.notify_one();
        pending().await
    }

    /// Waits for the answer to a request that was sent.
    pub(super) async fn answer(&self, mut answer: Answer) -> Result<Status, Failure> {
        loop {
            let mut slot = select! {
                biased;
                answer = &mut answer => return answer.unwrap_or_else(|_gone| Err(gone())),
                slot = self.line.lock() => slot,
            };
            let Some(line) = slot.as_mut() else { continue };
            let heard = select! {
                biased;
                heard = line.hear() => heard,
                () = self.wanted.notified() => Ok(()),
            };
            if let Err(failure) = heard {
                *slot = None;
                return answer.try_recv().unwrap_or(Err(failure));
            }
        }
    }
}

fn gone() -> Failure {
    Failure::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was given up"))
}

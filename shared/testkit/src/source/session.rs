//! One session at a mailbox in memory.

use super::lost;
use super::mailbox::{Folder, Mailbox, Message};
use crate::faults::{FaultPlan, Port};
use mailcrane_core::Fault;
use mailcrane_core::digest::Digest;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::{FetchOutcome, Fetched, RawMessage, ScanRow};
use mailcrane_core::ports::source::{Admission, Examined, FetchFeed, Filing, ScanDepth, Source};
use mailcrane_core::uid::{Uid, UidRange, UidValidity};
use std::collections::VecDeque;
use std::time::Duration;

/// How many batches are asked for before the first one is read.
const IN_FLIGHT: usize = 2;

/// How many octets come at once of a body that is read through.
const PIECE: usize = 64 << 10;

/// A session. After a broken connection every call fails.
#[derive(Debug)]
pub struct MemorySource {
    plan: FaultPlan,
    mailbox: Mailbox,
    open: Option<(WireName, u32)>,
    broken: bool,
}

impl MemorySource {
    pub(super) fn new(plan: &FaultPlan, mailbox: Mailbox) -> Self {
        Self { plan: plan.clone(), mailbox, open: None, broken: false }
    }

    /// Makes a call; a lost answer breaks the session.
    async fn call<T>(
        &mut self,
        method: &'static str,
        effect: impl FnOnce(&Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.broken {
            return Err(lost("the session was used after its connection broke"));
        }
        let failed = || lost("the connection broke, as planned");
        let result = self.plan.call(Port::Source, method, failed, || effect(self)).await;
        let again = |fault: &Fault| matches!(fault.remedy, mailcrane_core::Remedy::RetryAfter(_));
        self.broken = result.as_ref().is_err_and(again);
        result
    }

    /// Looks into the open folder, as long as it is the one that was opened.
    fn inside<T>(&self, look: impl FnOnce(&Folder) -> T) -> Result<T, Fault> {
        let Some((wire, uidvalidity)) = &self.open else {
            return Err(Fault::give_up("source.protocol", "no folder is open"));
        };
        match self.mailbox.lock().folders.get(wire) {
            None => Err(lost("the open folder was deleted")),
            Some(folder) if folder.uidvalidity != *uidvalidity => {
                let text = "the open folder was numbered anew";
                Err(Fault::retry(Duration::ZERO, "source.uidvalidity_changed", text))
            }
            Some(folder) => Ok(look(folder)),
        }
    }

    /// Reads one body.
    async fn body<F: FetchFeed>(&mut self, uid: Uid, feed: &mut F) -> Result<FetchOutcome, Fault> {
        let find = |me: &Self| me.inside(|folder| folder.messages.get(&uid).cloned());
        let Some(message) = self.call("fetch_body", find).await? else { return Ok(FetchOutcome::Vanished) };
        if message.unreadable {
            return Ok(FetchOutcome::Unreadable { reason: "the server answers NO".to_owned() });
        }
        let octets = message.raw.len() as u64;
        let admission = feed.admit(octets).await;
        self.cut(octets)?;
        Ok(match admission {
            Admission::Keep => FetchOutcome::Message(RawMessage {
                raw: message.raw,
                flags: message.flags,
                received: message.received,
                gmail_labels: message.gmail_labels,
            }),
            Admission::Drain => {
                for at in (0..message.raw.len()).step_by(PIECE) {
                    feed.pass(Some(uid), &message.raw.slice(at..message.raw.len().min(at + PIECE))).await;
                }
                FetchOutcome::Drained {
                    octets,
                    digest: Digest::of(&message.raw),
                    flags: message.flags,
                    received: message.received,
                    gmail_labels: message.gmail_labels,
                }
            }
        })
    }

    fn cut(&mut self, octets: u64) -> Result<(), Fault> {
        let mut inner = self.mailbox.lock();
        let Some(left) = inner.cut_after else { return Ok(()) };
        inner.cut_after = left.checked_sub(octets);
        if inner.cut_after.is_some() {
            return Ok(());
        }
        self.broken = true;
        Err(lost("the connection was cut in the middle of a body"))
    }
}

impl Source for MemorySource {
    fn filing(&self) -> Filing {
        self.mailbox.lock().filing
    }

    async fn folders(&mut self) -> Result<Vec<SourceFolder>, Fault> {
        let list = |me: &Self| Ok(me.mailbox.lock().folders.values().map(|f| f.listed.clone()).collect::<Vec<_>>());
        let mut folders = self.call("folders", list).await?;
        folders.sort_by_key(|f| (!f.wire.is_inbox(), f.path.clone()));
        Ok(folders)
    }

    async fn examine(&mut self, wire: &WireName) -> Result<Examined, Fault> {
        self.open = None;
        let look = |me: &Self| {
            let inner = me.mailbox.lock();
            let folder = inner.folders.get(wire).filter(|f| f.listed.selectable);
            if folder.is_some_and(|f| f.refused) {
                let text = "The folder cannot be opened";
                return Err(Fault::retry(std::time::Duration::from_secs(30), "source.folder_refused", text));
            }
            folder.map(|f| (f.uidvalidity, f.uidnext, f.messages.len() as u64)).ok_or_else(folder_gone)
        };
        let (uidvalidity, uidnext, exists) = self.call("examine", look).await?;
        self.open = Some((wire.clone(), uidvalidity));
        let uidnext = Uid::new(uidnext).unwrap_or(Uid::MAX);
        Ok(Examined { uidvalidity: UidValidity(uidvalidity), uidnext, exists })
    }

    async fn scan(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
        let rows = |folder: &Folder| {
            let asked = folder.messages.range(range.first()..=range.last());
            asked.map(|(uid, message)| row(*uid, message, depth)).collect()
        };
        self.call("scan", |me| me.inside(rows)).await
    }

    async fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Fault> {
        self.call("fetch", |me| me.inside(|_| ())).await?;
        let (mut asked, mut all) = (VecDeque::new(), false);
        loop {
            while !all && asked.len() < IN_FLIGHT {
                match feed.next_batch().await {
                    Some(batch) => asked.push_back(batch),
                    None => all = true,
                }
            }
            let Some(batch) = asked.pop_front() else { return Ok(()) };
            for uid in batch {
                let outcome = self.body(uid, feed).await?;
                feed.put(Fetched { uid, outcome }).await;
            }
        }
    }

    async fn close(self) {}
}

fn folder_gone() -> Fault {
    Fault::skip("source.folder_gone", "The folder is no longer there")
}

fn row(uid: Uid, message: &Message, depth: ScanDepth) -> ScanRow {
    ScanRow {
        uid,
        size: message.announced.unwrap_or(message.raw.len() as u64),
        flags: message.flags.clone(),
        received: message.received,
        message_id: (depth == ScanDepth::MessageId).then(|| crate::message_id(&message.raw)).flatten(),
        gmail_id: message.gmail_id,
        gmail_labels: message.gmail_labels.clone(),
    }
}

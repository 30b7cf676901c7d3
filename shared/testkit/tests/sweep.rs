//! A copier in miniature survives the crash sweep, and the sweep catches it when a precaution is left out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

use mailcrane_core::Timestamp;
use mailcrane_core::folder::WireName;
use mailcrane_core::id::{AccountNo, Generation, LaneNo, MigrationId, PassNo};
use mailcrane_core::key::{KeyPrefix, MessageKey, SourceId};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::{Destination as _, ItemId, Stored};
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table as _, Write};
use mailcrane_core::token::{ContinuationToken, LaneKind, Reason};
use mailcrane_core::uid::{Uid, UidRange, UidValidity};
use mailcrane_testkit::destination::Mailbox;
use mailcrane_testkit::faults::{Failure, Span, Swept, sweep};
use mailcrane_testkit::source::Message;
use mailcrane_testkit::{Functions, Memory};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

const MESSAGES: u32 = 5;
const LEASE: i64 = 90;
const QUARANTINE: i64 = 20;
const SPAN: Span =
    Span { late: Duration::from_secs(15), slow: Duration::from_secs(14), frozen: Duration::from_secs(200) };

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    Quarantine,
    Looking,
    Intent,
    Lease,
}

/// What the miniature keeps: copied up to here, intended up to there, leased until then, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    done: u32,
    intended: u32,
    leased: i64,
    verified: bool,
}

impl Slice {
    fn body(self) -> Body {
        Body::Json(format!("[{},{},{},{}]", self.done, self.intended, self.leased, u8::from(self.verified)))
    }

    fn of(item: &Item) -> Self {
        let Body::Json(text) = &item.body else { panic!("no slice") };
        let n: Vec<i64> = text.trim_matches(['[', ']']).split(',').map(|n| n.parse().unwrap()).collect();
        let number = |i: usize| u32::try_from(n[i]).unwrap();
        Self { done: number(0), intended: number(1), leased: n[2], verified: n[3] == 1 }
    }
}

fn key() -> Key {
    Key::new("p", "slice")
}

fn prefix() -> KeyPrefix {
    KeyPrefix::of(&SourceId::of("anna@example.org", "imap.example.org"), &WireName::from("INBOX"), UidValidity(1))
}

fn message(uid: u32) -> NewItem {
    NewItem {
        key: MessageKey { prefix: prefix(), uid: Uid::new(uid).unwrap() },
        raw: Message::small(&format!("{uid}@example.org"), "text").raw,
        flags: Default::default(),
        categories: Vec::new(),
        received: Timestamp::UNIX_EPOCH,
        sent: None,
        signed: false,
    }
}

/// One chunk: takes the lease, settles what is in doubt, copies two messages at a time, verifies.
struct Chunk<'a> {
    memory: &'a Memory,
    version: u64,
    slice: Slice,
}

impl<'a> Chunk<'a> {
    fn now(&self) -> i64 {
        self.memory.clock.now().as_second()
    }

    async fn save(&mut self, change: impl FnOnce(&mut Slice)) -> Result<(), String> {
        let mut next = Slice { leased: self.now() + LEASE, ..self.slice };
        change(&mut next);
        let item = Item { key: key(), version: self.version + 1, body: next.body(), due: None, expires: None };
        self.memory.table.write(Write::Put(item, Expect::Version(self.version))).await.map_err(|e| e.to_string())?;
        (self.slice, self.version) = (next, self.version + 1);
        Ok(())
    }

    async fn work(memory: &'a Memory, without: Without) -> Result<(), String> {
        let item = memory.table.get(&key()).await.map_err(|e| e.to_string())?.ok_or("no slice")?;
        let mut me = Self { memory, version: item.version, slice: Slice::of(&item) };
        if me.slice.verified {
            return Ok(());
        }
        if me.slice.leased > me.now() && without != Without::Lease {
            return Err("leased".to_owned());
        }
        me.save(|_| {}).await?;
        let destination = memory.ends.destinations.open("anna@example.org").await.map_err(|f| f.to_string())?;
        let inbox = destination.folders().await.map_err(|f| f.to_string())?[0].id.clone();
        let mut there = BTreeMap::<Uid, ItemId>::new();
        if me.slice.intended > me.slice.done {
            if without != Without::Quarantine {
                memory.clock.sleep(Duration::from_secs(QUARANTINE.unsigned_abs())).await;
            }
            if without != Without::Looking {
                let found = destination.find(prefix(), UidRange::ALL).await.map_err(|f| f.to_string())?;
                there = found.into_iter().map(|i| (i.key.unwrap().uid, i.id)).collect();
            }
        }
        while me.slice.done < MESSAGES {
            let to = (me.slice.done + 2).min(MESSAGES);
            if without != Without::Intent {
                me.save(|s| s.intended = to.max(s.intended)).await?;
            }
            let wanted = (me.slice.done + 1..=to).filter(|uid| !there.contains_key(&Uid::new(*uid).unwrap()));
            let items: Vec<NewItem> = wanted.map(message).collect();
            if me.slice.leased - me.now() < 60 && without != Without::Lease {
                return Err("the lease ends too soon".to_owned());
            }
            let stored = destination.store(&inbox, &items).await;
            if stored.iter().any(|s| !matches!(s, Stored::Created(_))) {
                me.save(|s| s.leased = 0).await?;
                return Err("not all stored".to_owned());
            }
            me.save(|s| (s.done, s.intended) = (to, to.max(s.intended))).await?;
        }
        me.save(|s| s.verified = true).await
    }
}

/// Copies the mailbox with functions that are invoked twice; returns what is at the destination.
fn scenario(memory: &Memory, without: Without) -> (Slice, Vec<String>, usize) {
    let mailbox: Mailbox = memory.ends.destinations.mailbox("anna@example.org");
    memory.queues.deliver_twice();
    let token = ContinuationToken {
        v: 1,
        kind: LaneKind::Copy,
        migration: MigrationId::new("0123456789abcdef").unwrap(),
        account: AccountNo(0),
        pass: PassNo(1),
        lane: LaneNo(0),
        generation: Generation(0),
        hop: 0,
        reason: Reason::Begin,
        not_before: None,
    };
    let functions =
        Functions { visibility: Duration::from_secs(4), patience: Duration::from_secs(7_200), ..Functions::default() };
    let slice = || memory.table.snapshot().get(&key()).map(Slice::of);
    memory.clock.block_on(async {
        // The begin is retried until it works: it is not what is tested here.
        let fresh = Slice { done: 0, intended: 0, leased: 0, verified: false };
        let item = Item { key: key(), version: 1, body: fresh.body(), due: None, expires: None };
        let begin = async || {
            drop(memory.table.write(Write::Put(item.clone(), Expect::Absent)).await);
            memory.queues.continue_lane(&token, Duration::ZERO).await
        };
        while slice().is_none() || memory.queues.sent().is_empty() {
            drop(memory.plan.process(begin()).await);
        }
        let work = |_, _| Chunk::work(memory, without);
        let sweeper =
            || async { memory.queues.continue_lane(&token, Duration::ZERO).await.map_err(|fault| fault.to_string()) };
        let done = || slice().is_some_and(|slice| slice.verified);
        functions.run(memory, work, sweeper, done).await.unwrap();
        memory.clock.sleep(Duration::from_secs(600)).await;
    });
    let end = Slice { leased: 0, ..slice().unwrap() };
    (end, mailbox.contents().1, mailbox.stores().1)
}

fn swept(without: Without, enough: usize) -> Swept {
    sweep(SPAN, NonZeroUsize::new(enough).unwrap(), |memory| scenario(memory, without))
}

#[test]
fn a_careful_copier_ends_the_same_whatever_goes_wrong() {
    let swept = swept(Without::Nothing, usize::MAX);
    let failures: Vec<String> = swept.failures.iter().map(Failure::to_string).collect();
    assert_eq!(failures, [""; 0]);
    assert!(swept.cases > 100 && swept.met == swept.cases, "{} of {} cases met", swept.met, swept.cases);
}

#[test]
fn a_copier_that_leaves_something_out_is_caught() {
    for without in [Without::Quarantine, Without::Looking, Without::Intent, Without::Lease] {
        assert!(!swept(without, 1).failures.is_empty(), "{without:?}");
    }
}

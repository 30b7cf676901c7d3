//! A feed that remembers what it was given, and that every UID got exactly one outcome.

use bytes::Bytes;
use mailcrane_core::message::{FetchOutcome, Fetched};
use mailcrane_core::ports::source::{Admission, FetchFeed};
use mailcrane_core::uid::Uid;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Default)]
pub struct Feed {
    batches: VecDeque<Vec<Uid>>,
    asked: BTreeSet<u32>,
    got: BTreeMap<u32, FetchOutcome>,
    drain_above: Option<u64>,
    pub admitted: Vec<u64>,
    /// What passed of bodies that were read through: UID and octets.
    pub passed: Vec<(Option<u32>, Vec<u8>)>,
}

impl Feed {
    pub fn of(batches: &[&[u32]]) -> Self {
        let uids = |batch: &&[u32]| batch.iter().filter_map(|n| Uid::new(*n)).collect();
        Self {
            batches: batches.iter().map(uids).collect(),
            asked: batches.iter().flat_map(|batch| batch.iter().copied()).collect(),
            ..Self::default()
        }
    }

    pub fn drain_above(mut self, octets: u64) -> Self {
        self.drain_above = Some(octets);
        self
    }

    /// What became of every UID, as short text: the body, or the outcome's name.
    pub fn outcomes(&self) -> BTreeMap<u32, String> {
        self.got.iter().map(|(uid, outcome)| (*uid, shown(outcome))).collect()
    }

    pub fn outcome(&self, uid: u32) -> &FetchOutcome {
        &self.got[&uid]
    }

    /// Asserts that every asked UID has an outcome.
    #[track_caller]
    pub fn assert_complete(&self) {
        assert_eq!(self.got.keys().copied().collect::<BTreeSet<_>>(), self.asked);
    }
}

fn shown(outcome: &FetchOutcome) -> String {
    match outcome {
        FetchOutcome::Message(message) => String::from_utf8_lossy(&message.raw).into_owned(),
        FetchOutcome::Drained { octets, .. } => format!("drained {octets}"),
        FetchOutcome::Vanished => "vanished".to_owned(),
        FetchOutcome::Unreadable { .. } => "unreadable".to_owned(),
    }
}

impl FetchFeed for Feed {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        self.batches.pop_front()
    }

    async fn admit(&mut self, octets: u64) -> Admission {
        self.admitted.push(octets);
        self.passed.push((None, Vec::new()));
        if self.drain_above.is_some_and(|limit| octets > limit) { Admission::Drain } else { Admission::Keep }
    }

    async fn pass(&mut self, uid: Option<Uid>, piece: &Bytes) {
        let (known, octets) = self.passed.last_mut().unwrap();
        *known = uid.map(Uid::get);
        octets.extend_from_slice(piece);
    }

    async fn put(&mut self, fetched: Fetched) {
        let before = self.got.insert(fetched.uid.get(), fetched.outcome);
        assert!(before.is_none(), "UID {} was put twice", fetched.uid);
    }
}

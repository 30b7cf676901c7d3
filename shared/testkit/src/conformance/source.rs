//! What every source must do, on a mailbox that the adapter's test fills with [`sample`].

use bytes::Bytes;
use mailcrane_core::digest::Digest;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::{FetchOutcome, Fetched, ScanRow};
use mailcrane_core::ports::source::{Admission, Credentials, Endpoint, FetchFeed, ScanDepth, Source, Sources};
use mailcrane_core::uid::{Uid, UidRange};
use mailcrane_core::{Fault, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A message of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleMessage {
    /// Its Message-ID.
    pub message_id: String,
    /// Its octets.
    pub raw: Bytes,
    /// Its flags, as they are spelt on the wire.
    pub flags: Vec<&'static str>,
    /// INTERNALDATE.
    pub received: Timestamp,
}

/// A folder of the sample: its path for people, and its messages in the order of their UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFolder {
    /// The names of its levels.
    pub path: Vec<&'static str>,
    /// The messages.
    pub messages: Vec<SampleMessage>,
}

/// Returns the folders that the mailbox must hold, parents before children. It may hold others too.
#[must_use]
pub fn sample() -> Vec<SampleFolder> {
    let flags = [vec![], vec!["\\Seen"], vec!["\\Answered", "\\Flagged", "$Forwarded"], vec!["\\Draft", "Travel"]];
    let message = |folder: &str, n: usize| {
        let message_id = format!("<{folder}.{n}@example.org>");
        // Sizes from a line to more than a network buffer.
        let body = format!("line of message {n}\r\n").repeat(1 + n * n * 40);
        let head = format!("Message-ID: {message_id}\r\nFrom: anna@example.org\r\nSubject: {n}\r\n\r\n");
        let received = Timestamp::from_second(800_000_000 + 86_400 * i64::try_from(n).unwrap_or_default()).unwrap();
        let raw = Bytes::from(head + &body);
        SampleMessage { message_id, raw, flags: flags[n % flags.len()].clone(), received }
    };
    let folder = |path: &[&'static str], name: &str, messages: usize| SampleFolder {
        path: path.to_vec(),
        messages: (0..messages).map(|n| message(name, n)).collect(),
    };
    vec![
        folder(&["INBOX"], "inbox", 12),
        folder(&["Work"], "work", 3),
        folder(&["Work", "Übung & Ärger"], "nested", 5),
        folder(&["Empty"], "empty", 0),
    ]
}

/// Checks a source whose mailbox holds the [`sample`].
///
/// # Panics
/// Where the source breaks the contract.
pub async fn conformance<S: Sources>(sources: &S, endpoint: &Endpoint, credentials: &Credentials) {
    let mut session = sources.open(endpoint, credentials).await.expect("the session opens");
    let folders = folders_come_in_order(&mut session).await;
    for expected in sample() {
        let wire = wire(&folders, &expected.path);
        let rows = a_scan_lists_every_message_once(&mut session, &wire, &expected).await;
        a_fetch_reads_what_is_there(&mut session, &rows, &expected).await;
        a_drained_body_leaves_its_digest(&mut session, &rows, &expected).await;
        let after = session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap();
        let flags = |rows: &[ScanRow]| rows.iter().map(|row| (row.uid, row.flags.clone())).collect::<Vec<_>>();
        assert_eq!(flags(&after), flags(&rows), "reading alters no flag");
    }
    a_feed_without_uids_does_no_harm(&mut session, &wire(&folders, &["INBOX"])).await;
    a_folder_that_is_gone_is_named(&mut session).await;
    session.close().await;
}

fn wire(folders: &[SourceFolder], path: &[&str]) -> WireName {
    let found = folders.iter().find(|f| f.path == path);
    found.unwrap_or_else(|| panic!("{path:?} is missing among {folders:?}")).wire.clone()
}

async fn folders_come_in_order(session: &mut impl Source) -> Vec<SourceFolder> {
    let folders = session.folders().await.unwrap();
    assert!(folders.first().is_some_and(|f| f.wire.is_inbox() && f.selectable), "INBOX first: {folders:?}");
    let mut seen = BTreeSet::new();
    for (at, folder) in folders.iter().enumerate() {
        assert!(seen.insert(folder.wire.clone()), "{:?} is listed twice", folder.wire);
        let parent = folder.path.split_last().map(|(_, parent)| parent).unwrap_or_default();
        let parent_at = folders.iter().position(|f| f.path == parent);
        assert!(parent_at.is_none_or(|parent| parent < at), "{:?} comes before its parent", folder.path);
    }
    folders
}

async fn a_scan_lists_every_message_once(
    session: &mut impl Source,
    wire: &WireName,
    expected: &SampleFolder,
) -> Vec<ScanRow> {
    let path = &expected.path;
    let examined = session.examine(wire).await.unwrap();
    assert_eq!(examined.exists, expected.messages.len() as u64, "{path:?}");
    assert_eq!(session.examine(wire).await.unwrap(), examined, "{path:?} looks the same twice");
    let rows = session.scan(UidRange::ALL, ScanDepth::MessageId).await.unwrap();
    assert_eq!(rows.len(), expected.messages.len(), "{path:?}");
    assert!(rows.is_sorted_by(|a, b| a.uid < b.uid), "{path:?}: ascending without repetition");
    for (row, message) in rows.iter().zip(&expected.messages) {
        assert_eq!(row.message_id.as_ref(), Some(&message.message_id), "{path:?}");
        assert_eq!(row.received, Some(message.received), "{path:?} {}", message.message_id);
        assert_eq!(row.flags, message.flags.iter().copied().collect::<Flags>(), "{path:?} {}", message.message_id);
        assert!(row.size > 0 && row.uid < examined.uidnext, "{path:?} {row:?}");
    }
    // `n:*` means the last message, however low its UID is: it must not come here.
    let above = UidRange::new(examined.uidnext, Uid::MAX).unwrap();
    assert_eq!(session.scan(above, ScanDepth::Plain).await.unwrap(), [], "{path:?} above UIDNEXT");
    if let [first, .., last] = &rows[..] {
        let range = UidRange::new(first.uid, last.uid).unwrap();
        assert_eq!(session.scan(range, ScanDepth::Plain).await.unwrap().len(), rows.len());
        let one = session.scan(UidRange::new(last.uid, last.uid).unwrap(), ScanDepth::Plain).await.unwrap();
        assert_eq!(one.iter().map(|row| row.uid).collect::<Vec<_>>(), [last.uid], "{path:?}");
    }
    rows
}

/// Asks for UIDs in batches and remembers everything.
struct Feed {
    batches: VecDeque<Vec<Uid>>,
    admission: Admission,
    admitted: Vec<u64>,
    /// What passed of the body that is read through.
    passing: Vec<u8>,
    passed: BTreeMap<Uid, Vec<u8>>,
    got: BTreeMap<Uid, Vec<FetchOutcome>>,
}

impl Feed {
    fn of(uids: &[Uid], each: usize, admission: Admission) -> Self {
        let batches = uids.chunks(each).map(<[Uid]>::to_vec).collect();
        let (admitted, passing, passed) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { batches, admission, admitted, passing, passed, got: BTreeMap::new() }
    }

    fn only(&self, uid: Uid) -> &FetchOutcome {
        match self.got.get(&uid).map(Vec::as_slice) {
            Some([outcome]) => outcome,
            other => panic!("UID {uid} has not exactly one outcome: {other:?}"),
        }
    }
}

impl FetchFeed for Feed {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        self.batches.pop_front()
    }

    async fn admit(&mut self, octets: u64) -> Admission {
        self.admitted.push(octets);
        self.passing.clear();
        self.admission
    }

    async fn pass(&mut self, uid: Option<Uid>, piece: &Bytes) {
        self.passing.extend_from_slice(piece);
        if let Some(uid) = uid {
            self.passed.insert(uid, self.passing.clone());
        }
    }

    async fn put(&mut self, fetched: Fetched) {
        self.got.entry(fetched.uid).or_default().push(fetched.outcome);
    }
}

async fn a_fetch_reads_what_is_there(session: &mut impl Source, rows: &[ScanRow], expected: &SampleFolder) {
    let gap = Uid::new(4_000_000_000).unwrap();
    let uids: Vec<Uid> = rows.iter().map(|row| row.uid).chain([gap]).collect();
    for each in [1, 3, 200] {
        let mut feed = Feed::of(&uids, each, Admission::Keep);
        session.fetch(&mut feed).await.unwrap();
        for (row, message) in rows.iter().zip(&expected.messages) {
            let FetchOutcome::Message(got) = feed.only(row.uid) else { panic!("{:?}", feed.only(row.uid)) };
            assert!(got.raw == message.raw, "{} by {each} is not what was stored", message.message_id);
            assert_eq!((&got.flags, got.received), (&row.flags, row.received), "{}", message.message_id);
        }
        assert_eq!(feed.only(gap), &FetchOutcome::Vanished, "a UID that is not there");
        assert_eq!(feed.got.len(), uids.len(), "nothing but what was asked for");
        let lengths: Vec<u64> = expected.messages.iter().map(|m| m.raw.len() as u64).collect();
        assert_eq!(feed.admitted, lengths, "one admission for each body, by its exact length");
    }
}

async fn a_drained_body_leaves_its_digest(session: &mut impl Source, rows: &[ScanRow], expected: &SampleFolder) {
    let uids: Vec<Uid> = rows.iter().map(|row| row.uid).collect();
    let mut feed = Feed::of(&uids, 2, Admission::Drain);
    session.fetch(&mut feed).await.unwrap();
    for (row, message) in rows.iter().zip(&expected.messages) {
        let (octets, digest) = (message.raw.len() as u64, Digest::of(&message.raw));
        let (flags, gmail_labels) = (row.flags.clone(), row.gmail_labels.clone());
        let drained = FetchOutcome::Drained { octets, digest, flags, received: row.received, gmail_labels };
        assert_eq!(feed.only(row.uid), &drained);
        assert!(feed.passed.get(&row.uid) == Some(&message.raw.to_vec()), "{} did not pass whole", message.message_id);
    }
}

async fn a_feed_without_uids_does_no_harm(session: &mut impl Source, inbox: &WireName) {
    session.examine(inbox).await.unwrap();
    let mut feed = Feed::of(&[], 1, Admission::Keep);
    session.fetch(&mut feed).await.unwrap();
    assert!(feed.got.is_empty());
    assert!(!session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap().is_empty());
}

async fn a_folder_that_is_gone_is_named(session: &mut impl Source) {
    let fault = session.examine(&WireName::from("NoSuchFolder")).await.err();
    assert_eq!(fault.map(|fault: Fault| fault.code), Some("source.folder_gone".into()));
}

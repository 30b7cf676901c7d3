//! The source port against the WorkMail stand-in.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::collections::{BTreeMap, VecDeque};

use mailcrane_core::Fault;
use mailcrane_core::digest::Digest;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{FolderId, Role};
use mailcrane_core::message::{FetchOutcome, Fetched, NewItem};
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId, Stored};
use mailcrane_core::ports::source::{Admission, Credentials, Endpoint, FetchFeed, ScanDepth, Source, Sources};
use mailcrane_core::uid::{Uid, UidRange};
use mailcrane_ews::{Opening, SourceOpening, WorkMailSource};
use mailcrane_testkit::conformance::source::{conformance, sample};
use serde_json::json;
use support::stand_in::StandIn;
use support::{item, key};

fn reading(opening: Opening) -> SourceOpening {
    let Opening { endpoint, access, gate, settings, .. } = opening;
    SourceOpening { endpoint, access, gate, settings, horizon: None }
}

/// Opens the same mailbox whatever it is asked for.
struct Always(SourceOpening);

impl Sources for Always {
    type Session = WorkMailSource;

    async fn open(&self, _: &Endpoint, _: &Credentials) -> Result<WorkMailSource, Fault> {
        WorkMailSource::open(self.0.clone()).await
    }
}

/// Fills the mailbox with the sample of the conformance suite.
async fn fill(stand_in: &StandIn) {
    let mailbox = stand_in.open(stand_in.user()).await;
    let mut made: BTreeMap<Vec<&str>, FolderId> = BTreeMap::new();
    for (n, folder) in sample().into_iter().enumerate() {
        let (name, above) = folder.path.split_last().expect("a name");
        let role = (folder.path == ["INBOX"]).then_some(Role::Inbox);
        let id = mailbox.create_folder(made.get(above), name, role).await.expect("a folder");
        made.insert(folder.path.clone(), id.clone());
        for (at, message) in folder.messages.into_iter().enumerate() {
            let uid = u32::try_from(n * 1000 + at + 1).expect("a number");
            let flags: Flags = message.flags.iter().copied().collect();
            let categories = flags.categories().map(str::to_owned).collect();
            let item =
                NewItem { key: key(uid), raw: message.raw, flags, categories, received: message.received, ..item(uid) };
            if item.flags.answered && item.flags.forwarded {
                stand_in.create_answered_and_forwarded(&id, &item).await;
                continue;
            }
            let stored = mailbox.store(&id, &[item]).await;
            assert!(matches!(stored[0], Stored::Created(_)), "{stored:?}");
        }
    }
}

#[tokio::test]
async fn each_way_in_keeps_the_contract_of_sources() {
    let stand_in = StandIn::start().await;
    fill(&stand_in).await;
    for access in [stand_in.user(), stand_in.administrator(), stand_in.impersonation().await] {
        let endpoint =
            Endpoint { host: "unused.example.org".into(), port: 1, security: Default::default(), fingerprint: None };
        let credentials = Credentials::Token { user: "unused".into(), token: Default::default() };
        conformance(&Always(reading(stand_in.opening(access))), &endpoint, &credentials).await;
    }
}

/// Asks for UIDs and keeps what comes.
struct Feed {
    batches: VecDeque<Vec<Uid>>,
    admission: Admission,
    got: BTreeMap<Uid, FetchOutcome>,
}

impl Feed {
    fn of(uids: impl IntoIterator<Item = Uid>, admission: Admission) -> Self {
        Self { batches: VecDeque::from([uids.into_iter().collect()]), admission, got: BTreeMap::new() }
    }
}

impl FetchFeed for Feed {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        self.batches.pop_front()
    }

    async fn admit(&mut self, _: u64) -> Admission {
        self.admission
    }

    async fn put(&mut self, fetched: Fetched) {
        assert!(self.got.insert(fetched.uid, fetched.outcome).is_none(), "{} came twice", fetched.uid);
    }
}

async fn opened(stand_in: &StandIn) -> WorkMailSource {
    WorkMailSource::open(reading(stand_in.opening(stand_in.user()))).await.expect("an open mailbox")
}

#[tokio::test]
async fn a_mailbox_of_many_pages_is_read_whole_and_stays_as_it_is() {
    let stand_in = StandIn::start().await;
    stand_in.fill("Inbox", 1203).await;
    let before = stand_in.items().await;
    let mut source = opened(&stand_in).await;
    let examined = source.examine(&"inbox".into()).await.expect("an inbox");
    assert_eq!((examined.exists, examined.uidnext.get()), (1203, 1204));
    let rows = source.scan(UidRange::ALL, ScanDepth::MessageId).await.expect("rows");
    let mut feed = Feed::of(rows.iter().map(|r| r.uid), Admission::Drain);
    source.fetch(&mut feed).await.expect("a fetch");
    let digests = feed.got.values().map(|outcome| match outcome {
        FetchOutcome::Drained { digest, .. } => digest.to_string(),
        other => panic!("{other:?}"),
    });
    let mut digests: Vec<String> = digests.collect();
    let mut expected: Vec<String> = before.iter().map(|i| i["sha256"].as_str().expect("a digest").to_owned()).collect();
    digests.sort();
    expected.sort();
    assert_eq!(digests.len(), 1000.max(digests.len()), "the stand-in names at most 1000 items a page");
    assert!(expected.iter().all(|d| digests.binary_search(d).is_ok()));
    assert_eq!(stand_in.items().await, before, "reading changes nothing");
}

#[tokio::test]
async fn folders_come_with_their_roles_and_a_calendar_is_named_and_skipped() {
    let stand_in = StandIn::start().await;
    let mut source = opened(&stand_in).await;
    let folders = source.folders().await.expect("folders");
    assert_eq!((folders[0].path.as_slice(), folders[0].role), (&["INBOX".to_owned()][..], Some(Role::Inbox)));
    let named = |name: &str| folders.iter().find(|f| f.path == [name]).unwrap_or_else(|| panic!("{name}: {folders:?}"));
    assert!(named("Calendar").skip.is_some());
    for role in [Role::Sent, Role::Drafts, Role::Trash, Role::Junk] {
        assert!(folders.iter().any(|f| f.role == Some(role) && f.skip.is_none()), "{role:?}");
    }
}

#[tokio::test]
async fn what_is_deleted_meanwhile_vanishes_and_renumbers_the_folder() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let mut source = opened(&stand_in).await;
    let inbox = mailbox.create_folder(None, "", Some(Role::Inbox)).await.expect("the inbox");
    let stored: Vec<ItemId> = mailbox
        .store(&inbox, &support::items(3))
        .await
        .into_iter()
        .map(|s| if let Stored::Created(id) = s { id } else { panic!("{s:?}") })
        .collect();
    let first = source.examine(&"INBOX".into()).await.expect("an inbox");
    let rows = source.scan(UidRange::ALL, ScanDepth::MessageId).await.expect("rows");
    assert!(matches!(mailbox.delete(&stored[1..2]).await[0], Deleted::Gone));
    let gone = rows.iter().find(|r| r.message_id.as_deref() == Some("<2@example.org>")).expect("it was listed").uid;
    let mut feed = Feed::of(rows.iter().map(|r| r.uid), Admission::Keep);
    source.fetch(&mut feed).await.expect("a fetch");
    for (uid, outcome) in &feed.got {
        let vanished = *outcome == FetchOutcome::Vanished;
        assert_eq!(vanished, *uid == gone, "{uid}: {outcome:?}");
    }
    let second = source.examine(&"INBOX".into()).await.expect("an inbox");
    assert_ne!(first.uidvalidity, second.uidvalidity);
    assert_eq!(second.exists, 2);
}

#[tokio::test]
async fn mail_that_arrives_during_the_pass_waits_for_the_next_one() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = mailbox.create_folder(None, "", Some(Role::Inbox)).await.expect("the inbox");
    mailbox.store(&inbox, &support::items(2)).await;
    let mut opening = reading(stand_in.opening(stand_in.user()));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    opening.horizon = Some(mailcrane_core::Timestamp::now());
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let mut source = WorkMailSource::open(opening).await.expect("an open mailbox");
    let before = source.examine(&"INBOX".into()).await.expect("an inbox");
    mailbox.store(&inbox, &[item(3)]).await;
    let after = source.examine(&"INBOX".into()).await.expect("an inbox");
    assert_eq!((before, after.exists), (after, 2));
    assert_eq!(opened(&stand_in).await.examine(&"INBOX".into()).await.expect("an inbox").exists, 3);
}

#[tokio::test]
async fn an_item_that_is_not_given_out_is_named_and_the_others_come() {
    let stand_in = StandIn::start().await;
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = mailbox.create_folder(None, "", Some(Role::Inbox)).await.expect("the inbox");
    mailbox.store(&inbox, &support::items(3)).await;
    let mut source = opened(&stand_in).await;
    source.examine(&"INBOX".into()).await.expect("an inbox");
    let rows = source.scan(UidRange::ALL, ScanDepth::Plain).await.expect("rows");
    // The second item of the batch is refused, and once more when it is asked for alone.
    let rule = json!({"operation": "GetItem", "level": "item", "code": "ErrorItemCorrupt", "skip": 1, "count": 1});
    stand_in.rule(rule).await;
    let rule = json!({"operation": "GetItem", "level": "fault", "code": "ErrorItemCorrupt", "skip": 1, "count": 1});
    stand_in.rule(rule).await;
    let mut feed = Feed::of(rows.iter().map(|r| r.uid), Admission::Keep);
    source.fetch(&mut feed).await.expect("a fetch");
    let outcomes: Vec<bool> = feed.got.values().map(|o| matches!(o, FetchOutcome::Message(_))).collect();
    assert_eq!(outcomes, [true, false, true], "{:?}", feed.got);
    assert!(
        matches!(feed.got.values().nth(1), Some(FetchOutcome::Unreadable { reason }) if reason.contains("ErrorItemCorrupt"))
    );
    // A poisoned batch is read one by one.
    stand_in
        .rule(json!({"operation": "GetItem", "level": "fault", "code": "ErrorInternalServerError", "count": 1}))
        .await;
    let mut feed = Feed::of(rows.iter().map(|r| r.uid), Admission::Keep);
    source.fetch(&mut feed).await.expect("a fetch");
    let raws: Vec<_> = feed
        .got
        .values()
        .filter_map(|o| if let FetchOutcome::Message(m) = o { Some(m.raw.clone()) } else { None })
        .collect();
    assert_eq!(
        raws.iter().map(|r| Digest::of(r)).collect::<Vec<_>>(),
        support::items(3).iter().map(|i| Digest::of(&i.raw)).collect::<Vec<_>>()
    );
}

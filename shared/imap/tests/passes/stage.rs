//! One account: an IMAP source behind the real adapter, a mailbox in memory, and the engine between them.

use crate::server::{Server, To, Tree};
use mailcrane_core::folder::{FolderId, WireName};
use mailcrane_core::id::{AccountNo, LaneNo, MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::queue::Queues;
use mailcrane_core::ports::source::{Credentials, Endpoint, Security, Sources as _};
use mailcrane_core::ports::table::Body;
use mailcrane_core::record::{
    Account, Analysis, Entry, Folder, Grade, Lane, LaneState, Migration, PassKind, Slice, SliceState, Versioned, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_core::token::{ContinuationToken, LaneKind, Reason, Task};
use mailcrane_core::{Fault, Timestamp};
use mailcrane_engine::ledger::Change;
use mailcrane_engine::world::{Parts, World as _, later};
use mailcrane_engine::{admission, chunk, control, copy, lane, ledger, sweep};
use mailcrane_imap::{Dial, ImapSession, ImapSources, Network, Opening, Tls, TlsSettings, Verbs};
use mailcrane_testkit::destination::{Mailbox, MemoryDestination, MemoryDestinations};
use mailcrane_testkit::records::{account, migration};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a function may run.
const FUNCTION: Duration = Duration::from_secs(300);
/// How often the scheduled function runs.
const SWEEP: Duration = Duration::from_secs(60);
/// How long a pass over so little mail may take, whatever the server does.
const PATIENCE: Duration = Duration::from_secs(3600);

const NO: AccountNo = AccountNo(0);

type World = Parts<MemoryTable, Post, Virtual>;

/// The virtual time of the runtime; the adapters in memory show the same.
#[derive(Debug, Clone)]
pub struct Virtual {
    clock: ManualClock,
    begun: (Instant, Timestamp),
}

impl Virtual {
    fn over(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), begun: (Instant::now(), clock.now()) }
    }
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let now = later(self.begun.1, self.begun.0.elapsed());
        self.clock.advance(Duration::try_from(now.duration_since(self.clock.now())).unwrap_or_default());
        now
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The queues.
#[derive(Debug, Clone)]
pub struct Post(UnboundedSender<ContinuationToken>);

impl Queues for Post {
    async fn continue_lane(&self, token: &ContinuationToken, delay: Duration) -> Result<(), Fault> {
        let (sender, token) = (self.0.clone(), token.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = sender.send(token);
        });
        Ok(())
    }

    async fn send(&self, _tasks: &[Task], _delay: Duration) -> Result<(), Fault> {
        Ok(())
    }
}

struct RealSource {
    sources: ImapSources,
    destinations: MemoryDestinations,
}

impl Ends for RealSource {
    type Source = ImapSession;
    type Destination = MemoryDestination;

    async fn source(&self, _migration: &Migration, account: &Account) -> Result<ImapSession, Fault> {
        let credentials = Credentials::Password { user: account.source.user.clone(), password: Secret::new("secret") };
        self.sources.open(&account.source.endpoint, &credentials).await
    }

    async fn destination(&self, _migration: &Migration, account: &Account) -> Result<MemoryDestination, Fault> {
        self.destinations.open(&account.destination.mailbox).await
    }
}

/// An account that is ready to be copied.
pub struct Stage {
    memory: Memory,
    world: Arc<World>,
    ends: Arc<RealSource>,
    tokens: UnboundedReceiver<ContinuationToken>,
    id: MigrationId,
    /// The lanes as they were whenever somebody waited: the times at which they did, and what they say.
    pub waited: Vec<(Timestamp, Lane)>,
}

impl Stage {
    pub async fn before(server: &Arc<Server>) -> Self {
        Self::dialling(Arc::new(To(server.clone()))).await
    }

    /// An account whose source is reached so.
    pub async fn dialling(dial: Arc<dyn Dial>) -> Self {
        let memory = Memory::default();
        let (sender, tokens) = unbounded_channel();
        let clock = Virtual::over(&memory.clock);
        let world = Parts { table: memory.table.clone(), queues: Post(sender), clock, settings: Settings::default() };
        let opening = Opening {
            dial,
            tls: Tls::new(&TlsSettings::default()).unwrap(),
            network: Network::default(),
            verbs: Verbs::Source,
        };
        let ends = RealSource { sources: ImapSources::new(opening), destinations: memory.ends.destinations.clone() };
        let id = MigrationId::new("0123456789ab").unwrap();
        let stage = Self { memory, world: Arc::new(world), ends: Arc::new(ends), tokens, id, waited: Vec::new() };
        let (table, id) = (&stage.world.table, &stage.id);
        let _ = stage.mailbox();
        let record = migration(id, 1, stage.world.now());
        assert!(ledger::create(table, keys::migration(id), record).await.unwrap());
        let host = "imap.example.org".to_owned();
        let endpoint = Endpoint { host, port: 143, security: Security::None, fingerprint: None };
        let account = account(NO, endpoint, "anna", "anna@example.org");
        assert!(ledger::create(table, keys::account(id, NO), account).await.unwrap());
        stage
    }

    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The destination.
    pub fn mailbox(&self) -> Mailbox {
        self.memory.ends.destinations.mailbox("anna@example.org")
    }

    /// Plays a pass until the migration rests.
    pub async fn play(&mut self, kind: PassKind) {
        control::start(&*self.world, &self.id, kind, None, None).await.unwrap();
        self.run(|stage| stage.migration().state.rests()).await;
    }

    /// Analyzes the account.
    pub async fn analyze(&mut self) -> Analysis {
        let table = &self.world.table;
        let begin = |account: &mut Account| {
            (account.state, account.analysis) = (AccountState::Analyzing, Analysis::default());
            Ok(Change::Write)
        };
        ledger::update::<Account>(table, &keys::account(&self.id, NO), begin).await.unwrap();
        let lane = admission::lane(&*self.world, &self.id, NO, LaneKind::Analyze, LaneNo(0), PassNo(0));
        let mut lane = lane.await.unwrap();
        ledger::put(table, &mut lane).await.unwrap();
        lane::send(&*self.world, &lane.record, Reason::Begin).await.unwrap();
        self.run(|stage| stage.account().state != AccountState::Analyzing).await;
        let account = self.account();
        assert_eq!(account.state, AccountState::Ready, "{:?}", account.source_check);
        account.analysis
    }

    /// Invokes functions until it is over.
    async fn run(&mut self, over: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        let mut sweeps = tokio::time::interval(SWEEP);
        sweeps.tick().await;
        while !(over(self) && running.is_empty()) {
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:#?}\n{:#?}", self.account(), self.lanes());
            tokio::select! {
                Some(token) = self.tokens.recv() => {
                    let (world, ends) = (self.world.clone(), self.ends.clone());
                    running.spawn(async move {
                        let deadline = later(world.now(), FUNCTION);
                        let work = Box::pin(chunk::run(&*world, &*ends, &token, deadline));
                        tokio::time::timeout(FUNCTION, work).await.expect("a function is still at work").unwrap();
                    });
                }
                // A panic under way is one here.
                Some(ended) = running.join_next(), if !running.is_empty() => ended.unwrap(),
                _ = sweeps.tick() => {
                    let deadline = later(self.world.now(), SWEEP);
                    sweep::run(&*self.world, deadline).await.unwrap();
                }
            }
            let (now, lanes) = (self.world.now(), self.lanes());
            self.waited.extend(lanes.into_iter().filter(|lane| !lane.waits_code.is_empty()).map(|lane| (now, lane)));
        }
    }

    fn migration(&self) -> Migration {
        let snapshot = self.memory.table.snapshot();
        Versioned::of(&snapshot[&keys::migration(&self.id)]).unwrap().record
    }

    fn account(&self) -> Account {
        let snapshot = self.memory.table.snapshot();
        Versioned::of(&snapshot[&keys::account(&self.id, NO)]).unwrap().record
    }

    fn lanes(&self) -> Vec<Lane> {
        let partition = keys::account_partition(&self.id, NO);
        self.memory.table.records::<Lane>(&partition, "L#").unwrap().into_iter().map(|lane| lane.record).collect()
    }

    fn folders(&self) -> Vec<Folder> {
        let partition = keys::account_partition(&self.id, NO);
        let folders = self.memory.table.records::<Folder>(&partition, "F#").unwrap();
        folders.into_iter().map(|folder| folder.record).collect()
    }

    /// What is told of the account besides its rows.
    fn protocol(&self) -> Vec<Entry> {
        let partition = keys::account_partition(&self.id, NO);
        let items = self.memory.table.snapshot();
        let pages = items.into_iter().filter(|(key, _)| key.pk == partition && key.sk.starts_with("P#"));
        let octets = pages.filter_map(|(_, item)| match item.body {
            Body::Packed(octets) => Some(octets),
            Body::Json(_) => None,
        });
        octets.flat_map(|page| mailcrane_core::manifest::unpack::<Entry>(&page).unwrap()).collect()
    }

    /// The manifest of a pass, by the names of folders on the wire and UIDs.
    async fn manifest(&self, pass: u32) -> BTreeMap<(WireName, u32), Row> {
        let names: BTreeMap<_, _> = self.folders().into_iter().map(|folder| (folder.no, folder.wire)).collect();
        let mut rows = BTreeMap::new();
        for slice in self.slices(PassNo(pass)) {
            for row in copy::lease::rows(&*self.world, &self.id, NO, &slice).await.unwrap() {
                let key = (names[&slice.folder].clone(), row.uid.get());
                assert!(rows.insert(key, row).is_none(), "a message has two rows");
            }
        }
        rows
    }

    fn slices(&self, pass: PassNo) -> Vec<Slice> {
        let partition = keys::account_partition(&self.id, NO);
        let slices = self.memory.table.records::<Slice>(&partition, &keys::slices(pass)).unwrap();
        let most = self.account().pass.slices;
        slices.into_iter().map(|slice| slice.record).filter(|slice| slice.no.0 < most).collect()
    }

    /// Asserts that the sum holds after a first pass, that every message which the server had has its row, that what was
    /// copied lies at the destination octet by octet and once, and that everything else is named with its reason.
    pub async fn audit(&self, tree: &Tree) -> BTreeMap<Outcome, usize> {
        let (account, rows) = (self.account(), self.manifest(1).await);
        let found: u64 = tree.values().map(|messages| messages.len() as u64).sum();
        let failed = account.pass.counters.failed > 0;
        let expected = match failed {
            true => (MigrationState::FinishedWithErrors, AccountState::DoneWithErrors),
            false => (MigrationState::Finished, AccountState::Done),
        };
        let (code, error) = (&account.error_code, &account.error);
        assert_eq!((self.migration().state, account.state), expected, "{code} {error}");
        assert_eq!(account.pass.found, found);
        assert_eq!(
            account.pass.counters.accounted(),
            found,
            "found is copied + duplicate + skipped + failed + vanished"
        );
        assert_eq!(rows.len() as u64, found, "rows and found differ");
        assert!(self.slices(PassNo(1)).iter().all(|slice| slice.state == SliceState::Done));
        assert!(self.lanes().iter().all(|lane| lane.state == LaneState::Ended), "{:#?}", self.lanes());
        assert!(self.lanes().iter().any(|lane| lane.kind == LaneKind::Verify), "nothing was verified");
        let mailbox = self.mailbox();
        let items: BTreeMap<_, _> = mailbox.items().into_iter().map(|item| (item.id.clone(), item)).collect();
        let places: BTreeMap<WireName, FolderId> =
            self.folders().into_iter().filter_map(|folder| Some((folder.wire, folder.destination?))).collect();
        let told: Vec<_> = self.protocol().into_iter().filter_map(|entry| entry.folder).collect();
        for folder in self.folders().iter().filter(|folder| !folder.skipped.is_empty()) {
            assert!(told.contains(&folder.no), "{:?} is left out in silence", folder.wire);
        }
        let mut outcomes = BTreeMap::new();
        for (name, messages) in tree {
            let name = WireName::new(name.clone());
            assert!(places.contains_key(&name), "{name:?} is not copied");
            for (uid, message) in messages {
                let row = rows.get(&(name.clone(), *uid)).unwrap_or_else(|| panic!("{name:?} {uid} has no row"));
                *outcomes.entry(row.outcome).or_default() += 1;
                if row.outcome == Outcome::Copied {
                    let item = &items[row.item.as_ref().unwrap()];
                    assert_eq!(item.raw, message.raw, "{name:?} {uid}");
                    assert_eq!(item.folder, places[&name], "{name:?} {uid}");
                } else {
                    assert!(!row.code.is_empty() && !row.reason.is_empty(), "{name:?} {uid}: {row:?}");
                }
            }
        }
        assert!(mailbox.doubled().is_empty());
        assert_eq!(items.len(), outcomes.get(&Outcome::Copied).copied().unwrap_or_default());
        let exceptions = outcomes.keys().any(|outcome| matches!(outcome, Outcome::Failed | Outcome::Vanished));
        assert_ne!(account.grade, Some(Grade::Missing));
        assert!(!(exceptions && account.grade == Some(Grade::Complete)), "{outcomes:?}");
        outcomes
    }
}

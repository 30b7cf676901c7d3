//! The whole engine over memory adapters: functions are processes, time is virtual, the sweeper runs every minute.

use mailcrane_core::id::{AccountNo, MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::ports::table::Body;
use mailcrane_core::record::{Account, Entry, Lane, Migration, Options, PassKind, Slice, Versioned, keys};
use mailcrane_core::settings::{Settings, Sizes, Times};
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::LaneKind;
use mailcrane_core::uid::Uid;
use mailcrane_engine::copy::rescue::Shelf;
use mailcrane_engine::world::{Parts, World, later};
use mailcrane_engine::{chunk, control, copy, export, ledger, sweep};
use mailcrane_testkit::blobs::MemoryBlobs;
use mailcrane_testkit::drive::Functions;
use mailcrane_testkit::queues::{Delivery, MemoryQueues};
use mailcrane_testkit::records::{self, migration};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a function may run.
const FUNCTION: Duration = Duration::from_secs(300);

pub(crate) type Stage = Parts<MemoryTable, MemoryQueues, ManualClock>;

pub(crate) struct Theatre {
    pub(crate) memory: Memory,
    pub(crate) stage: Stage,
    pub(crate) id: MigrationId,
}

impl Theatre {
    pub(crate) fn with(accounts: u32, sizes: Sizes) -> Self {
        let settings = Settings { times: Times::default(), sizes, workmail_ends: None };
        let memory = Memory::default();
        let stage =
            Parts { table: memory.table.clone(), queues: memory.queues.clone(), clock: memory.clock.clone(), settings };
        let theatre = Self { memory, stage, id: MigrationId::new("0123456789ab").unwrap() };
        theatre.memory.clock.clone().block_on(theatre.fill(accounts));
        theatre
    }

    async fn fill(&self, accounts: u32) {
        let migration = migration(&self.id, accounts, self.stage.now());
        assert!(ledger::create(&self.stage.table, keys::migration(&self.id), migration).await.unwrap());
        for no in (0..accounts).map(AccountNo) {
            let _ = (self.source(no.0), self.destination(no.0));
            assert!(ledger::create(&self.stage.table, keys::account(&self.id, no), account(no)).await.unwrap());
        }
    }

    /// Starts a pass and plays it until the migration rests and nothing is on its way.
    pub(crate) fn play(&self, kind: PassKind) -> MigrationState {
        let clock = self.memory.clock.clone();
        clock.block_on(async {
            self.start(kind).await;
            self.run(|m| m.state.rests()).await
        })
    }

    /// Starts a pass, as a person does: again when there was no answer.
    pub(crate) async fn start(&self, kind: PassKind) {
        let before = Some(self.stage.now());
        self.control(|| control::start(&self.stage, &self.id, kind, None, before), MigrationState::Running).await;
    }

    /// Does something as a person does: when there is no answer, or an error, looks at the state and asks again.
    pub(crate) async fn control<F>(&self, call: impl Fn() -> F, wanted: MigrationState)
    where
        F: Future<Output = Result<Migration, control::ControlError>>,
    {
        if matches!(self.memory.plan.process(call()).await, Ok(Ok(_))) || self.migration().state == wanted {
            return;
        }
        let again = call().await;
        assert!(again.is_ok() || self.migration().state.rests(), "{again:?}");
    }

    /// Waits until that many messages of the first account are at the destination.
    pub(crate) async fn wait_for(&self, items: usize) {
        while self.destination(0).items().len() < items {
            self.memory.clock.sleep(Duration::from_secs(1)).await;
        }
    }

    /// Plays until the migration is as wanted and no function is running.
    pub(crate) async fn run(&self, until: impl Fn(&Migration) -> bool) -> MigrationState {
        let functions =
            Functions { time_limit: FUNCTION, visibility: FUNCTION + Duration::from_secs(60), ..Functions::default() };
        let invoke = |delivery: Delivery, deadline| async move {
            let Delivery::Continuation(token) = &delivery else { return Ok(()) };
            let worked = match token.kind {
                LaneKind::Export => export::run(&self.stage, &self.memory.blobs, token, deadline).await,
                _ => chunk::run_with(&self.stage, &self.memory.ends, Some(&self.shelf()), token, deadline).await,
            };
            worked.map_err(|e| e.to_string())
        };
        let sweep = || async {
            let deadline = later(self.memory.clock.now(), Duration::from_secs(50));
            sweep::run(&self.stage, deadline).await.map(|_| ()).map_err(|e| e.to_string())
        };
        let played = functions.run(&self.memory, invoke, sweep, || until(&self.migration())).await;
        let (migration, account) = (self.migration(), self.account(0));
        assert_eq!(played, Ok(()), "the migration does not end: {:?}\n{:#?}", migration.state, self.lanes());
        if !account.error.is_empty() {
            println!("{:?}: {} {}", account.state, account.error_code, account.error);
        }
        migration.state
    }

    /// Where messages are kept that are too large, if the migration wants it.
    pub(crate) fn shelf(&self) -> Shelf<MemoryBlobs> {
        let (bucket, public_url) = ("bucket".to_owned(), "https://move.example.org".to_owned());
        Shelf { blobs: self.memory.blobs.clone(), bucket, public_url }
    }

    /// Changes what the migration copies.
    pub(crate) fn choose(&self, change: impl Fn(&mut Options) + Send + Sync) {
        let key = keys::migration(&self.id);
        let chosen = ledger::update::<Migration>(&self.stage.table, &key, |migration| {
            change(&mut migration.options);
            Ok(ledger::Change::Write)
        });
        self.memory.clock.block_on(chosen).unwrap();
    }

    pub(crate) fn migration(&self) -> Migration {
        let snapshot = self.memory.table.snapshot();
        Versioned::of(snapshot.get(&keys::migration(&self.id)).unwrap()).unwrap().record
    }

    pub(crate) fn account(&self, no: u32) -> Account {
        let snapshot = self.memory.table.snapshot();
        Versioned::of(snapshot.get(&keys::account(&self.id, AccountNo(no))).unwrap()).unwrap().record
    }

    pub(crate) fn lanes(&self) -> Vec<Lane> {
        let partition = keys::account_partition(&self.id, AccountNo(0));
        self.memory.table.records::<Lane>(&partition, "L#").unwrap().into_iter().map(|l| l.record).collect()
    }

    pub(crate) fn slices(&self, no: u32, pass: PassNo) -> Vec<Slice> {
        let partition = keys::account_partition(&self.id, AccountNo(no));
        let slices = self.memory.table.records::<Slice>(&partition, &keys::slices(pass)).unwrap();
        let most = self.account(no).pass.slices;
        slices.into_iter().map(|s| s.record).filter(|s| s.no.0 < most || s.pass != self.account(no).pass.no).collect()
    }

    /// Returns what is told of an account besides its rows.
    pub(crate) fn protocol(&self, no: u32) -> Vec<Entry> {
        let partition = keys::account_partition(&self.id, AccountNo(no));
        let items = self.memory.table.snapshot();
        let pages = items.into_iter().filter(|(key, _)| key.pk == partition && key.sk.starts_with("P#"));
        let octets = pages.filter_map(|(_, item)| match item.body {
            Body::Packed(octets) => Some(octets),
            Body::Json(_) => None,
        });
        octets.flat_map(|page| mailcrane_core::manifest::unpack::<Entry>(&page).unwrap()).collect()
    }

    /// Returns the rows of a pass, by folder and UID.
    pub(crate) fn rows(&self, no: u32, pass: PassNo) -> BTreeMap<(u32, Uid), Row> {
        let mut rows = BTreeMap::new();
        for slice in self.slices(no, pass) {
            let read = copy::lease::rows(&self.stage, &self.id, AccountNo(no), &slice);
            for row in self.memory.clock.block_on(read).unwrap() {
                rows.insert((slice.folder.0, row.uid), row);
            }
        }
        rows
    }

    pub(crate) fn outcomes(&self, no: u32, pass: PassNo) -> BTreeMap<Outcome, usize> {
        let mut outcomes = BTreeMap::new();
        for row in self.rows(no, pass).values() {
            *outcomes.entry(row.outcome).or_default() += 1;
        }
        outcomes
    }

    pub(crate) fn source(&self, no: u32) -> mailcrane_testkit::source::Mailbox {
        self.memory.ends.sources.mailbox(&user(no))
    }

    pub(crate) fn destination(&self, no: u32) -> mailcrane_testkit::destination::Mailbox {
        self.memory.ends.destinations.mailbox(&address(no))
    }

    /// Asserts that the ledger adds up: every slice is done, counters equal rows, nothing is pending.
    pub(crate) fn audit(&self, no: u32) {
        let account = self.account(no);
        let mut rows = 0;
        for slice in self.slices(no, account.pass.no) {
            assert_eq!(slice.state, mailcrane_core::record::SliceState::Done, "{slice:?}");
            assert_eq!(slice.counters.accounted(), slice.found, "{slice:?}");
            rows += slice.found;
        }
        assert_eq!(account.pass.found, rows, "found and slices differ");
        assert_eq!(account.pass.counters.accounted(), rows, "lane counters and rows differ");
        let lanes = self.memory.table.records::<Lane>(&keys::account_partition(&self.id, AccountNo(no)), "L#").unwrap();
        assert!(lanes.iter().all(|l| l.record.state == mailcrane_core::record::LaneState::Ended), "{lanes:#?}");
        assert!(lanes.iter().any(|l| l.record.kind == LaneKind::Verify));
    }
}

pub(crate) fn user(no: u32) -> String {
    format!("user{no}")
}

pub(crate) fn address(no: u32) -> String {
    format!("user{no}@example.org")
}

fn account(no: AccountNo) -> Account {
    let host = "imap.example.org".to_owned();
    let endpoint = Endpoint { host, port: 993, security: Security::Tls, fingerprint: None };
    records::account(no, endpoint, &user(no.0), &address(no.0))
}

//! Mailcrane: the engine as the functions run it, over the real adapters, with a table in memory.
//!
//! Every invocation has what a process of its own would have: connections, and the limit of requests in flight.

use crate::dovecot::PASSWORD;
use crate::mailbox::Mailbox;
use crate::measure::{self, Meter};
use crate::table::Metered;
use crate::work::{Chunk, Contestant, Report, Work};
use anyhow::{Context as _, Result, bail};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mailcrane_core::folder::{DestinationFolder, FolderId, Role};
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::key::{KeyPrefix, SourceId};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::destination::{Deleted, Destination, Features, ItemId, ListPage, ListedItem, Stored};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::queue::Queues;
use mailcrane_core::ports::vault::Vault as _;
use mailcrane_core::record::{Account, Allowance, Migration, PassKind, keys};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::token::{ContinuationToken, Reason, Task};
use mailcrane_core::uid::UidRange;
use mailcrane_core::{Fault, Timestamp};
use mailcrane_ends::{AnyDestination, AnySource, Opener};
use mailcrane_engine::world::{Parts, World as _, later};
use mailcrane_engine::{chunk, control, ledger, sweep};
use mailcrane_testkit::directory::MemoryDirectory;
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::vault::MemoryVault;
use mailcrane_testkit::{FaultPlan, ManualClock};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How often the scheduled function runs.
const SWEEP: Duration = Duration::from_secs(60);
/// What a function may run longer than it copies.
const RESERVE: Duration = Duration::from_secs(60);

type Desk = Metered<MemoryTable>;
type Door = Opener<MemoryVault, MemoryDirectory, Desk>;
type World = Parts<Desk, Post, WallClock>;

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The queues.
#[derive(Debug, Clone)]
struct Post {
    sender: UnboundedSender<ContinuationToken>,
    sent: Arc<AtomicU64>,
}

impl Queues for Post {
    async fn continue_lane(&self, token: &ContinuationToken, delay: Duration) -> Result<(), Fault> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let (sender, token) = (self.sender.clone(), token.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = sender.send(token);
        });
        Ok(())
    }

    async fn send(&self, tasks: &[Task], _delay: Duration) -> Result<(), Fault> {
        self.sent.fetch_add(tasks.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// When messages were stored, over all invocations.
#[derive(Debug, Clone, Default)]
struct Progress(Arc<Mutex<Vec<Noted>>>);

/// So many messages were stored, and what the machine had spent by then: busy and whole CPU seconds.
#[derive(Debug, Clone, Copy)]
struct Noted {
    at: Instant,
    stored: usize,
    spent: (f64, f64),
}

impl Progress {
    fn note(&self, stored: usize) {
        let noted = Noted { at: Instant::now(), stored, spent: measure::machine() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
    }

    /// Returns what was stored between the first and the last fifth: messages a second, and how much of the machine's CPU
    /// was busy meanwhile.
    fn steady(&self) -> Option<(f64, f64)> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole: usize = noted.iter().map(|noted| noted.stored).sum();
        let mut sum = 0;
        let mut middle = Vec::new();
        for noted in noted.iter() {
            sum += noted.stored;
            if sum * 5 >= whole && sum * 5 <= whole * 4 {
                middle.push((noted, sum));
            }
        }
        let ((from, first), (to, last)) = (middle.first()?, middle.last()?);
        let seconds = to.at.duration_since(from.at).as_secs_f64();
        let busy = (to.spent.0 - from.spent.0) / (to.spent.1 - from.spent.1).max(0.01);
        #[expect(clippy::cast_precision_loss, reason = "messages are few enough")]
        let rate = (seconds > 0.0).then(|| ((last - first) as f64 / seconds, busy));
        rate
    }
}

/// The ends of one invocation; notes when the destination was first and last at work.
struct Watched {
    door: Arc<Door>,
    progress: Progress,
    span: Span,
}

type Span = Arc<Mutex<Option<(Instant, Instant)>>>;

struct WatchedDestination {
    inner: AnyDestination,
    progress: Progress,
    span: Span,
}

impl Ends for Watched {
    type Source = AnySource;
    type Destination = WatchedDestination;

    async fn source(&self, migration: &Migration, account: &Account) -> Result<AnySource, Fault> {
        self.door.source(migration, account).await
    }

    fn allowance(&self, account: &Account) -> Allowance {
        self.door.allowance(account)
    }

    async fn destination(&self, migration: &Migration, account: &Account) -> Result<WatchedDestination, Fault> {
        let inner = self.door.destination(migration, account).await?;
        Ok(WatchedDestination { inner, progress: self.progress.clone(), span: self.span.clone() })
    }
}

impl Destination for WatchedDestination {
    fn features(&self) -> &Features {
        self.inner.features()
    }

    async fn folders(&self) -> Result<Vec<DestinationFolder>, Fault> {
        self.inner.folders().await
    }

    async fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        self.inner.create_folder(parent, name, role).await
    }

    async fn store(&self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        let begun = Instant::now();
        let stored = self.inner.store(folder, items).await;
        self.progress.note(stored.iter().filter(|one| matches!(one, Stored::Created(_))).count());
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        let first = span.map_or(begun, |(first, _)| first.min(begun));
        *span = Some((first, Instant::now()));
        stored
    }

    async fn list(&self, folder: &FolderId, page: Option<&str>) -> Result<ListPage, Fault> {
        self.inner.list(folder, page).await
    }

    async fn find(&self, prefix: KeyPrefix, range: UidRange) -> Result<Vec<ListedItem>, Fault> {
        self.inner.find(prefix, range).await
    }

    async fn delete(&self, items: &[ItemId]) -> Vec<Deleted> {
        self.inner.delete(items).await
    }
}

/// Migrates every account and tells how it went.
pub(super) async fn run(work: &Work) -> Result<Report> {
    let mut stage = Stage::set(work).await?;
    let meter = Meter::start();
    let chunks = stage.play(PassKind::Full).await?;
    let steady = stage.progress.steady();
    let report = Report {
        steady: steady.map(|(rate, _)| rate),
        steady_busy: steady.map(|(_, busy)| busy),
        bill: Some(stage.world.table.bill()),
        queued: stage.world.queues.sent.load(Ordering::Relaxed),
        chunks,
        ..meter.stop()
    };
    let delta = if work.delta { stage.play(PassKind::Delta).await? } else { Vec::new() };
    Ok(Report { delta, ..report })
}

/// A migration that is ready to be started.
struct Stage {
    id: MigrationId,
    world: Arc<World>,
    bare: MemoryTable,
    vault: MemoryVault,
    plan: FaultPlan,
    ews: String,
    tokens: UnboundedReceiver<ContinuationToken>,
    progress: Progress,
    /// The doors of invocations that have ended; the next one goes on with them, as a warm process does.
    free: Vec<Arc<Door>>,
}

impl Stage {
    async fn set(work: &Work) -> Result<Self> {
        let plan = FaultPlan::new(&ManualClock::starting(Timestamp::now()));
        let bare = MemoryTable::new(&plan);
        let accounts = u32::try_from(work.to.len())?;
        let mut settings = Settings::default();
        settings.times.chunk = Duration::from_secs(work.chunk_seconds);
        settings.sizes.lanes = work.lanes;
        settings.sizes.requests.1 = work.requests;
        let active = work.to.len().max(settings.sizes.active_accounts);
        (settings.sizes.active_accounts, settings.sizes.active_per_host) = (active, active);
        let (sender, tokens) = unbounded_channel();
        let queues = Post { sender, sent: Arc::default() };
        let id = MigrationId::new("bench0000001").context("an id")?;
        let world = Parts { table: Metered::new(bare.clone(), true), queues, clock: WallClock, settings };
        let vault = MemoryVault::new(&plan);
        let to_imap = work.contestant == Contestant::ToImap;
        let destination = match to_imap {
            true => {
                json!({"kind": "imap", "endpoint": {"host": "127.0.0.1", "port": work.destination, "security": "none"}})
            }
            false => json!({"kind": "workmail", "access": "user"}),
        };
        let migration = json!({
            "v": 1, "id": id, "state": "ready", "created": Timestamp::now(), "accounts": accounts, "checked": accounts,
            "destination": destination, "token_hash": "", "by_operator": true,
        });
        let migration: Migration = serde_json::from_value(migration)?;
        ledger::create(&bare, keys::migration(&id), migration).await?;
        let user = Mailbox::draw(work.kind, work.divisor).user();
        let mut secrets = Vec::new();
        for (no, to) in (0..accounts).map(AccountNo).zip(&work.to) {
            let account = json!({
                "v": 1, "no": no, "source_id": SourceId::of(&format!("{user}.{to}"), "127.0.0.1"), "state": "ready",
                "selected": true, "destination": {"mailbox": to},
                "source": {"endpoint": {"host": "127.0.0.1", "port": work.source, "security": "none"}, "user": user},
            });
            let account: Account = serde_json::from_value(account)?;
            ledger::create(&bare, keys::account(&id, no), account).await?;
            let secret = json!({"source_password": PASSWORD, "destination_password": PASSWORD});
            secrets.push((no, Secret::new(secret.to_string())));
        }
        vault.seal(&id, &secrets).await?;
        let ews = format!("http://127.0.0.1:{}/EWS/Exchange.asmx", work.destination);
        let (world, progress) = (Arc::new(world), Progress::default());
        Ok(Self { id, world, bare, vault, plan, ews, tokens, progress, free: Vec::new() })
    }

    /// Starts a pass and invokes functions until the migration rests.
    async fn play(&mut self, pass: PassKind) -> Result<Vec<Chunk>> {
        let (world, id) = (self.world.clone(), self.id.clone());
        // Functions are invoked while the start still goes over the accounts.
        let mut start = tokio::spawn(async move { control::start(&*world, &id, pass, None, None).await });
        let mut started = false;
        let (mut running, mut chunks) = (FuturesUnordered::new(), Vec::new());
        let mut sweeps = tokio::time::interval(SWEEP);
        sweeps.tick().await;
        loop {
            tokio::select! {
                Some(token) = self.tokens.recv() => {
                    let door = self.free.pop().map_or_else(|| self.door().map(Arc::new), Ok)?;
                    let watched = Watched { door, progress: self.progress.clone(), span: Span::default() };
                    running.push(tokio::spawn(invoke(self.world.clone(), watched, token)));
                }
                Some(ended) = running.next(), if !running.is_empty() => {
                    let (door, chunk) = ended??;
                    self.free.push(door);
                    chunks.push(chunk);
                    if started && running.is_empty() && self.rests().await? {
                        return Ok(chunks);
                    }
                }
                begun = &mut start, if !started => {
                    begun??;
                    started = true;
                }
                _ = sweeps.tick() => {
                    let deadline = later(self.world.now(), SWEEP);
                    sweep::run(&*self.world, deadline).await?;
                }
            }
        }
    }

    fn door(&self) -> Result<Door> {
        let settings = mailcrane_ends::Settings {
            organization: "bench".to_owned(),
            ews_url: self.ews.clone(),
            administrator: None,
            private_hosts: true,
            extra_ca_pem: String::new(),
            engine: self.world.settings.clone(),
        };
        Ok(Opener::new(self.vault.clone(), MemoryDirectory::new(&self.plan), self.world.table.clone(), settings)?)
    }

    /// Tells whether the migration has ended; it must have ended well.
    async fn rests(&self) -> Result<bool> {
        let migration = ledger::get::<Migration>(&self.bare, &keys::migration(&self.id)).await?.record;
        if !migration.state.rests() {
            return Ok(false);
        }
        let account = ledger::get::<Account>(&self.bare, &keys::account(&self.id, AccountNo(0))).await?.record;
        if migration.state != mailcrane_core::state::MigrationState::Finished {
            bail!("the migration ended as {:?}: {} {}", migration.state, account.error_code, account.error);
        }
        Ok(true)
    }
}

/// One invocation.
async fn invoke(world: Arc<World>, ends: Watched, token: ContinuationToken) -> Result<(Arc<Door>, Chunk)> {
    let begun = Instant::now();
    let deadline = later(world.now(), world.settings.times.chunk + RESERVE);
    Box::pin(chunk::run(&*world, &ends, &token, deadline)).await?;
    let whole = begun.elapsed().as_secs_f64();
    let span = *ends.span.lock().unwrap_or_else(PoisonError::into_inner);
    let (before, after) = span.map_or((whole, 0.0), |(first, last)| {
        (first.duration_since(begun).as_secs_f64(), last.elapsed().as_secs_f64())
    });
    let continues = token.reason == Reason::Time;
    Ok((ends.door, Chunk { kind: token.kind.as_str().to_owned(), whole, before, after, continues }))
}

//! Scale by simulation: the engine as it is, over ends and a table in memory, on a clock that leaps.

use crate::table::Metered;
use anyhow::{Context as _, Result, ensure};
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::key::SourceId;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::record::{Account, Migration, PassKind, keys};
use mailcrane_core::settings::Settings;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::world::{Parts, later};
use mailcrane_engine::{chunk, control, ledger, sweep};
use mailcrane_testkit::drive::Functions;
use mailcrane_testkit::faults::Port;
use mailcrane_testkit::queues::{Delivery, MemoryQueues};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use serde::Serialize;
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a request to an end takes, and one to the table.
const END: Duration = Duration::from_millis(50);
const TABLE: Duration = Duration::from_millis(8);
/// How long a function may run.
const FUNCTION: Duration = Duration::from_secs(300);

/// What a migration of so many accounts came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Scale {
    pub(crate) accounts: u32,
    pub(crate) messages: u32,
    /// Calls of the table for an account.
    pub(crate) calls: f64,
    /// What table and queues cost for an account, in dollars.
    pub(crate) dollars: f64,
    /// Simulated time to the end of the last account, in seconds.
    pub(crate) last: f64,
    /// The longest and the shortest time from the admission of an account to its end, in seconds.
    pub(crate) longest: f64,
    pub(crate) shortest: f64,
    /// Writes a second of the key that is written most, in its busiest minute.
    pub(crate) hottest: f64,
    pub(crate) hottest_key: String,
    /// Calls of the table for all accounts, by what they do and what they are about.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Real seconds that the simulation took.
    pub(crate) took: f64,
}

type Stage = Parts<Metered<MemoryTable>, MemoryQueues, ManualClock>;

/// Plays a migration.
pub(crate) fn play(accounts: u32, messages: u32) -> Result<Scale> {
    let begun = Instant::now();
    let memory = Memory::default();
    let table = Metered::new(memory.table.clone(), false).counting_keys(&memory.clock);
    let settings = Settings::default();
    let stage = Parts { table, queues: memory.queues.clone(), clock: memory.clock.clone(), settings };
    let id = MigrationId::new("scale0000001").context("an id")?;
    let clock = memory.clock.clone();
    clock.block_on(fill(&memory, &id, accounts, messages))?;
    for port in [Port::Ends, Port::Source, Port::Destination] {
        memory.plan.cost(port, END);
    }
    memory.plan.cost(Port::Table, TABLE);
    let start = memory.clock.now();
    clock.block_on(run(&memory, &stage, &id))?;
    let last = memory.clock.now().duration_since(start).as_secs_f64();
    let (mut shortest, mut longest) = (f64::MAX, 0.0_f64);
    for no in (0..accounts).map(AccountNo) {
        let account = clock.block_on(ledger::get::<Account>(&memory.table, &keys::account(&id, no)))?.record;
        let copied = account.pass.counters.copied;
        ensure!(copied == u64::from(messages), "{copied} of {messages} messages of account {no} were copied");
        if let (Some(from), Some(to)) = (account.pass.started, account.pass.ended) {
            let seconds = to.duration_since(from).as_secs_f64();
            (shortest, longest) = (shortest.min(seconds), longest.max(seconds));
        }
    }
    let bill = stage.table.bill();
    let (hottest_key, hottest) = stage.table.hottest();
    let kinds = stage.table.kinds();
    let queued = memory.queues.sent().len();
    let dollars = crate::cost::control(&bill, queued as u64) / f64::from(accounts);
    #[expect(clippy::cast_precision_loss, reason = "counts are small enough")]
    let calls = (bill.reads + bill.writes + bill.transactions) as f64 / f64::from(accounts);
    let took = begun.elapsed().as_secs_f64();
    Ok(Scale { accounts, messages, calls, dollars, last, longest, shortest, hottest, hottest_key, kinds, took })
}

async fn run(memory: &Memory, stage: &Stage, id: &MigrationId) -> Result<()> {
    control::start(stage, id, PassKind::Full, None, None).await?;
    let functions = Functions {
        concurrency: 10,
        time_limit: FUNCTION,
        visibility: FUNCTION * 6,
        patience: Duration::from_secs(90 * 86_400),
        ..Functions::default()
    };
    let invoke = |delivery: Delivery, deadline| async move {
        let Delivery::Continuation(token) = &delivery else { return Ok(()) };
        chunk::run(stage, &memory.ends, token, deadline).await.map_err(|error| error.to_string())
    };
    let swept = Cell::new(0_u32);
    let sweep = || async {
        swept.set(swept.get() + 1);
        let deadline = later(memory.clock.now(), Duration::from_secs(50));
        sweep::run(stage, deadline).await.map(|_| ()).map_err(|error| error.to_string())
    };
    let done = || stage.table.ended();
    let played = functions.run(memory, invoke, sweep, done).await;
    let migration = ledger::get::<Migration>(&memory.table, &keys::migration(id)).await?.record;
    ensure!(
        played.is_ok() && migration.state == MigrationState::Finished,
        "the migration is {:?} after {} sweeps",
        migration.state,
        swept.get()
    );
    Ok(())
}

async fn fill(memory: &Memory, id: &MigrationId, accounts: u32, messages: u32) -> Result<()> {
    let now = memory.clock.now();
    let migration = json!({
        "v": 1, "id": id, "state": "ready", "created": now, "accounts": accounts, "checked": accounts,
        "destination": {"kind": "workmail", "access": "user"}, "token_hash": "", "by_operator": true,
    });
    let migration: Migration = serde_json::from_value(migration)?;
    ensure!(ledger::create(&memory.table, keys::migration(id), migration).await?, "there is one already");
    for no in (0..accounts).map(AccountNo) {
        let (user, mailbox) = (format!("user{}", no.0), format!("user{}@example.org", no.0));
        let source = memory.ends.sources.mailbox(&user);
        source.fill("INBOX", messages);
        let _ = memory.ends.destinations.mailbox(&mailbox);
        let account = json!({
            "v": 1, "no": no, "source_id": SourceId::of(&user, "imap.example.org"), "state": "ready", "selected": true,
            "source": {"endpoint": {"host": "imap.example.org", "port": 993}, "user": user},
            "destination": {"mailbox": mailbox},
        });
        let account: Account = serde_json::from_value(account)?;
        ledger::create(&memory.table, keys::account(id, no), account).await?;
    }
    Ok(())
}

use super::*;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::Migration;
use mailcrane_core::record::{
    Access, Account, DestinationEnd, DestinationKind, Options, Secrets, SourceAuth, SourceEnd, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_core::token::MailEvent;
use mailcrane_engine::intake::{self, NewAccount, Order};
use mailcrane_engine::ledger;
use mailcrane_engine::world::{Parts, later};
use mailcrane_testkit::ManualClock;
use mailcrane_testkit::Memory;
use mailcrane_testkit::blobs::MemoryBlobs;
use mailcrane_testkit::directory::MemoryDirectory;
use mailcrane_testkit::queues::{Delivery, MemoryQueues};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::vault::MemoryVault;
use std::time::Duration;

type TestApp = App<Parts<MemoryTable, MemoryQueues, ManualClock>, MemoryVault, MemoryDirectory, MemoryBlobs>;

fn scene() -> (TestApp, Memory, MigrationId) {
    let memory = Memory::default();
    let world = Parts {
        table: memory.table.clone(),
        queues: memory.queues.clone(),
        clock: memory.clock.clone(),
        settings: Settings::default(),
    };
    let order = Order {
        id: MigrationId::new("0123456789ab").unwrap(),
        token: Secret::new("token"),
        token_hash: mailcrane_lambda::access::hash("token"),
        name: "Office".into(),
        notify: vec!["admin@example.org".into()],
        webhook: None,
        language: "en".into(),
        destination: DestinationKind::Workmail { access: Access::Administrator },
        options: Options::default(),
        by_operator: true,
        right: Default::default(),
        accounts: vec![NewAccount {
            source: SourceEnd {
                endpoint: Endpoint {
                    host: "imap.example.org".into(),
                    port: 993,
                    security: Security::Tls,
                    fingerprint: None,
                },
                user: "anna".into(),
                auth: SourceAuth::Password,
            },
            destination: DestinationEnd { mailbox: "anna@example.org".into(), user: None },
            secrets: Secrets::default(),
            selected: true,
        }],
    };
    memory.directory.add("anna@example.org");
    memory.directory.add("admin@example.org");
    memory.directory.appoint("admin@example.org");
    let migration = memory.clock.block_on(intake::create(&world, &memory.vault, order)).unwrap();
    let (vault, directory, blobs) = (memory.vault.clone(), memory.directory.clone(), memory.blobs.clone());
    (App { world, vault, directory, blobs }, memory, migration.id)
}

fn sweep(app: &TestApp, memory: &Memory, event: &str) -> Value {
    let deadline = later(app.world.now(), Duration::from_secs(55));
    memory.clock.block_on(handle(app, serde_json::from_str(event).unwrap(), deadline)).unwrap()
}

const TICK: &str = include_str!("../../events/schedule.json");

#[test]
fn checks_and_mails_that_were_lost_are_sent_again() {
    let (app, memory, _) = scene();
    sweep(&app, &memory, TICK);
    assert_eq!(memory.queues.sent().len(), 0);
    memory.clock.advance(Duration::from_secs(120));
    sweep(&app, &memory, TICK);
    let sent = memory.queues.sent();
    let count = |wanted: fn(&Task) -> bool| {
        sent.iter().filter(|delivery| matches!(delivery, Delivery::Task(task) if wanted(task))).count()
    };
    let checks = count(|task| matches!(task, Task::Check { .. } | Task::CheckAll { .. }));
    let mails = count(|task| matches!(task, Task::Notify { event: MailEvent::Submitted, .. }));
    assert_eq!((checks, mails, sent.len()), (1, 1, 2), "{sent:?}");
}

#[test]
fn a_dead_check_is_shown_in_the_account() {
    let (app, memory, id) = scene();
    let answer = sweep(&app, &memory, include_str!("../../events/dead_letter.json"));
    assert_eq!(answer.to_string(), r#"{"batchItemFailures":[]}"#);
    let key = keys::account(&id, AccountNo(0));
    let account = memory.clock.block_on(ledger::get::<Account>(&app.world.table, &key)).unwrap().record;
    assert_eq!((account.state, account.error_code.as_str()), (AccountState::CheckFailed, "check.failed"));
}

#[test]
fn permissions_are_taken_back_when_the_pass_is_over_and_erasing_leaves_nothing() {
    let (app, memory, id) = scene();
    let find =
        || memory.clock.block_on(ledger::get::<Migration>(&app.world.table, &keys::migration(&id))).unwrap().record;
    memory.clock.block_on(permission::grant(&app.world, &app.directory, &find(), "anna@example.org")).unwrap();
    memory.clock.advance(Duration::from_secs(120));
    sweep(&app, &memory, TICK);
    let (anna, admin) =
        (memory.clock.block_on(app.directory.mailbox("anna@example.org")).unwrap(), "admin@example.org");
    let admin = memory.clock.block_on(app.directory.mailbox(admin)).unwrap();
    let granted = || memory.clock.block_on(app.directory.permissions(&anna.entity, &admin.entity)).unwrap();
    assert_eq!(granted(), ["FULL_ACCESS"], "taken back too early");
    memory.clock.block_on(mailcrane_engine::control::cancel(&app.world, &id)).unwrap();
    memory.clock.advance(Duration::from_secs(120));
    sweep(&app, &memory, TICK);
    assert!(granted().is_empty(), "{:?}", granted());
    memory.clock.block_on(mailcrane_engine::control::erase(&app.world, &id)).unwrap();
    sweep(&app, &memory, TICK);
    assert_eq!(find().state, MigrationState::Erased);
    assert_eq!(memory.vault.sealed(&id), 0);
    let left = format!("{:?}", memory.table.snapshot());
    assert!(!left.contains("anna@example.org"), "{left}");
}

mod webhook;

use super::*;
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::{Access, DestinationEnd, DestinationKind, Options, Secrets, SourceAuth, SourceEnd};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_engine::intake::{NewAccount, Order};
use mailcrane_engine::world::Parts;
use mailcrane_testkit::mailer::MemoryMailer;
use mailcrane_testkit::queues::MemoryQueues;
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::vault::MemoryVault;
use mailcrane_testkit::webhook::MemoryWebhooks;
use mailcrane_testkit::{ManualClock, Memory};

type TestApp = App<Parts<MemoryTable, MemoryQueues, ManualClock>, MemoryVault, MemoryMailer, MemoryWebhooks>;

fn scene() -> (TestApp, Memory) {
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
    memory.clock.block_on(intake::create(&world, &memory.vault, order)).unwrap();
    let (vault, mailer, webhooks) = (memory.vault.clone(), memory.mailer.clone(), memory.webhooks.clone());
    let (public_url, brand) = ("https://move.example.org".into(), "Mailcrane".into());
    (App { world, vault, mailer, webhooks, public_url, brand }, memory)
}

fn deliver(app: &TestApp, memory: &Memory, event: &str) -> Answer {
    memory.clock.block_on(handle(app, serde_json::from_str(event).unwrap()))
}

const SUBMITTED: &str = include_str!("../../events/submitted.json");

#[test]
fn a_mail_is_sent_once_with_the_whole_link() {
    let (app, memory) = scene();
    for _ in 0..2 {
        assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    }
    let sent = memory.mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, ["admin@example.org"]);
    assert!(sent[0].text.contains("https://move.example.org/#0123456789ab.token"), "{}", sent[0].text);
}

#[test]
fn an_attention_names_its_account_and_there_are_not_too_many() {
    let (app, memory) = scene();
    let key = keys::account(&MigrationId::new("0123456789ab").unwrap(), AccountNo(0));
    let stall = ledger::update::<Account>(&app.world.table, &key, |account| {
        account.state = AccountState::Stalled;
        account.error = "the quota is full; raise it".into();
        Ok(ledger::Change::Write)
    });
    memory.clock.block_on(stall).unwrap();
    for no in 0..9 {
        let event = SUBMITTED
            .replace("submitted", "attention")
            .replace(r#"\"detail\":\"\""#, &format!(r#"\"detail\":\"0:code{no}\""#));
        assert_eq!(deliver(&app, &memory, &event), Answer::default());
    }
    let sent = memory.mailer.sent();
    assert_eq!(sent.len(), 5);
    assert!(sent[0].text.contains("anna@example.org: the quota is full; raise it"), "{}", sent[0].text);
}

#[test]
fn a_migration_without_addresses_sends_nothing() {
    let (app, memory) = scene();
    let key = keys::migration(&MigrationId::new("0123456789ab").unwrap());
    let quiet = ledger::update::<Migration>(&app.world.table, &key, |migration| {
        migration.notify.clear();
        Ok(ledger::Change::Write)
    });
    memory.clock.block_on(quiet).unwrap();
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    assert!(memory.mailer.sent().is_empty());
}

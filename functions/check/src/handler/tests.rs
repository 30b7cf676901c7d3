use super::*;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::{
    Access, Account, DestinationEnd, DestinationKind, Options, Secrets, SourceAuth, SourceEnd, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::state::AccountState;
use mailcrane_engine::intake::{self, NewAccount, Order};
use mailcrane_engine::ledger;
use mailcrane_engine::world::{Parts, later};
use mailcrane_testkit::Memory;
use std::time::Duration;

#[test]
fn a_batch_is_checked_and_what_is_no_task_comes_again() {
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
    let _ = memory.ends.sources.mailbox("anna");
    let _ = memory.ends.destinations.mailbox("anna@example.org");
    memory.directory.add("anna@example.org");
    memory.directory.add("admin@example.org");
    memory.directory.appoint("admin@example.org");
    memory.clock.block_on(intake::create(&world, &memory.vault, order)).unwrap();
    let batch: Batch = serde_json::from_str(include_str!("../../events/check.json")).unwrap();
    let deadline = later(world.now(), Duration::from_secs(90));
    let answer = memory.clock.block_on(handle(&world, &memory.ends, &memory.directory, batch, deadline));
    let failed: Vec<_> = answer.batch_item_failures.iter().map(|one| one.item_identifier.as_str()).collect();
    assert_eq!(failed, ["2"]);
    let key = keys::account(&MigrationId::new("0123456789ab").unwrap(), AccountNo(0));
    let account = memory.clock.block_on(ledger::get::<Account>(&world.table, &key)).unwrap().record;
    assert_eq!(account.state, AccountState::Analyzing);
}

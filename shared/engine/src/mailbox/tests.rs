use super::*;
use crate::world::Parts;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::record::Access;
use mailcrane_core::settings::Settings;
use mailcrane_testkit::faults::{Mishap, Port, Span, sweep};
use mailcrane_testkit::queues::MemoryQueues;
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use std::num::NonZeroUsize;

type TestWorld = Parts<MemoryTable, MemoryQueues, ManualClock>;

const ANNA: &str = "anna@example.org";

fn world(memory: &Memory) -> TestWorld {
    let (table, queues, clock) = (memory.table.clone(), memory.queues.clone(), memory.clock.clone());
    Parts { table, queues, clock, settings: Settings::default() }
}

fn migration(by_operator: bool) -> Migration {
    let id = MigrationId::new("0123456789ab").unwrap();
    let destination = DestinationKind::Workmail { access: Access::Administrator };
    Migration { destination, by_operator, ..mailcrane_testkit::records::migration(&id, 1, Timestamp::UNIX_EPOCH) }
}

fn wanted(name: &str) -> NewMailbox {
    NewMailbox { email: ANNA.into(), user: NewUser { name: name.into(), display_name: "Anna".into() } }
}

fn ask(memory: &Memory, password: &str) -> Result<Made, Fault> {
    let world = world(memory);
    let (migration, wanted, password) = (migration(true), wanted("anna"), Secret::new(password));
    memory.clock.block_on(create(&world, &memory.directory, &migration, &wanted, &password))
}

fn reset(memory: &Memory, email: &str, password: &str) -> Result<(), Fault> {
    let (world, migration, password) = (world(memory), migration(true), Secret::new(password));
    memory.clock.block_on(reset_password(&world, &memory.directory, &migration, email, &password))
}

fn password(memory: &Memory) -> String {
    memory.directory.users()["anna"].password.clone()
}

#[test]
fn a_mailbox_is_created_once_and_its_password_told_once() {
    let memory = Memory::default();
    assert_eq!(ask(&memory, "first").unwrap(), Made::Created);
    let anna = memory.directory.users()["anna"].clone();
    assert_eq!((anna.email.as_deref(), anna.password.as_str()), (Some(ANNA), "first"));
    assert_eq!(ask(&memory, "second").unwrap(), Made::Before);
    assert_eq!(password(&memory), "first");
}

#[test]
fn a_password_is_in_no_record() {
    let memory = Memory::default();
    ask(&memory, "hunter2-first").unwrap();
    reset(&memory, ANNA, "hunter2-second").unwrap();
    assert!(!format!("{:?}", memory.table.snapshot()).contains("hunter2"));
}

#[test]
fn a_mailbox_that_is_there_is_left_alone() {
    let memory = Memory::default();
    memory.directory.add(ANNA);
    assert_eq!(ask(&memory, "first").unwrap(), Made::Exists);
    assert!(memory.directory.users().is_empty() && memory.table.snapshot().is_empty());
    assert_eq!(reset(&memory, ANNA, "second").unwrap_err().code, "mailbox.not_ours");
}

#[test]
fn a_user_of_somebody_else_is_left_alone() {
    let memory = Memory::default();
    memory.directory.add_user("anna");
    assert_eq!(ask(&memory, "first").unwrap_err().code, "destination.user_name_taken");
    assert_eq!(password(&memory), "of somebody else");
    assert!(memory.table.snapshot().is_empty());
    assert_eq!(reset(&memory, ANNA, "second").unwrap_err().code, "mailbox.not_ours");
}

#[test]
fn a_user_who_appears_between_the_look_and_the_creation_is_somebody_elses() {
    let memory = Memory::default();
    let directory = memory.directory.clone();
    memory.plan.when(Port::Directory, "create_user", 0, move || directory.add_user("anna"));
    assert_eq!(ask(&memory, "first").unwrap_err().code, "destination.user_name_taken");
    assert_eq!(ask(&memory, "second").unwrap_err().code, "destination.user_name_taken");
    assert_eq!(password(&memory), "of somebody else");
}

#[test]
fn two_requests_at_once_tell_one_password_and_it_is_good() {
    let memory = Memory::default();
    let other = memory.clone();
    memory.plan.when(Port::Directory, "register", 0, move || {
        assert_eq!(ask(&other, "second").unwrap_err().code, "mailbox.busy");
    });
    assert_eq!(ask(&memory, "first").unwrap(), Made::Created);
    assert_eq!(password(&memory), "first");
}

#[test]
fn only_the_operators_migrations_create_mailboxes() {
    let memory = Memory::default();
    let (world, migration, password) = (world(&memory), migration(false), Secret::new("first"));
    let wanted = wanted("anna");
    let asked = create(&world, &memory.directory, &migration, &wanted, &password);
    assert_eq!(memory.clock.block_on(asked).unwrap_err().code, "destination.not_permitted");
    let asked = reset_password(&world, &memory.directory, &migration, ANNA, &password);
    assert_eq!(memory.clock.block_on(asked).unwrap_err().code, "destination.not_permitted");
    assert!(memory.directory.users().is_empty());
}

#[test]
fn a_refused_registration_is_taken_up_again() {
    let memory = Memory::default();
    memory.plan.on(Port::Directory, "register", 0, Mishap::FailBefore);
    assert!(ask(&memory, "first").is_err());
    assert_eq!(ask(&memory, "second").unwrap(), Made::Created);
    assert_eq!(password(&memory), "second");
}

/// Asks as a person does: until a password is told, and for another one when its answer was lost.
async fn persistent(memory: &Memory) -> (usize, String, bool) {
    let world = world(memory);
    let migration = migration(true);
    for round in 0..10 {
        let password = Secret::new(format!("password-{round}"));
        let asked = memory.plan.process(async {
            let made = create(&world, &memory.directory, &migration, &wanted("anna"), &password).await?;
            if made == Made::Before {
                reset_password(&world, &memory.directory, &migration, ANNA, &password).await?;
            }
            Ok::<_, Fault>(made)
        });
        match asked.await {
            Ok(Ok(Made::Created | Made::Before)) => {
                let users = memory.directory.users();
                let good = users["anna"].password == *password.expose();
                return (users.len(), users["anna"].email.clone().unwrap_or_default(), good);
            }
            Ok(Ok(Made::Exists)) => panic!("a mailbox of ours is taken for somebody else's"),
            Ok(Err(fault)) => assert!(matches!(fault.remedy, mailcrane_core::Remedy::RetryAfter(_)), "{fault:?}"),
            Err(_) => {}
        }
        memory.clock.sleep(Duration::from_secs(100)).await;
    }
    panic!("no password was told");
}

#[test]
fn whatever_call_goes_wrong_there_is_one_user_with_the_password_that_was_told() {
    let s = Duration::from_secs;
    let span = Span { late: s(60), slow: s(40), frozen: s(200) };
    let swept = sweep(span, NonZeroUsize::MAX, |memory| memory.clock.clone().block_on(persistent(memory)));
    assert_eq!(swept.failures, []);
    assert!(swept.cases > 25 && swept.met == swept.cases, "{swept:?}");
}

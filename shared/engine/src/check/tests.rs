use super::*;
use crate::intake::{self, NewAccount, Order};
use crate::world::Parts;
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::{
    Access, DestinationEnd, DestinationKind, Grant, Lane, LaneState, Options, Secrets, SourceAuth, SourceEnd,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_testkit::directory::MemoryDirectory;
use mailcrane_testkit::ends::MemoryEnds;
use mailcrane_testkit::queues::{Delivery, MemoryQueues};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::vault::MemoryVault;
use mailcrane_testkit::{ManualClock, Memory};

type TestWorld = Parts<MemoryTable, MemoryQueues, ManualClock>;

struct Scene {
    world: TestWorld,
    ends: MemoryEnds,
    directory: MemoryDirectory,
    vault: MemoryVault,
    clock: ManualClock,
    id: MigrationId,
}

fn account(user: &str) -> NewAccount {
    let endpoint = Endpoint { host: "imap.example.org".into(), port: 993, security: Security::Tls, fingerprint: None };
    NewAccount {
        source: SourceEnd { endpoint, user: user.into(), auth: SourceAuth::Password },
        destination: DestinationEnd { mailbox: format!("{user}@example.org"), user: None },
        secrets: Secrets { source_password: Some(Secret::new("p")), ..Secrets::default() },
        selected: true,
    }
}

fn scene(access: Access, by_operator: bool, users: &[&str]) -> Scene {
    let memory = Memory::default();
    let world = Parts {
        table: memory.table.clone(),
        queues: memory.queues.clone(),
        clock: memory.clock.clone(),
        settings: Settings::default(),
    };
    memory.directory.add("admin@example.org");
    memory.directory.appoint("admin@example.org");
    for user in users {
        let _ = memory.ends.sources.mailbox(user);
        let _ = memory.ends.destinations.mailbox(&format!("{user}@example.org"));
        memory.directory.add(&format!("{user}@example.org"));
    }
    let id = MigrationId::new("0123456789ab").unwrap();
    let order = Order {
        id: id.clone(),
        token: Secret::new("token"),
        token_hash: "hash".into(),
        name: String::new(),
        notify: Vec::new(),
        webhook: None,
        language: "en".into(),
        destination: DestinationKind::Workmail { access },
        options: Options::default(),
        by_operator,
        right: Default::default(),
        accounts: users.iter().map(|user| account(user)).collect(),
    };
    let made = memory.clock.block_on(intake::create(&world, &memory.vault, order)).unwrap();
    assert_eq!(made.accounts as usize, users.len());
    let Memory { ends, directory, vault, clock, .. } = memory;
    Scene { world, ends, directory, vault, clock, id }
}

impl Scene {
    fn check(&self, no: u32) -> Verdict {
        let deadline = later(self.world.now(), std::time::Duration::from_secs(90));
        let run = run(&self.world, &self.ends, &self.directory, &self.id, AccountNo(no), deadline);
        self.clock.block_on(run).unwrap()
    }

    fn account(&self, no: u32) -> Account {
        let key = keys::account(&self.id, AccountNo(no));
        self.clock.block_on(ledger::get::<Account>(&self.world.table, &key)).unwrap().record
    }

    fn migration(&self) -> Migration {
        self.clock.block_on(ledger::get::<Migration>(&self.world.table, &keys::migration(&self.id))).unwrap().record
    }

    fn grants(&self) -> Vec<Grant> {
        let all = self.world.table.records::<Grant>(&keys::migration_partition(&self.id), "GRANT#a").unwrap();
        all.into_iter().map(|grant| grant.record).collect()
    }
}

#[test]
fn an_account_whose_ends_are_well_goes_on_to_its_analysis() {
    let scene = scene(Access::User, false, &["anna"]);
    assert_eq!(scene.check(0), Verdict::Passed);
    let account = scene.account(0);
    assert_eq!(account.state, AccountState::Analyzing);
    assert_eq!(account.source_check.state, CheckState::Passed);
    let key = keys::lane(&scene.id, AccountNo(0), LaneKind::Analyze, LaneNo(0));
    let lane = scene.clock.block_on(ledger::get::<Lane>(&scene.world.table, &key)).unwrap().record;
    assert_eq!(lane.state, LaneState::Queued);
    assert!(scene.world.queues.sent().contains(&Delivery::Continuation(lane.token(Reason::Begin))));
    assert_eq!(scene.migration().state, MigrationState::Checking);
}

#[test]
fn a_repeated_task_finds_nothing_to_do() {
    let scene = scene(Access::User, false, &["anna"]);
    assert_eq!(scene.check(0), Verdict::Passed);
    let before = scene.world.table.snapshot();
    assert_eq!(scene.check(0), Verdict::Dropped);
    assert_eq!(scene.world.table.snapshot(), before);
}

#[test]
fn a_refusal_is_written_into_the_account_and_the_migration_becomes_ready() {
    let scene = scene(Access::User, false, &["anna", "ben"]);
    let key = keys::account(&scene.id, AccountNo(1));
    let spoil = ledger::update::<Account>(&scene.world.table, &key, |account| {
        account.source.user = "nobody".into();
        Ok(Change::Write)
    });
    scene.clock.block_on(spoil).unwrap();
    assert_eq!(scene.check(1), Verdict::Failed);
    let account = scene.account(1);
    assert_eq!((account.state, account.error_code.as_str()), (AccountState::CheckFailed, "source.wrong_password"));
    assert_eq!(account.destination_check.state, CheckState::Passed);
    assert_eq!(scene.migration().checked, 1);
}

#[test]
fn a_permission_is_recorded_made_and_taken_back_and_earlier_ones_come_back() {
    let scene = scene(Access::Administrator, true, &["anna"]);
    let (mailbox, admin) = (scene.directory.add("anna@example.org"), scene.directory.add("admin@example.org"));
    let before = vec!["SEND_AS".to_owned()];
    scene.clock.block_on(scene.directory.permit(&mailbox.entity, &admin.entity, &before)).unwrap();
    assert_eq!(scene.check(0), Verdict::Passed);
    let both = (mailbox.entity.clone(), admin.entity.clone());
    assert_eq!(scene.directory.granted()[&both], ["SEND_AS", "FULL_ACCESS"]);
    assert_eq!(scene.grants().len(), 1);
    for _ in 0..2 {
        let open = crate::permission::revoke_all(&scene.world, &scene.directory, &scene.id);
        assert_eq!(scene.clock.block_on(open).unwrap(), 0);
        assert_eq!(scene.directory.granted()[&both], ["SEND_AS"]);
    }
    assert!(scene.grants()[0].revoked.is_some());
}

#[test]
fn only_the_operator_opens_mailboxes_without_their_passwords() {
    for access in [Access::Administrator, Access::Impersonation] {
        let scene = scene(access, false, &["anna"]);
        assert_eq!(scene.check(0), Verdict::Failed);
        assert_eq!(scene.account(0).error_code, "destination.not_permitted");
        assert!(scene.directory.granted().is_empty());
        assert!(scene.directory.standing_roles().is_empty());
    }
}

#[test]
fn a_role_opens_the_mailboxes_of_its_migration_and_no_others_and_is_deleted() {
    let scene = scene(Access::Impersonation, true, &["anna", "ben"]);
    let stranger = scene.directory.add("stranger@example.org").entity;
    assert_eq!(scene.check(0), Verdict::Passed);
    assert_eq!(scene.check(1), Verdict::Passed);
    let roles = scene.directory.standing_roles();
    let (_, opens) = roles.values().next().unwrap();
    assert_eq!((roles.len(), opens.len()), (1, 2), "{roles:?}");
    assert!(!opens.contains(&stranger));
    let open = crate::permission::revoke_all(&scene.world, &scene.directory, &scene.id);
    assert_eq!(scene.clock.block_on(open).unwrap(), 0);
    assert!(scene.directory.standing_roles().is_empty());
}

#[test]
fn what_is_free_at_the_destination_is_told() {
    let scene = scene(Access::Administrator, true, &["anna"]);
    scene.directory.edit("anna@example.org", |info| (info.quota, info.used) = (Some(50 << 30), Some(20 << 30)));
    assert_eq!(scene.check(0), Verdict::Passed);
    assert_eq!(scene.account(0).analysis.destination_free, Some(30 << 30));
}

#[test]
fn a_role_of_one_account_opens_one_mailbox() {
    let scene = scene(Access::Impersonation, true, &["anna"]);
    scene.directory.add("stranger@example.org");
    assert_eq!(scene.check(0), Verdict::Passed);
    let roles = scene.directory.standing_roles();
    assert!(roles.len() == 1 && roles.values().all(|(_, opens)| opens.len() == 1), "{roles:?}");
}

#[test]
fn a_source_in_workmail_is_opened_for_the_operator_alone_and_nothing_else_with_it() {
    for by_operator in [false, true] {
        let scene = scene(Access::User, by_operator, &["anna"]);
        let boss = scene.directory.add("boss@example.org").entity;
        let source = SourceEnd {
            user: "boss@example.org".into(),
            auth: SourceAuth::Workmail(Access::Impersonation),
            ..scene.account(0).source
        };
        let migration = scene.migration();
        let granted = crate::permission::grant_source(&scene.world, &scene.directory, &migration, &source);
        let granted = scene.clock.block_on(granted).map_err(|fault| fault.code);
        let roles = scene.directory.standing_roles();
        if by_operator {
            assert!(granted.unwrap().is_some());
            assert!(roles.values().all(|(_, opens)| *opens == [boss.clone()]), "{roles:?}");
        } else {
            assert_eq!(granted.unwrap_err(), "destination.not_permitted");
        }
        assert_eq!(roles.len(), usize::from(by_operator), "{roles:?}");
    }
}

#[test]
fn a_role_opens_a_mailbox_that_was_entered_later_too() {
    let scene = scene(Access::Impersonation, true, &["anna", "ben"]);
    assert_eq!(scene.check(0), Verdict::Passed);
    let carla = scene.directory.add("carla@example.org").entity;
    let _ = scene.ends.destinations.mailbox("carla@example.org");
    let key = keys::account(&scene.id, AccountNo(1));
    let moved = ledger::update::<Account>(&scene.world.table, &key, |account| {
        account.destination.mailbox = "Carla@example.org".into();
        Ok(Change::Write)
    });
    scene.clock.block_on(moved).unwrap();
    let migration = scene.migration();
    let granted = crate::permission::grant(&scene.world, &scene.directory, &migration, "Carla@example.org");
    scene.clock.block_on(granted).unwrap();
    let roles = scene.directory.standing_roles();
    assert_eq!(roles.len(), 1);
    assert!(roles.values().all(|(_, opens)| opens.contains(&carla) && opens.len() == 3), "{roles:?}");
}

#[test]
fn the_order_may_be_repeated_and_the_token_is_sealed() {
    let scene = scene(Access::User, false, &["anna"]);
    let sealed =
        scene.clock.block_on(mailcrane_core::ports::vault::Vault::open(&scene.vault, &scene.id, intake::TOKEN));
    assert_eq!(sealed.unwrap().expose(), "token");
}

#[test]
fn every_waiting_account_is_sent_its_check() {
    let scene = scene(Access::User, false, &["anna", "ben", "carla"]);
    scene.clock.block_on(fan_out(&scene.world, &scene.id, AccountNo(1))).unwrap();
    let sent = scene.world.queues.sent();
    assert_eq!(sent.len(), 2, "{sent:?}");
}

#[test]
fn guesses_of_a_password_come_to_an_end() {
    let scene = scene(Access::User, false, &["anna"]);
    let mut verdicts = Vec::new();
    for _ in 0..25 {
        let change = intake::AccountChange { source_user: Some("nobody".into()), ..intake::AccountChange::default() };
        let key = keys::account(&scene.id, AccountNo(0));
        let guess = intake::change(&scene.world, &scene.vault, &scene.id, AccountNo(0), &change);
        scene.clock.block_on(guess).unwrap();
        assert_eq!(scene.check(0), Verdict::Failed);
        verdicts
            .push(scene.clock.block_on(ledger::get::<Account>(&scene.world.table, &key)).unwrap().record.error_code);
    }
    let tried = verdicts.iter().filter(|code| *code == "source.wrong_password").count();
    assert_eq!(tried, 20);
    assert_eq!(verdicts.last().unwrap(), "check.too_often");
    scene.clock.advance(std::time::Duration::from_secs(3600));
    let again = scene.clock.block_on(intake::recheck(&scene.world, &scene.id, AccountNo(0)));
    assert_eq!(again.unwrap().state, AccountState::Waiting);
    assert_eq!(scene.check(0), Verdict::Failed);
    assert_eq!(scene.account(0).error_code, "source.wrong_password");
}

#[test]
fn ten_thousand_guesses_come_to_an_end_whatever_the_spelling() {
    let scene = scene(Access::User, false, &["anna"]);
    let mut tried = 0;
    for guess in 0..10_000_u32 {
        let key = keys::account(&scene.id, AccountNo(0));
        let host = ["imap.example.org", "IMAP.example.org", "imap.example.org."][guess as usize % 3];
        let another = ledger::update::<Account>(&scene.world.table, &key, |account| {
            account.state = AccountState::Waiting;
            account.source.user = if guess < 1_000 { "Nobody".into() } else { format!("nobody{}", guess % 700) };
            account.source.endpoint.host = host.into();
            account.destination.user = Some(format!("login{guess}@example.org"));
            account.destination.mailbox = format!("mailbox{guess}@example.org");
            Ok(Change::Write)
        });
        scene.clock.block_on(another).unwrap();
        assert_eq!(scene.check(0), Verdict::Failed);
        tried += u32::from(scene.account(0).error_code != "check.too_often");
    }
    // 20 of one login, then those of the migration.
    assert_eq!(tried, 102, "so many passwords were tried");
    assert!(scene.account(0).error.contains("within the hour"), "{}", scene.account(0).error);
}

#[test]
fn nothing_is_signed_in_to_before_the_address_is_confirmed() {
    let scene = scene(Access::User, false, &["anna"]);
    let key = keys::migration(&scene.id);
    let open = ledger::update::<Migration>(&scene.world.table, &key, |migration| {
        migration.right.unconfirmed = true;
        Ok(Change::Write)
    });
    scene.clock.block_on(open).unwrap();
    assert_eq!(scene.check(0), Verdict::Dropped);
    let started = crate::control::start(&scene.world, &scene.id, mailcrane_core::record::PassKind::Trial, None, None);
    let refused = scene.clock.block_on(started);
    assert!(matches!(refused, Err(crate::control::ControlError::Unconfirmed)), "{refused:?}");
    for _ in 0..2 {
        scene.clock.block_on(intake::confirm(&scene.world, &scene.id)).unwrap();
    }
    let sent = scene.world.queues.sent();
    assert_eq!(sent.len(), 2, "the mail and the checks, once: {sent:?}");
    assert_eq!(scene.check(0), Verdict::Passed);
}

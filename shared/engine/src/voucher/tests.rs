use super::*;
use crate::control::{self, ControlError};
use crate::intake::{self, NewAccount, Order};
use crate::world::{Parts, later};
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::{Access, DestinationEnd, DestinationKind, Options, Secrets, SourceAuth, SourceEnd};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::state::MigrationState;
use mailcrane_testkit::queues::MemoryQueues;
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use std::time::Duration;

struct Scene {
    world: Parts<MemoryTable, MemoryQueues, ManualClock>,
    memory: Memory,
}

fn scene() -> Scene {
    let memory = Memory::default();
    let (table, queues, clock) = (memory.table.clone(), memory.queues.clone(), memory.clock.clone());
    Scene { world: Parts { table, queues, clock, settings: Settings::default() }, memory }
}

impl Scene {
    fn issue(&self, mailboxes: u32) -> String {
        let hash = format!("hash-of-{mailboxes}");
        let expires = Some(later(self.world.now(), Duration::from_secs(3600)));
        let new = NewVoucher {
            id: format!("v{mailboxes}"),
            hash: hash.clone(),
            salt: String::new(),
            note: String::new(),
            mailboxes,
            expires,
        };
        self.memory.clock.block_on(issue(&self.world, new)).unwrap();
        hash
    }

    /// A migration of three accounts that a customer created.
    fn migration(&self, offered: Option<&str>) -> MigrationId {
        let id = MigrationId::new(format!("{:012}", self.memory.table.snapshot().len())).unwrap();
        let endpoint = Endpoint { host: "h.example".into(), port: 993, security: Security::Tls, fingerprint: None };
        let account = |user: &str| NewAccount {
            source: SourceEnd { endpoint: endpoint.clone(), user: user.into(), auth: SourceAuth::Password },
            destination: DestinationEnd { mailbox: format!("{user}@example.org"), user: None },
            secrets: Secrets::default(),
            selected: true,
        };
        let order = Order {
            id: id.clone(),
            token: Secret::new("token"),
            token_hash: "hash".into(),
            name: String::new(),
            notify: Vec::new(),
            webhook: None,
            language: "en".into(),
            destination: DestinationKind::Workmail { access: Access::User },
            options: Options::default(),
            by_operator: false,
            right: Right { offered: offered.map(str::to_owned), ..Right::default() },
            accounts: ["anna", "ben", "carla"].map(account).to_vec(),
        };
        self.memory.clock.block_on(intake::create(&self.world, &self.memory.vault, order)).unwrap();
        id
    }

    fn start(&self, id: &MigrationId, kind: PassKind, voucher: Option<&str>) -> Result<Migration, ControlError> {
        self.memory.clock.block_on(control::start_with(&self.world, id, kind, None, None, voucher))
    }

    fn left(&self, hash: &str) -> u32 {
        self.memory.clock.block_on(find(&self.world, hash)).unwrap().unwrap().left(self.world.now())
    }
}

#[test]
fn a_trial_is_free_and_the_full_migration_is_redeemed_once() {
    let scene = scene();
    let (hash, id) = (scene.issue(5), scene.migration(None));
    assert!(matches!(scene.start(&id, PassKind::Full, None), Err(ControlError::Unpaid(_))));
    let later = Some(later(scene.world.now(), Duration::from_secs(60)));
    let planned = control::start_with(&scene.world, &id, PassKind::Full, later, None, Some(&hash));
    scene.memory.clock.block_on(planned).unwrap();
    assert_eq!(scene.left(&hash), 2);
    assert_eq!(scene.start(&id, PassKind::Full, Some(&hash)).unwrap().state, MigrationState::Running);
    assert_eq!(scene.left(&hash), 2, "what is redeemed is not redeemed again");
}

#[test]
fn a_voucher_that_does_not_reach_changes_nothing() {
    let scene = scene();
    let (small, id) = (scene.issue(2), scene.migration(None));
    for voucher in [Some(small.as_str()), Some("guess")] {
        let refused = scene.start(&id, PassKind::Full, voucher);
        assert!(matches!(refused, Err(ControlError::Unpaid(_))), "{refused:?}");
    }
    assert_eq!(scene.left(&small), 2);
    let started = scene.start(&id, PassKind::Trial, None).unwrap();
    assert_eq!(started.state, MigrationState::Running);
}

#[test]
fn two_migrations_do_not_redeem_the_same_mailboxes() {
    let scene = scene();
    let hash = scene.issue(5);
    let (one, other) = (scene.migration(Some(&hash)), scene.migration(Some(&hash)));
    scene.start(&one, PassKind::Full, None).unwrap();
    assert!(matches!(scene.start(&other, PassKind::Full, None), Err(ControlError::Unpaid(_))));
}

#[test]
fn what_never_began_is_given_back_and_what_began_is_not() {
    let scene = scene();
    let (hash, id) = (scene.issue(5), scene.migration(None));
    let later = Some(later(scene.world.now(), Duration::from_secs(60)));
    let planned = control::start_with(&scene.world, &id, PassKind::Full, later, None, Some(&hash));
    scene.memory.clock.block_on(planned).unwrap();
    scene.memory.clock.block_on(control::cancel(&scene.world, &id)).unwrap();
    assert_eq!(scene.left(&hash), 5);
    let id = scene.migration(Some(&hash));
    scene.start(&id, PassKind::Full, None).unwrap();
    scene.memory.clock.block_on(control::cancel(&scene.world, &id)).unwrap();
    assert_eq!(scene.left(&hash), 2);
}

#[test]
fn a_voucher_that_was_taken_back_or_expired_is_none() {
    let scene = scene();
    let hash = scene.issue(5);
    let id = scene.migration(Some(&hash));
    scene.memory.clock.block_on(revoke(&scene.world, "v5")).unwrap();
    assert!(matches!(scene.start(&id, PassKind::Full, None), Err(ControlError::Unpaid(_))));
    let hash = scene.issue(6);
    scene.memory.clock.advance(Duration::from_secs(3600));
    assert!(matches!(scene.start(&id, PassKind::Full, Some(&hash)), Err(ControlError::Unpaid(_))));
    assert!(matches!(scene.memory.clock.block_on(revoke(&scene.world, "other")), Err(LedgerError::Missing)));
}

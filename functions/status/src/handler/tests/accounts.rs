//! Many accounts at once.

use super::*;
use mailcrane_testkit::faults::Port;

impl Scene {
    /// Puts an account into a state.
    fn put(&self, no: u32, state: AccountState) {
        let key = keys::account(&MigrationId::new(ID).unwrap(), AccountNo(no));
        let changed = ledger::update::<Account>(&self.app.table, &key, |account| {
            account.state = state;
            Ok(Change::Write)
        });
        self.memory.clock.block_on(changed).unwrap();
    }
}

#[test]
fn active_accounts_are_asked_side_by_side_and_stay_in_their_order() {
    let scene = scene(100);
    (0..100).for_each(|no| scene.put(no, AccountState::Copying));
    scene.memory.plan.cost(Port::Table, Duration::from_millis(10));
    for path in ["/accounts?limit=100", ""] {
        let before = scene.memory.clock.now();
        let told = scene.json(path);
        let taken = scene.memory.clock.now().duration_since(before);
        assert!(taken.as_millis() <= 100, "{taken:?} for 100 accounts: the migration, a bucket and seven rounds of 16");
        if let Some(accounts) = told["accounts"].as_array() {
            assert!((0..100).eq(accounts.iter().map(|account| account["no"].as_u64().unwrap())), "{told}");
        }
    }
}

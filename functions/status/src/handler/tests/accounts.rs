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

    /// Lists accounts from a path, and gives their numbers and where the next page begins.
    fn page(&self, query: &str) -> (Vec<u64>, Option<String>) {
        let page = self.json(&format!("/accounts?{query}"));
        let numbers = page["accounts"].as_array().unwrap().iter().map(|account| account["no"].as_u64().unwrap());
        (numbers.collect(), page["next"].as_str().map(str::to_owned))
    }

    /// Follows the pages of a query to the end, and gives the numbers of their accounts.
    fn pages(&self, query: &str) -> Vec<u64> {
        let (mut seen, mut next) = self.page(query);
        while let Some(cursor) = next {
            let (more, after) = self.page(&format!("{query}&cursor={cursor}"));
            seen.extend(more);
            next = after;
        }
        seen
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

#[test]
fn accounts_in_some_states_come_in_pages_over_buckets() {
    let scene = scene(600);
    for (no, state) in [(0, AccountState::Ready), (3, AccountState::CheckFailed), (249, AccountState::Stalled)] {
        scene.put(no, state);
    }
    (250..256).chain([599]).for_each(|no| scene.put(no, AccountState::Stalled));
    for (query, expected) in [
        ("state=ready", vec![0]),
        ("state=check_failed,ready", vec![0, 3]),
        ("state=stalled&limit=100", vec![249, 250, 251, 252, 253, 254, 255, 599]),
        ("state=stalled&limit=3", vec![249, 250, 251, 252, 253, 254, 255, 599]),
        ("state=stalled&limit=1", vec![249, 250, 251, 252, 253, 254, 255, 599]),
        ("state=done", vec![]),
    ] {
        assert_eq!(scene.pages(query), expected, "{query}");
        scene.memory.table.page(7);
        assert_eq!(scene.pages(query), expected, "{query} of a table with small pages");
        scene.memory.table.page(1_000);
    }
    assert_eq!(scene.page("state=stalled&limit=3"), (vec![249, 250, 251], Some("252".into())), "no page is too long");
    assert_eq!(scene.pages("state=waiting&limit=250").len(), 590);
}

#[test]
fn a_page_of_chosen_accounts_looks_at_some_and_says_where_the_next_begins() {
    let scene = scene(3_000);
    let before = scene.memory.table.counts();
    assert_eq!(scene.page("state=stalled"), (Vec::new(), Some("1000".into())));
    let after = scene.memory.table.counts();
    let (queries, items) = (after.queries - before.queries, after.items_read - before.items_read);
    assert!(queries <= 4 && items <= 1_001, "{queries} queries, {items} items");
    assert_eq!(scene.pages("state=stalled"), Vec::<u64>::new());
}

#[test]
fn an_unknown_state_is_refused_by_name() {
    let answer = scene(1).get(&format!("/v1/migrations/{ID}/accounts?state=ready,lost"), "token");
    assert_eq!(answer.status(), 400);
    assert!(answer.body().contains("\"field\":\"state\""), "{}", answer.body());
}

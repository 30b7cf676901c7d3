//! What a pass asks of the table, and that its books are right at every moment.

use crate::stage::Theatre;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::manifest::{Row, unpack};
use mailcrane_core::ports::table::{Body, Item, Key};
use mailcrane_core::record::{Counters, Grade, Lane, PassKind, Record, Slice, Versioned, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::token::LaneKind;
use mailcrane_engine::world::World as _;
use mailcrane_testkit::faults::{Mishap, Port};
use mailcrane_testkit::table::Counts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Plays a full pass over that many small messages; returns what was asked of the table and how many windows there were.
fn counted(messages: u32) -> (Counts, u64) {
    let theatre = Theatre::with(1, Sizes::default());
    theatre.source(0).fill("INBOX", messages);
    let before = theatre.memory.table.counts();
    theatre.play(PassKind::Full);
    theatre.audit(0);
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    let after = theatre.memory.table.counts();
    let windows = theatre.slices(0, theatre.account(0).pass.no).iter().map(|slice| slice.pages.len() as u64).sum();
    let counts = Counts {
        gets: after.gets - before.gets,
        queries: after.queries - before.queries,
        items_read: after.items_read - before.items_read,
        writes: after.writes - before.writes,
        transactions: after.transactions - before.transactions,
        bulk_writes: after.bulk_writes - before.bulk_writes,
        items_written: after.items_written - before.items_written,
    };
    (counts, windows)
}

#[test]
fn a_message_costs_a_hundredth_of_a_write_and_a_window_one_transaction() {
    let ((half, half_windows), (whole, windows)) = (counted(10_000), counted(20_000));
    println!("{half:?} {half_windows}\n{whole:?} {windows}");
    let writes = whole.writes + whole.transactions + whole.bulk_writes;
    assert!(writes * 100 <= 20_000, "{writes} writes for 20,000 messages: {whole:?}");
    // The second half has as many slices as the first; leasing one is a transaction of its own.
    let (more, more_windows) = (whole.transactions - half.transactions, windows - half_windows);
    assert!(more <= more_windows + 2 * 10, "{more} transactions for {more_windows} windows of 10 slices");
    // Nothing that is read grows with what is copied already: the second half is read for as little as the first.
    let (first, second) = (half.items_read, whole.items_read - half.items_read);
    assert!(second * 10 <= first * 12, "{first} items read, then {second}");
}

#[test]
fn requests_to_a_destination_without_keys_do_not_wait_for_each_other() {
    let theatre = Theatre::with(1, Sizes::default());
    theatre.source(0).fill("INBOX", 400);
    theatre.destination(0).features(|f| {
        (f.find_by_key, f.keeps_key, f.parallel, f.max_batch_items) = (false, false, false, 1);
    });
    // One after the other they would take 400 s.
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(1));
    let begun = theatre.stage.now();
    theatre.play(PassKind::Full);
    let seconds = theatre.stage.now().duration_since(begun).as_secs_f64();
    assert!(seconds < 120.0, "{seconds} s");
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    theatre.audit(0);
}

#[test]
fn a_folder_without_anything_new_reads_no_lane_of_copying() {
    let theatre = Theatre::with(1, Sizes::default());
    let source = theatre.source(0);
    (0..40).for_each(|n| source.folder(&format!("Empty{n}"), None));
    source.fill("INBOX", 5);
    theatre.play(PassKind::Full);
    let before = theatre.memory.table.counts();
    theatre.play(PassKind::Delta);
    theatre.audit(0);
    let gets = theatre.memory.table.counts().gets - before.gets;
    // One read of the account for each folder, and what a pass costs anyway.
    assert!(gets <= 41 + 60, "{gets} reads");
}

type Snapshot = BTreeMap<Key, Item>;

fn records<R: Record>(snapshot: &Snapshot, partition: &str, prefix: &str) -> Vec<R> {
    let fits = |key: &Key| key.pk == partition && key.sk.starts_with(prefix);
    let items = snapshot.values().filter(|item| fits(&item.key));
    items.map(|item| Versioned::of(item).unwrap().record).collect()
}

/// Asserts that lanes, slices and rows of the first account tell the same; returns how many messages are pending.
fn balance(snapshot: &Snapshot, id: &MigrationId) -> u64 {
    let partition = keys::account_partition(id, AccountNo(0));
    let (mut by_slices, mut by_lanes, mut found) = (Counters::default(), Counters::default(), 0);
    for slice in records::<Slice>(snapshot, &partition, keys::SLICES) {
        let (mut by_rows, mut uids) = (Counters::default(), BTreeSet::new());
        for page in &slice.pages {
            let key = keys::manifest_page(id, AccountNo(0), slice.pass, slice.no, page);
            let Body::Packed(octets) = &snapshot[&key].body else { panic!("{key:?} is no page") };
            for row in unpack::<Row>(octets).unwrap() {
                by_rows.count(&row);
                assert!(uids.insert(row.uid), "{} has two rows", row.uid);
            }
        }
        assert_eq!(slice.counters, by_rows, "slice {} and its rows differ", slice.no);
        by_slices += slice.counters;
        found += slice.found;
    }
    let lanes = records::<Lane>(snapshot, &partition, "L#");
    lanes.iter().filter(|lane| lane.kind == LaneKind::Copy).for_each(|lane| by_lanes += lane.counters);
    assert_eq!(by_lanes, by_slices, "lanes and slices differ");
    found.checked_sub(by_slices.accounted()).unwrap()
}

#[test]
fn in_every_snapshot_of_a_run_the_counters_are_the_rows() {
    let sizes = Sizes { slice_messages: 40, window_messages: 10, lanes: 3, scan_step: 50, ..Sizes::default() };
    let theatre = Theatre::with(1, sizes);
    theatre.source(0).fill("INBOX", 400);
    let seen: Arc<Mutex<Vec<Snapshot>>> = Arc::default();
    for nth in 0..1_000 {
        let (table, seen) = (theatre.memory.table.clone(), seen.clone());
        theatre.memory.plan.when(Port::Table, "transact", nth, move || seen.lock().unwrap().push(table.snapshot()));
    }
    // Books are kept through trouble, too.
    let trouble = [(9, Mishap::FailAfter), (17, Mishap::GoneAfter), (25, Mishap::GoneBefore), (33, Mishap::FailBefore)];
    trouble.into_iter().for_each(|(nth, mishap)| theatre.memory.plan.on(Port::Table, "transact", nth, mishap));
    theatre.memory.plan.on(Port::Destination, "store", 5, Mishap::FailAfter);
    theatre.play(PassKind::Full);
    theatre.audit(0);
    assert_eq!(theatre.memory.plan.met().len(), 5);
    let seen = seen.lock().unwrap();
    let pending: Vec<u64> = seen.iter().map(|snapshot| balance(snapshot, &theatre.id)).collect();
    assert!(pending.iter().filter(|pending| (1..400).contains(*pending)).count() > 20, "{pending:?}");
    assert_eq!(balance(&theatre.memory.table.snapshot(), &theatre.id), 0);
}

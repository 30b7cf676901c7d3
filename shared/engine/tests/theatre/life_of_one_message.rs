//! The life of one message: the numbered section of ARCHITECTURE.md, seen through the calls that are made.

use crate::stage::Theatre;
use mailcrane_core::id::{AccountNo, PassNo};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::{Grade, LaneState, PassKind, SliceState};
use mailcrane_core::settings::Sizes;
use mailcrane_core::uid::Uid;
use mailcrane_testkit::faults::{Mishap, Port};
use mailcrane_testkit::source::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn the_life_of_one_message() {
    let theatre = Theatre::with(1, Sizes { lanes: 1, ..Sizes::default() });
    let source = theatre.source(0);
    let uid = source.append("INBOX", Message::small("one@example.org", "one"));

    // 1 and 2: when the message is sent, the table says that it is intended, by a lane that holds its slice.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (memory, id, log) = (theatre.memory.clone(), theatre.id.clone(), seen.clone());
    theatre.memory.plan.when(Port::Destination, "store", 0, move || {
        let partition = mailcrane_core::record::keys::account_partition(&id, AccountNo(0));
        let slices = memory.table.records::<mailcrane_core::record::Slice>(&partition, "S#").unwrap();
        log.lock().unwrap().extend(slices.into_iter().map(|s| s.record));
    });
    // 7: its first answer is lost although it was stored.
    theatre.memory.plan.on(Port::Destination, "store", 0, Mishap::FailAfter);
    theatre.play(PassKind::Full);

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].state, seen[0].intended_to, seen[0].done_to), (SliceState::Leased, Some(uid), None));
    assert_eq!(seen[0].lease.unwrap().generation.0, 1);

    // 3 and 5: it was read and sent once only; after the quarantine it was found by its key.
    let calls = theatre.memory.plan.calls();
    let count = |method: &str| calls.iter().filter(|c| c.method == method).count();
    assert_eq!((count("store"), count("find")), (1, 1));
    let took = theatre.account(0).pass.ended.unwrap().duration_since(theatre.account(0).pass.started.unwrap());
    assert!(Duration::try_from(took).unwrap() >= Duration::from_secs(180), "{took}");

    // 4 and 6: its row is in the page that the slice names.
    let slice = &theatre.slices(0, PassNo(1))[0];
    assert_eq!((slice.state, slice.done_to, slice.pages.len()), (SliceState::Done, Some(uid), 1));
    let rows = theatre.rows(0, PassNo(1));
    let row = &rows[&(0, uid)];
    let item = theatre.destination(0).items().pop().unwrap();
    assert_eq!((row.outcome, row.item.as_ref()), (Outcome::Copied, Some(&item.id)));
    assert_eq!(item.key.map(|k| k.uid), Uid::new(uid.get()));

    // 8: verified, graded, nothing under way any more.
    assert_eq!(theatre.account(0).grade, Some(Grade::Complete));
    assert!(theatre.lanes().iter().all(|l| l.state == LaneState::Ended));
    theatre.audit(0);
}

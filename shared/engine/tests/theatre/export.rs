//! An export has every row of the manifest once, whatever goes wrong while it is written.

use crate::stage::Theatre;
use mailcrane_core::id::AccountNo;
use mailcrane_core::record::PassKind;
use mailcrane_core::settings::Sizes;
use mailcrane_engine::export::{self, COLUMNS, Known};
use mailcrane_testkit::faults::{Mishap, Port};
use mailcrane_testkit::source::Message;

fn theatre() -> Theatre {
    let sizes =
        Sizes { slice_messages: 10, window_messages: 10, lanes: 2, scan_step: 50, export_rows: 25, ..Sizes::default() };
    let theatre = Theatre::with(1, sizes);
    let source = theatre.source(0);
    source.fill("INBOX", 70);
    source.append("INBOX", Message::small("=cmd()", "formula"));
    theatre.play(PassKind::Full);
    source.fill("INBOX", 4);
    theatre.play(PassKind::Delta);
    theatre
}

/// Exports; returns what is known of the export and the rows in its files.
fn export(theatre: &Theatre) -> (Known, Vec<String>) {
    let clock = theatre.memory.clock.clone();
    let known = clock.block_on(async {
        export::begin(&theatre.stage, &theatre.id, AccountNo(0)).await.unwrap();
        export::begin(&theatre.stage, &theatre.id, AccountNo(0)).await.unwrap();
        theatre.run(|_| theatre.memory.queues.waiting() == 0).await;
        export::look(&theatre.stage.table, &theatre.id, AccountNo(0)).await.unwrap().unwrap()
    });
    let objects = theatre.memory.blobs.objects();
    let mut rows = Vec::new();
    for file in 0..known.place.files {
        let (kind, octets) = &objects[&export::name(&theatre.id, AccountNo(0), file)];
        assert_eq!(kind, "text/csv; charset=utf-8");
        let text = String::from_utf8(octets.to_vec()).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), COLUMNS.join(","));
        rows.extend(lines.map(str::to_owned));
    }
    (known, rows)
}

fn whole(theatre: &Theatre, case: &str) {
    let (known, mut rows) = export(theatre);
    assert!(known.ended && known.place.failed.is_empty(), "{case}: {known:?}");
    assert_eq!((known.place.rows, rows.len()), (75, 75), "{case}");
    assert!(known.place.files >= 3, "{case}");
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 75, "{case}: a row is there twice");
}

#[test]
fn every_row_of_every_pass_is_exported_once() {
    let theatre = theatre();
    whole(&theatre, "well");
    theatre.source(0).fill("INBOX", 1);
    theatre.play(PassKind::Delta);
    assert_eq!(export(&theatre).1.len(), 76, "another export is a new one");
}

#[test]
fn an_export_that_is_broken_off_anywhere_is_whole_in_the_end() {
    for mishap in [Mishap::FailBefore, Mishap::FailAfter, Mishap::GoneBefore, Mishap::GoneAfter] {
        for nth in 0..4 {
            let theatre = theatre();
            theatre.memory.plan.on(Port::Blobs, "put", nth, mishap);
            whole(&theatre, &format!("put {nth} {mishap:?}"));
        }
        for nth in 0..8 {
            let theatre = theatre();
            theatre.memory.plan.calm();
            let begun = theatre.memory.plan.calls().iter().filter(|call| call.method == "transact").count() as u64;
            theatre.memory.plan.on(Port::Table, "transact", begun + nth, mishap);
            whole(&theatre, &format!("transact {nth} {mishap:?}"));
        }
    }
}

#[test]
fn a_mailbox_without_messages_has_a_file_without_rows() {
    let theatre = Theatre::with(1, Sizes::default());
    theatre.play(PassKind::Full);
    let (known, rows) = export(&theatre);
    assert_eq!((known.place.files, rows.len()), (1, 0));
}

#[test]
fn a_bucket_that_stays_away_is_named() {
    let theatre = theatre();
    for nth in 0..60 {
        theatre.memory.plan.on(Port::Blobs, "put", nth, Mishap::FailBefore);
    }
    let (known, _) = export(&theatre);
    assert!(known.ended && known.place.failed.contains("bucket"), "{known:?}");
}

//! What is too large for the destination: kept in the bucket, with a stub in its place, where that is wanted.

use crate::stage::Theatre;
use bytes::Bytes;
use mailcrane_core::Fault;
use mailcrane_core::flags::Flags;
use mailcrane_core::id::{AccountNo, PassNo};
use mailcrane_core::manifest::{Outcome, RESCUED, Row};
use mailcrane_core::ports::blobs::PART;
use mailcrane_core::record::{Grade, PassKind};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::{control, copy::rescue};
use mailcrane_testkit::faults::{Mishap, Port};
use mailcrane_testkit::source::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn theatre() -> Theatre {
    let theatre = Theatre::with(1, Sizes { lanes: 2, scan_step: 50, ..Sizes::default() });
    theatre.choose(|options| options.rescue_oversize = true);
    theatre.source(0).fill("INBOX", 5);
    theatre
}

/// A message whose attachment has that many octets, decoded.
fn with_attachment(octets: usize) -> Message {
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let body = line.repeat(octets.div_ceil(57));
    let head = "Message-ID: <large@example.org>\r\nSubject: large\r\nDate: Tue, 4 Mar 2014 10:00:00 +0000\r\n\
                MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.bin\r\n\
                Content-Transfer-Encoding: base64\r\n\r\n";
    let flags = Flags { seen: true, flagged: true, ..Flags::default() };
    Message { raw: Bytes::from(format!("{head}{body}")), flags, ..Message::small("large@example.org", "") }
}

fn large_row(theatre: &Theatre) -> Row {
    let rows = theatre.rows(0, PassNo(1));
    let mut large: Vec<Row> = rows.into_values().filter(|row| row.code.starts_with("too_large")).collect();
    assert_eq!(large.len(), 1, "{large:?}");
    large.remove(0)
}

/// Returns how many parts were sent, and how many objects put together.
fn counts(theatre: &Theatre) -> (u64, u64) {
    let calls = theatre.memory.plan.counts();
    let of = |method| calls.get(&(Port::Blobs, method)).copied().unwrap_or_default();
    (of("part"), of("finish"))
}

#[test]
fn a_message_too_large_to_be_kept_in_memory_comes_in_parts_and_leaves_a_stub() {
    let theatre = theatre();
    let large = with_attachment(30_000_000);
    theatre.source(0).append("INBOX", large.clone());
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let objects = theatre.memory.blobs.objects();
    let (name, (kind, octets)) = objects.first_key_value().unwrap();
    assert_eq!((objects.len(), kind.as_str()), (1, "message/rfc822"));
    assert!(*octets == large.raw, "the object is not the original");
    assert_eq!(counts(&theatre), (large.raw.len().div_ceil(PART) as u64, 1));
    let file = name.strip_prefix(&format!("rescued/{}/", theatre.id)).unwrap();
    assert!(rescue::is_file(file), "{file}");

    let row = large_row(&theatre);
    assert_eq!((row.outcome, row.code.as_str(), row.octets), (Outcome::Skipped, RESCUED, large.raw.len() as u64));
    assert!(row.reason.contains(&format!("s3://bucket/{name}")), "{}", row.reason);
    let items = theatre.destination(0).items();
    let stub = items.iter().find(|item| Some(&item.id) == row.item.as_ref()).unwrap();
    let text = String::from_utf8(stub.raw.to_vec()).unwrap();
    assert!(text.starts_with("Message-ID: <large@example.org>\r\nSubject: large\r\n"), "{text}");
    assert!(text.contains(&format!("https://move.example.org/v1/rescued/{}/{file}\r\n", theatre.id)), "{text}");
    assert_eq!((&stub.flags, stub.received), (&large.flags, large.received.unwrap()));
    assert_eq!(stub.key.unwrap().uid, row.uid);
    assert_eq!(theatre.account(0).grade, Some(Grade::CompleteWithExceptions));
    theatre.audit(0);
}

#[test]
fn a_message_that_is_small_enough_but_for_its_attachment_is_kept_too() {
    let theatre = theatre();
    theatre.destination(0).features(|f| (f.max_message, f.max_attachment) = (40_000_000, 1_000_000));
    let large = with_attachment(1_000_000);
    theatre.source(0).append("INBOX", large.clone());
    theatre.source(0).append("INBOX", with_attachment(900_000));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let objects: Vec<_> = theatre.memory.blobs.objects().into_values().map(|(_, octets)| octets).collect();
    assert!(objects == [large.raw]);
    let row = large_row(&theatre);
    assert!(row.code == RESCUED && row.reason.starts_with("an attachment has 1 MB"), "{}", row.reason);
    assert_eq!(theatre.destination(0).items().len(), 7);
    theatre.audit(0);
}

#[test]
fn without_the_option_it_is_only_named_and_so_is_what_a_filter_leaves_out() {
    for (rescue, max_octets, code) in [(false, None, "too_large.message"), (true, Some(1_000_000), "filter.size")] {
        let theatre = theatre();
        theatre.choose(|options| (options.rescue_oversize, options.max_octets) = (rescue, max_octets));
        theatre.source(0).append("INBOX", with_attachment(30_000_000));
        assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
        assert!(theatre.memory.blobs.objects().is_empty());
        assert_eq!(theatre.destination(0).items().len(), 5);
        let rows = theatre.rows(0, PassNo(1));
        assert!(rows.values().any(|row| row.code == code && row.item.is_none()), "{code}");
    }
}

#[test]
fn a_delta_keeps_it_no_second_time_and_an_undo_removes_the_stub() {
    let theatre = theatre();
    theatre.source(0).append("INBOX", with_attachment(30_000_000));
    theatre.play(PassKind::Full);
    assert_eq!(theatre.play(PassKind::Delta), MigrationState::Finished);
    assert_eq!((theatre.destination(0).items().len(), counts(&theatre).1), (6, 1_u64));
    theatre.memory.clock.clone().block_on(async {
        control::undo(&theatre.stage, &theatre.id, AccountNo(0), false).await.unwrap();
        theatre.run(|migration| migration.undoing == 0).await;
    });
    assert!(theatre.destination(0).items().is_empty());
    assert_eq!(theatre.memory.blobs.objects().len(), 1, "the original stays where it is");
}

/// Has the destination refuse what is longer, though its rules allow it.
fn refuse_above(theatre: &Theatre, most: usize) {
    let fault = || Fault::skip("destination.too_large", "WorkMail does not take a message of that size");
    theatre.destination(0).refuse(move |item| (item.raw.len() > most).then(fault));
}

#[test]
fn what_the_destination_refuses_as_too_large_is_read_once_more_and_kept() {
    let theatre = theatre();
    refuse_above(&theatre, 500_000);
    let large = with_attachment(1_000_000);
    theatre.source(0).append("INBOX", large.clone());
    theatre.source(0).append("INBOX", Message::small("later@example.org", "later"));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert!(theatre.memory.blobs.objects().into_values().all(|(_, octets)| octets == large.raw));
    let row = large_row(&theatre);
    assert_eq!((row.code.as_str(), row.octets), (RESCUED, large.raw.len() as u64));
    assert!(row.reason.starts_with("WorkMail does not take a message of that size; the original is kept as s3://"));
    assert_eq!((theatre.destination(0).items().len(), counts(&theatre).1), (7, 1));
    theatre.audit(0);
}

#[test]
fn a_stub_whose_answer_is_lost_is_not_taken_for_the_message() {
    // Which of the requests to the destination carries the stub is found out by losing the answer of each in turn.
    for (nth, keyed) in (0..4).flat_map(|nth| [(nth, true), (nth, false)]) {
        for mishap in [Mishap::FailAfter, Mishap::GoneAfter, Mishap::Late(Duration::from_secs(40))] {
            let theatre = theatre();
            theatre.destination(0).features(|f| (f.find_by_key, f.keeps_key, f.parallel) = (keyed, keyed, keyed));
            refuse_above(&theatre, 500_000);
            theatre.source(0).append("INBOX", with_attachment(1_000_000));
            theatre.memory.plan.on(Port::Destination, "store", nth, mishap);
            assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
            let row = large_row(&theatre);
            assert_eq!((row.code.as_str(), row.item.is_some()), (RESCUED, true), "{nth} {keyed} {mishap:?}");
            assert_eq!(theatre.destination(0).items().len(), 6, "{nth} {keyed} {mishap:?}");
            theatre.audit(0);
        }
    }
}

#[test]
fn a_bucket_or_source_that_fails_meanwhile_leaves_no_other_message_to_blame() {
    for (port, method) in [(Port::Blobs, "finish"), (Port::Source, "fetch")] {
        let theatre = theatre();
        refuse_above(&theatre, 500_000);
        theatre.source(0).append("INBOX", with_attachment(1_000_000));
        for no in 0..5 {
            theatre.source(0).append("INBOX", Message::small(&format!("later{no}@example.org"), "later"));
        }
        for nth in 0..6 {
            theatre.memory.plan.on(port, method, nth, Mishap::FailBefore);
        }
        assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
        let expected = BTreeMap::from([(Outcome::Copied, 10), (Outcome::Skipped, 1)]);
        assert_eq!(
            (theatre.outcomes(0, PassNo(1)), large_row(&theatre).code.as_str()),
            (expected, RESCUED),
            "{method}"
        );
        theatre.audit(0);
    }
}

#[test]
fn a_delta_with_the_option_keeps_what_was_left_out_without_it() {
    let theatre = theatre();
    theatre.choose(|options| options.rescue_oversize = false);
    refuse_above(&theatre, 500_000);
    let [large, refused] = [with_attachment(30_000_000), Message { received: None, ..with_attachment(1_000_000) }];
    theatre.source(0).append("INBOX", large.clone());
    theatre.source(0).append("INBOX", refused.clone());
    let skipped = |pass| theatre.rows(0, pass).into_values().filter(|row| row.is_too_large()).count();
    theatre.play(PassKind::Full);
    theatre.play(PassKind::Delta);
    assert_eq!((skipped(PassNo(1)), theatre.rows(0, PassNo(2)).len()), (2, 0), "without it nothing is read again");
    theatre.choose(|options| options.rescue_oversize = true);
    theatre.play(PassKind::Delta);
    let codes: Vec<_> = theatre.rows(0, PassNo(3)).into_values().map(|row| row.code).collect();
    assert_eq!(codes, [RESCUED, RESCUED]);
    let kept: BTreeSet<_> = theatre.memory.blobs.objects().into_values().map(|(_, octets)| octets).collect();
    assert!(kept == BTreeSet::from([large.raw, refused.raw]));
    assert_eq!(theatre.destination(0).items().len(), 7);
    theatre.play(PassKind::Delta);
    assert_eq!((theatre.rows(0, PassNo(4)).len(), counts(&theatre).1), (0, 2), "and then it is known");
    theatre.audit(0);
}

#[test]
fn a_bucket_that_fails_for_a_while_costs_time_and_no_message() {
    let theatre = theatre();
    theatre.source(0).append("INBOX", with_attachment(30_000_000));
    for (method, nth) in [("begin", 0), ("part", 2), ("finish", 0), ("finish", 1)] {
        theatre.memory.plan.on(Port::Blobs, method, nth, Mishap::FailBefore);
    }
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    let expected = BTreeMap::from([(Outcome::Copied, 5), (Outcome::Skipped, 1)]);
    assert_eq!((theatre.outcomes(0, PassNo(1)), large_row(&theatre).code.as_str()), (expected, RESCUED));
    assert_eq!(theatre.destination(0).items().len(), 6);
}

#[test]
fn what_is_read_through_takes_no_more_memory_than_a_part() {
    // A budget of one part: were the message held, nothing else would be let in beside it.
    let sizes = Sizes { lanes: 1, memory_octets: PART as u64, ..Sizes::default() };
    let theatre = Theatre::with(1, sizes);
    theatre.choose(|options| options.rescue_oversize = true);
    for _ in 0..3 {
        theatre.source(0).fill("INBOX", 3);
        theatre.source(0).append("INBOX", Message { received: None, ..with_attachment(30_000_000) });
    }
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
}

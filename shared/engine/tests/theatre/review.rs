//! What a review found: ways to stand still for ever, to stall for nothing, to blame a message for an outage.

use crate::stage::Theatre;
use mailcrane_core::id::{AccountNo, Generation, PassNo};
use mailcrane_core::manifest::Outcome;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::table::Key;
use mailcrane_core::record::{Account, Lane, LaneState, Migration, PassKind, Slice, Versioned, keys};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::{ContinuationToken, LaneKind, Reason};
use mailcrane_core::{Fault, Timestamp};
use mailcrane_engine::world::{self, World as _};
use mailcrane_engine::{account, admission, chunk, control, lane, ledger, plan};
use mailcrane_testkit::faults::{Mishap, Port};
use std::collections::BTreeMap;
use std::time::Duration;

fn theatre(accounts: u32) -> Theatre {
    Theatre::with(
        accounts,
        Sizes { slice_messages: 400, window_messages: 10, lanes: 2, scan_step: 50, ..Sizes::default() },
    )
}

/// Plays a pass and returns how long it took.
fn timed(theatre: &Theatre, kind: PassKind) -> Duration {
    let begun = theatre.stage.now();
    theatre.play(kind);
    Duration::try_from(theatre.stage.now().duration_since(begun)).unwrap()
}

/// Asserts that no chunk was gone with its lease: the sweeper had nothing to take over.
fn nobody_was_killed(theatre: &Theatre) {
    let doubted: Vec<_> = theatre.slices(0, PassNo(1)).into_iter().filter(|s| s.doubted).map(|s| s.no).collect();
    assert!(doubted.is_empty(), "a chunk left its slices behind: {doubted:?}");
}

#[test]
fn a_chunk_whose_time_is_over_ends_although_it_has_read_far_ahead() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 400);
    theatre.destination(0).features(|f| f.max_batch_items = 1);
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(10));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    nobody_was_killed(&theatre);
    theatre.audit(0);
}

#[test]
fn a_destination_whose_requests_outlast_a_lease_is_copied_to() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 20);
    theatre.destination(0).features(|f| f.request_limit = Duration::from_secs(120));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    nobody_was_killed(&theatre);
    theatre.audit(0);
}

#[test]
fn no_request_is_begun_that_its_lease_does_not_outlive() {
    const LIMIT: Duration = Duration::from_secs(60);
    const EACH: Duration = Duration::from_secs(10);
    // The write that would renew the lease hangs; which one that is depends on the order of writes.
    for nth in 4..12 {
        let sizes = Sizes { window_messages: 20, lanes: 1, requests: (1, 1), scan_step: 50, ..Sizes::default() };
        let theatre = Theatre::with(1, sizes);
        theatre.source(0).fill("INBOX", 60);
        theatre.destination(0).features(|f| (f.max_batch_items, f.request_limit) = (1, LIMIT));
        theatre.memory.plan.cost(Port::Destination, EACH);
        theatre.memory.plan.on(Port::Table, "transact", nth, Mishap::Slow(Duration::from_secs(150)));
        let (memory, partition) = (theatre.memory.clone(), keys::account_partition(&theatre.id, AccountNo(0)));
        theatre.destination(0).refuse(move |_| {
            let slices = memory.table.records::<Slice>(&partition, keys::SLICES).unwrap();
            let lease = slices.into_iter().find_map(|slice| slice.record.lease).expect("a request without a lease");
            let left = world::until(memory.clock.now(), lease.until) + EACH;
            assert!(left > LIMIT, "a request was begun with {left:?} of its lease left");
            None
        });
        assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished, "{nth}");
        assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 60)]));
    }
}

#[test]
fn an_outage_of_the_source_is_not_the_fault_of_a_message() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 20);
    for nth in 0..6 {
        theatre.memory.plan.on(Port::Source, "fetch", nth, Mishap::FailBefore);
    }
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 20)]));
}

#[test]
fn a_folder_whose_listing_outlasts_a_lease_is_planned_and_verified() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 400);
    theatre.destination(0).page(20);
    theatre.memory.plan.cost(Port::Source, Duration::from_millis(1));
    theatre.play(PassKind::Trial);
    theatre.memory.plan.cost(Port::Source, Duration::from_secs(15));
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(8));
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    theatre.audit(0);
}

/// Changes a record behind everybody's back.
async fn edit<R: mailcrane_core::record::Record + Send>(
    theatre: &Theatre,
    key: &Key,
    mut change: impl FnMut(&mut R) + Send,
) -> Versioned<R> {
    let edited = ledger::update::<R>(&theatre.stage.table, key, |record| {
        change(record);
        Ok(ledger::Change::Write)
    });
    edited.await.unwrap()
}

/// A theatre with a copy lane that has ended, to be put into another state.
fn with_a_lane() -> (Theatre, Lane, Key) {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 3);
    theatre.play(PassKind::Full);
    let lane = theatre.lanes().into_iter().find(|lane| lane.kind == LaneKind::Copy).unwrap();
    let key = keys::lane(&theatre.id, AccountNo(0), lane.kind, lane.no);
    (theatre, lane, key)
}

#[test]
fn a_token_of_an_earlier_chunk_changes_nothing() {
    let (theatre, lane, key) = with_a_lane();
    theatre.memory.clock.clone().block_on(async {
        edit::<Lane>(&theatre, &key, |lane| lane.state = LaneState::Queued).await;
        let token = lane.token(Reason::Time);
        let late = ContinuationToken { generation: Generation(token.generation.0 - 1), ..token.clone() };
        let deadline = world::later(theatre.stage.now(), Duration::from_secs(300));
        for (token, changes) in [(late, false), (token.clone(), true), (token, false)] {
            let before = theatre.memory.table.snapshot();
            chunk::run(&theatre.stage, &theatre.memory.ends, &token, deadline).await.unwrap();
            assert_eq!(theatre.memory.table.snapshot() != before, changes, "{token:?}");
        }
    });
}

#[test]
fn a_lane_that_is_held_is_not_taken_before_its_lease_is_over() {
    let (theatre, lane, key) = with_a_lane();
    theatre.memory.clock.clone().block_on(async {
        let until = world::later(theatre.stage.now(), Duration::from_secs(90));
        edit::<Lane>(&theatre, &key, |lane| (lane.state, lane.lease_until) = (LaneState::Running, Some(until))).await;
        let takeover = theatre.stage.times().takeover;
        for (wait, changes) in [(Duration::from_secs(89), false), (takeover, false), (takeover, true)] {
            theatre.memory.clock.sleep(wait).await;
            let before = theatre.memory.table.snapshot();
            let deadline = world::later(theatre.stage.now(), Duration::from_secs(300));
            chunk::run(&theatre.stage, &theatre.memory.ends, &lane.token(Reason::Time), deadline).await.unwrap();
            assert_eq!(theatre.memory.table.snapshot() != before, changes, "after {wait:?}");
        }
    });
}

#[test]
fn an_account_that_is_unticked_during_a_pause_does_not_keep_the_migration_running() {
    let theatre = theatre(2);
    (0..2).for_each(|no| theatre.source(no).fill("INBOX", 60));
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let pause = async {
            theatre.wait_for(5).await;
            control::pause(&theatre.stage, &theatre.id).await.unwrap();
        };
        futures_util::join!(theatre.run(|m| m.state.rests()), pause);
        edit::<Account>(&theatre, &keys::account(&theatre.id, AccountNo(1)), |a| a.selected = false).await;
        control::resume(&theatre.stage, &theatre.id).await.unwrap();
        assert!(theatre.run(|m| m.state.rests()).await.rests());
    });
    theatre.audit(0);
}

#[test]
fn a_retry_that_is_asked_for_twice_is_one_retry() {
    let sizes = Sizes { active_accounts: 1, ..Sizes::default() };
    let theatre = Theatre::with(2, sizes);
    (0..2).for_each(|no| theatre.source(no).fill("INBOX", 10));
    theatre.destination(0).refuse(|_| Some(Fault::give_up("destination.full", "the mailbox is full")));
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let again = async {
            while theatre.account(1).state != mailcrane_core::state::AccountState::Copying {
                theatre.memory.clock.sleep(Duration::from_secs(1)).await;
            }
            theatre.destination(0).accept();
            for _ in 0..2 {
                control::retry(&theatre.stage, &theatre.id, AccountNo(0)).await.unwrap();
            }
        };
        let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), again);
        assert_eq!(state, MigrationState::Finished);
    });
    (0..2).for_each(|no| theatre.audit(no));
}

#[test]
fn a_cancellation_that_crashed_half_way_ends_all_the_same() {
    let theatre = theatre(1);
    theatre.memory.clock.clone().block_on(async {
        for nth in 0..40 {
            edit::<Migration>(&theatre, &keys::migration(&theatre.id), |m| m.state = MigrationState::Ready).await;
            theatre.memory.plan.on(Port::Table, "transact", nth, Mishap::GoneAfter);
            let _ = theatre.memory.plan.process(control::cancel(&theatre.stage, &theatre.id)).await;
            theatre.memory.plan.calm();
            if theatre.migration().state == MigrationState::Cancelled {
                break;
            }
            assert_eq!(theatre.run(|m| m.state.rests()).await, MigrationState::Cancelled);
        }
    });
}

#[test]
fn an_account_that_is_retried_while_its_other_lanes_wait_is_copied_whole() {
    let theatre =
        Theatre::with(1, Sizes { slice_messages: 20, window_messages: 5, lanes: 3, scan_step: 50, ..Sizes::default() });
    theatre.source(0).fill("INBOX", 200);
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let again = async {
            theatre.wait_for(30).await;
            let destination = theatre.destination(0);
            destination.refuse(|item| {
                let full = || Fault::give_up("destination.full", "the mailbox is full");
                (item.key.uid.get() % 50 == 0).then(full)
            });
            while theatre.account(0).state != mailcrane_core::state::AccountState::Stalled {
                theatre.memory.clock.sleep(Duration::from_millis(100)).await;
            }
            destination.accept();
            control::retry(&theatre.stage, &theatre.id, AccountNo(0)).await.unwrap();
        };
        let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), again);
        assert!(state.rests());
    });
    theatre.audit(0);
    assert_eq!(theatre.destination(0).items().len(), 200);
    assert!(theatre.destination(0).doubled().is_empty());
    let roster = theatre.memory.clock.block_on(admission::roster(&theatre.stage)).unwrap().record;
    assert!(roster.active.is_empty() && roster.running.is_empty(), "{roster:?}");
}

#[test]
fn a_pass_that_is_retried_removes_the_late_copies_of_the_pass_before() {
    for late in (180..300).step_by(4).map(Duration::from_secs) {
        let theatre = theatre(1);
        theatre.source(0).fill("INBOX", 200);
        theatre.memory.plan.cost(Port::Destination, Duration::from_secs(4));
        theatre.memory.plan.on(Port::Destination, "store", 1, Mishap::Late(late));
        let destination = theatre.destination(0);
        destination.refuse(|item| {
            let full = || Fault::give_up("destination.full", "the mailbox is full");
            (item.key.uid.get() > 100).then(full)
        });
        let begun = theatre.stage.now();
        assert!(theatre.play(PassKind::Full).rests());
        assert_eq!(theatre.account(0).state, mailcrane_core::state::AccountState::Stalled, "{late:?}");
        destination.accept();
        theatre.memory.clock.clone().block_on(async {
            control::retry(&theatre.stage, &theatre.id, AccountNo(0)).await.unwrap();
            assert!(theatre.run(|m| m.state.rests()).await.rests());
        });
        let ended = theatre.account(0).pass.ended.unwrap();
        theatre.audit(0);
        // One that comes later still is beyond what a quarantine can promise.
        assert!(destination.doubled().is_empty() || ended < world::later(begun, late), "{late:?}");
    }
}

#[test]
fn an_empty_mailbox_is_done() {
    let theatre = theatre(1);
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Finished);
    assert_eq!(theatre.account(0).pass.found, 0);
    assert!(timed(&theatre, PassKind::Delta) < Duration::from_secs(600));
    let _: Timestamp = theatre.stage.now();
}

#[test]
fn a_source_that_stays_away_stalls_the_account_by_its_name() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 20);
    for nth in 0..5_000 {
        theatre.memory.plan.on(Port::Source, "fetch_body", nth, Mishap::FailBefore);
        theatre.memory.plan.on(Port::Source, "fetch", nth, Mishap::FailBefore);
    }
    theatre.play(PassKind::Full);
    let account = theatre.account(0);
    let named = account.error_code.starts_with("source.") || account.pass.counters.failed > 0;
    assert!(named && account.error_code != "lane.no_progress", "{} {}", account.error_code, account.error);
}

#[test]
fn a_migration_none_of_whose_accounts_passed_its_check_has_failed() {
    let theatre = theatre(2);
    theatre.memory.clock.clone().block_on(async {
        for no in 0..2 {
            let failed = mailcrane_core::state::AccountState::CheckFailed;
            edit::<Account>(&theatre, &keys::account(&theatre.id, AccountNo(no)), |a| a.state = failed).await;
        }
    });
    assert_eq!(theatre.play(PassKind::Full), MigrationState::Failed);
}

/// Begins a pass and pauses it once some messages are at the destination.
async fn paused_in_the_middle(theatre: &Theatre) {
    theatre.start(PassKind::Full).await;
    let pause = async {
        theatre.wait_for(5).await;
        control::pause(&theatre.stage, &theatre.id).await.unwrap();
    };
    let (state, ()) = futures_util::join!(theatre.run(|m| m.state.rests()), pause);
    assert_eq!(state, MigrationState::Paused);
}

/// What WorkMail stored twice by itself, of an account that was paused or stalled, is not there twice in the end.
#[test]
fn what_is_given_up_at_rest_is_verified_first() {
    for stalled in [false, true] {
        let theatre = theatre(1);
        theatre.source(0).fill("INBOX", 60);
        theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
        theatre.memory.plan.on(Port::Destination, "store", 2, Mishap::Late(Duration::from_secs(60)));
        theatre.memory.clock.clone().block_on(async {
            paused_in_the_middle(&theatre).await;
            if stalled {
                let stalled = mailcrane_core::state::AccountState::Stalled;
                edit::<Account>(&theatre, &keys::account(&theatre.id, AccountNo(0)), |a| a.state = stalled).await;
            }
            control::cancel(&theatre.stage, &theatre.id).await.unwrap();
            assert_eq!(theatre.migration().state, MigrationState::Cancelling);
            theatre.run(|m| m.state == MigrationState::Cancelled).await;
        });
        assert_eq!(theatre.account(0).state, mailcrane_core::state::AccountState::Cancelled);
        assert!(theatre.destination(0).doubled().is_empty());
        let verify = theatre.lanes().into_iter().find(|l| l.kind == mailcrane_core::token::LaneKind::Verify).unwrap();
        assert_eq!(verify.counters.copied, theatre.account(0).pass.counters.copied);
    }
}

#[test]
fn what_is_given_up_while_it_is_copied_is_verified_first() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 400);
    theatre.destination(0).features(|f| f.max_batch_items = 2);
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let cancel = async {
            theatre.wait_for(5).await;
            control::cancel(&theatre.stage, &theatre.id).await.unwrap();
        };
        futures_util::join!(theatre.run(|m| m.state == MigrationState::Cancelled), cancel);
    });
    let copied = theatre.account(0).pass.counters.copied;
    let verify = theatre.lanes().into_iter().find(|lane| lane.kind == LaneKind::Verify).expect("nothing was verified");
    assert!((5..400).contains(&copied) && verify.counters.copied == copied, "{copied} {verify:?}");
}

#[test]
fn accounts_of_a_paused_migration_that_is_cancelled_are_cancelled() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 60);
    theatre.memory.plan.cost(Port::Destination, Duration::from_secs(5));
    theatre.memory.clock.clone().block_on(async {
        paused_in_the_middle(&theatre).await;
        control::cancel(&theatre.stage, &theatre.id).await.unwrap();
        theatre.run(|m| m.state == MigrationState::Cancelled).await;
    });
    assert_eq!(theatre.account(0).state, mailcrane_core::state::AccountState::Cancelled);
}

#[test]
fn what_stopped_lanes_have_left_is_copied_though_the_last_lane_has_finished() {
    let theatre = theatre(1);
    theatre.source(0).fill("INBOX", 50);
    let (stage, ends) = (&theatre.stage, &theatre.memory.ends);
    theatre.memory.clock.clone().block_on(async {
        theatre.start(PassKind::Full).await;
        let token = |kind| {
            let lanes = theatre.lanes().into_iter().filter(move |lane| lane.kind == kind);
            lanes.map(|lane| lane.token(Reason::Begin)).collect::<Vec<_>>()
        };
        let mut plan = lane::take(stage, &token(LaneKind::Plan)[0]).await.unwrap().unwrap();
        let deadline = world::later(stage.now(), Duration::from_secs(60));
        let whose = (&theatre.migration(), theatre.account(0));
        assert_eq!(plan::run(stage, ends, whose, &mut plan, deadline).await.unwrap(), plan::Planned::All);
        // The account is asked for its place, and every lane but the plan's sees it.
        let key = keys::account(&theatre.id, AccountNo(0));
        edit::<Account>(&theatre, &key, |account| account.pass.yields = true).await;
        for token in token(LaneKind::Copy) {
            chunk::run_with(stage, ends, Some(&theatre.shelf()), &token, deadline).await.unwrap();
        }
        account::close(stage, plan, account::Out::Finished).await.unwrap();
        theatre.run(|m| m.state.rests()).await
    });
    theatre.audit(0);
    assert_eq!(theatre.outcomes(0, PassNo(1)), BTreeMap::from([(Outcome::Copied, 50)]));
}

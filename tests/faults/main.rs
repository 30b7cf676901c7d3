//! Random schedules over the real adapters: whatever goes wrong, nothing is lost, doubled or altered.
//!
//! `make faults SEEDS=1000` plays the schedules of seeds 1 to 1000, `SEED=17` plays one and tells its story. Real
//! sockets and processes make no two runs alike, but a seed brings the same kinds of mishap in the same places.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at what it does not expect"
)]

mod clock;
mod ends;
mod imap;
mod judge;
mod luck;
mod machine;
mod play;
mod post;
mod relay;
mod schedule;
mod source;
mod story;
mod table;
mod work_mail;

#[allow(dead_code, unreachable_pub, reason = "the server of the IMAP adapter's tests; this uses its part of it")]
#[path = "../../shared/imap/tests/dovecot/server.rs"]
mod dovecot;
#[allow(dead_code, reason = "the database of the AWS adapters' tests; this uses its part of it")]
#[path = "../../shared/aws/tests/adapters/dynamodb.rs"]
mod dynamodb;
#[allow(dead_code, reason = "the server of the AWS adapters' tests; this uses its part of it")]
#[path = "../../shared/aws/tests/adapters/server.rs"]
mod server;

use judge::Verdict;
use play::Slot;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use story::Story;

/// How many schedules are under way at once: they wait most of the time.
const SLOTS: u64 = 8;

/// How many times slower than the durations ask for: a schedule that does not end at the first pace is played once
/// more at the second. Durations too short for a busy machine end nothing at the first; a real standstill ends at none.
const PACES: [u32; 2] = [1, 6];

/// How many schedules a plain run of all tests plays.
const HANDFUL: u64 = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_doubled_or_altered() {
    let one = number("SEED");
    let first = one.or_else(|| number("FIRST")).unwrap_or(1);
    let seeds = one.map_or_else(|| number("SEEDS").unwrap_or(HANDFUL), |_| 1);
    let begun = Instant::now();
    let (lost, duplicated, altered) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let (next, bad, slow) = (AtomicU64::new(first), AtomicUsize::new(0), AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let dovecot = Arc::new(dovecot::Dovecot::start("protocol imap {\n  mail_max_userip_connections = 100\n}\n"));
    source::sign_up(&dovecot, first..first + seeds, PACES);
    let slots = number("SLOTS").unwrap_or(SLOTS);
    let slot = |name: u64| {
        let stand_in = work_mail::StandIn::start(runtime.handle(), &name.to_string());
        let desk = Arc::new(table::Desk::start());
        let slot = Slot { net: runtime.handle().clone(), dovecot: dovecot.clone(), stand_in, desk };
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let (mut verdict, mut story) = played(&slot, seed, PACES[0]);
            if !verdict.unfinished.is_empty() {
                println!("seed {seed}: {}; once more, {} times slower", verdict.unfinished.join(", "), PACES[1]);
                slow.fetch_add(1, Ordering::Relaxed);
                (verdict, story) = played(&slot, seed, PACES[1]);
            }
            lost.fetch_add(verdict.lost.len(), Ordering::Relaxed);
            duplicated.fetch_add(verdict.duplicated.len(), Ordering::Relaxed);
            altered.fetch_add(verdict.altered.len(), Ordering::Relaxed);
            if !verdict.is_good() {
                bad.fetch_add(1, Ordering::Relaxed);
            }
            if !verdict.is_good() || one.is_some() {
                println!("seed {seed}\n  {}\n    {}", verdict.findings().join("\n  "), story.text());
            }
        }
    };
    std::thread::scope(|scope| {
        for name in 0..slots.min(seeds) {
            let slot = &slot;
            scope.spawn(move || slot(name));
        }
    });
    let count = |n: &AtomicUsize| n.load(Ordering::Relaxed);
    println!(
        "{seeds} schedules: lost {}, duplicated {}, altered {}",
        count(&lost),
        count(&duplicated),
        count(&altered)
    );
    println!("{} failed, {} played slowly, {:.0} s", count(&bad), count(&slow), begun.elapsed().as_secs_f64());
    assert_eq!(count(&bad), 0, "schedules failed; `make faults SEED=n` plays one again");
}

/// Plays a schedule.
fn played(slot: &Slot, seed: u64, pace: u32) -> (Verdict, Story) {
    let story = Story::begin();
    let verdict = catch_unwind(AssertUnwindSafe(|| slot.play(seed, pace, &story)));
    let verdict = verdict.unwrap_or_else(|panic| Verdict { panicked: vec![words(&*panic)], ..Verdict::default() });
    (verdict, story)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

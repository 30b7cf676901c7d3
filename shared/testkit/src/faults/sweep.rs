//! The crash sweep: a scenario is repeated with every call of it failed in turn, and must end the same.

use super::call::Call;
use super::mishap::{Mishap, Span, cases};
use crate::memory::Memory;
use std::fmt::{self, Debug};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A case that did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The call that went wrong.
    pub call: Call,
    /// How.
    pub mishap: Mishap,
    /// How it ended instead.
    pub end: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}: {}", self.mishap, self.call, self.end)
    }
}

/// What a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many cases there were.
    pub cases: usize,
    /// In how many of them the planned call came; less than all only when the scenario is not the same each time.
    pub met: usize,
    /// Those that did not end as the run without mishaps, in the order of their calls.
    pub failures: Vec<Failure>,
}

/// Runs a scenario without mishaps, then once for each case of its calls, on all cores. What it returns must be the
/// same each time and is compared with the first run; a panic is a failure too. `enough` failures end the sweep
/// early, for engines that are broken on purpose.
pub fn sweep<R: Debug>(span: Span, enough: NonZeroUsize, scenario: impl Fn(&Memory) -> R + Sync) -> Swept {
    let run = |memory: &Memory| format!("{:#?}", scenario(memory));
    let memory = Memory::default();
    let expected = run(&memory);
    let cases = cases(&memory.plan.calls(), span);
    let (next, met, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    let worker = || {
        let mut failures = Vec::new();
        while !over.load(Ordering::Relaxed)
            && let Some((call, mishap)) = cases.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        {
            let memory = Memory::default();
            memory.plan.at(call.number, mishap);
            let end = catch_unwind(AssertUnwindSafe(|| run(&memory))).unwrap_or_else(|panic| message(&*panic));
            met.fetch_add(usize::from(!memory.plan.met().is_empty()), Ordering::Relaxed);
            if end != expected {
                failures.push(Failure { call, mishap, end: difference(&expected, &end) });
                over.fetch_or(failed.fetch_add(1, Ordering::Relaxed) + 1 >= enough.get(), Ordering::Relaxed);
            }
        }
        failures
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut failures: Vec<Failure> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
    });
    failures.sort_by_key(|failure| (failure.call, failure.mishap));
    Swept { cases: cases.len(), met: met.into_inner(), failures }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}

/// Returns the first line where two ends differ.
fn difference(expected: &str, end: &str) -> String {
    let mut pairs = expected.lines().zip(end.lines());
    match pairs.find(|(a, b)| a != b) {
        Some((a, b)) => format!("expected `{}`, got `{}`", a.trim(), b.trim()),
        None if expected.lines().count() < end.lines().count() => format!("more than expected: `{end}`"),
        None => format!("less than expected: `{end}`"),
    }
}

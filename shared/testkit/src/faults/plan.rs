//! The plan: which call goes wrong, and how.

use super::call::{Call, Port};
use super::mishap::Mishap;
use super::process::{Gone, Process, Running};
use crate::clock::{ManualClock, later};
use crate::locked;
use mailcrane_core::ports::clock::Clock as _;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Counts the calls of all memory adapters that were made with it, and lets planned ones go wrong. Clones are the
/// same plan. Without anything planned it only counts.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

/// Something that happens to the world just before a call.
type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    processes: u64,
    by_number: BTreeMap<u64, Mishap>,
    by_method: Vec<(Port, &'static str, u64, Mishap)>,
    hooks: Vec<(Port, &'static str, u64, Hook)>,
    costs: BTreeMap<Port, Duration>,
    met: Vec<(Call, Mishap)>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("calls", &self.calls.len()).field("met", &self.met).finish_non_exhaustive()
    }
}

impl FaultPlan {
    /// Returns a plan without mishaps, on that clock.
    #[must_use]
    pub fn new(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), state: Arc::default() }
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Lets call `number` (over all ports, from 0) go wrong.
    pub fn at(&self, number: u64, mishap: Mishap) {
        locked(&self.state).by_number.insert(number, mishap);
    }

    /// Lets the nth call from now on of that method (from 0) go wrong.
    pub fn on(&self, port: Port, method: &'static str, nth: u64, mishap: Mishap) {
        locked(&self.state).by_method.push((port, method, nth, mishap));
    }

    /// Does something just before the nth call from now on of that method (from 0): the world changes during a pass.
    pub fn when(&self, port: Port, method: &'static str, nth: u64, hook: impl FnOnce() + Send + 'static) {
        locked(&self.state).hooks.push((port, method, nth, Box::new(hook)));
    }

    /// Lets every call of a port take that long; nothing else takes time.
    pub fn cost(&self, port: Port, each: Duration) {
        locked(&self.state).costs.insert(port, each);
    }

    /// Returns every call so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.state).calls.clone()
    }

    /// Returns how often each method was called.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(Port, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for call in &locked(&self.state).calls {
            *counts.entry((call.port, call.method)).or_default() += 1;
        }
        counts
    }

    /// Returns the mishaps that happened; a sweep asserts that its planned one did.
    #[must_use]
    pub fn met(&self) -> Vec<(Call, Mishap)> {
        locked(&self.state).met.clone()
    }

    /// Forgets what is planned and did not happen yet, as after a repaired fault.
    pub fn calm(&self) {
        let mut state = locked(&self.state);
        state.by_number.clear();
        state.by_method.clear();
        state.hooks.clear();
    }

    /// Runs a future as a process of its own: when a mishap lets it be gone, the future is dropped where it stands and
    /// nobody learns more; when it is frozen, nothing of it goes on for that time, while other processes do.
    ///
    /// What the future spawns on a runtime does not belong to the process; what it joins or selects does.
    pub fn process<F: Future>(&self, future: F) -> impl Future<Output = Result<F::Output, Gone>> {
        let number = {
            let mut state = locked(&self.state);
            state.processes += 1;
            state.processes
        };
        Running::new(self, number, future)
    }

    /// Passes a call: counts it, lets it take its time, and tells what goes wrong with it.
    pub(crate) async fn enter(&self, port: Port, method: &'static str) -> Pass {
        let process = Process::current();
        if let Some(process) = &process {
            process.held(&self.clock).await;
        }
        let (mishap, hooks, cost) = self.record(port, method, process.as_ref().map_or(0, |p| p.number));
        hooks.into_iter().for_each(|hook| hook());
        if !cost.is_zero() {
            self.clock.sleep(cost).await;
        }
        let pass = Pass { plan: self.clone(), process, mishap };
        match mishap {
            Some(Mishap::GoneBefore) => pass.vanish().await,
            Some(Mishap::FrozenBefore(time)) => pass.freeze(time).await,
            Some(Mishap::Slow(time)) => self.clock.sleep(time).await,
            _ => {}
        }
        pass
    }

    fn record(&self, port: Port, method: &'static str, process: u64) -> (Option<Mishap>, Vec<Hook>, Duration) {
        let mut state = locked(&self.state);
        let number = state.calls.len() as u64;
        let call = Call { number, port, method, process };
        state.calls.push(call);
        let by_method = countdown(&mut state.by_method, port, method).pop();
        let mishap = state.by_number.remove(&number).or(by_method);
        state.met.extend(mishap.map(|m| (call, m)));
        let hooks = countdown(&mut state.hooks, port, method);
        (mishap, hooks, state.costs.get(&port).copied().unwrap_or_default())
    }

    /// Makes a call with one effect.
    pub(crate) async fn call<T, E>(
        &self,
        port: Port,
        method: &'static str,
        lost: impl FnOnce() -> E,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let pass = self.enter(port, method).await;
        if pass.fails_before() {
            return Err(lost());
        }
        let result = effect();
        pass.leave().await;
        if pass.loses_answer() { Err(lost()) } else { result }
    }
}

/// Counts a call down in a list and takes out whose turn it is.
fn countdown<T>(list: &mut Vec<(Port, &'static str, u64, T)>, port: Port, method: &str) -> Vec<T> {
    let mut taken = Vec::new();
    for (p, m, left, what) in std::mem::take(list) {
        match left {
            _ if p != port || m != method => list.push((p, m, left, what)),
            0 => taken.push(what),
            _ => list.push((p, m, left - 1, what)),
        }
    }
    taken
}

/// A call on its way.
pub(crate) struct Pass {
    plan: FaultPlan,
    process: Option<Arc<Process>>,
    mishap: Option<Mishap>,
}

impl Pass {
    /// Tells whether the effect must not happen.
    pub(crate) fn fails_before(&self) -> bool {
        self.mishap == Some(Mishap::FailBefore)
    }

    /// Tells whether the answer does not arrive.
    pub(crate) fn loses_answer(&self) -> bool {
        matches!(self.mishap, Some(Mishap::FailBefore | Mishap::FailHalfway | Mishap::FailAfter | Mishap::Late(_)))
    }

    /// Returns how many of so many effects happen.
    pub(crate) fn share(&self, effects: usize) -> usize {
        match self.mishap {
            Some(Mishap::FailBefore) => 0,
            Some(Mishap::FailHalfway) => effects / 2,
            _ => effects,
        }
    }

    /// Returns how much later the effect comes.
    pub(crate) fn late(&self) -> Option<Duration> {
        match self.mishap {
            Some(Mishap::Late(time) | Mishap::GoneLate(time)) => Some(time),
            _ => None,
        }
    }

    /// Tells whether a request with that time limit was never sent, since its process stood still.
    pub(crate) fn not_sent(&self, limit: Duration) -> bool {
        matches!(self.mishap, Some(Mishap::FrozenBefore(time)) if time >= limit)
    }

    /// Tells whether the answer comes after that time limit, since its process stood still.
    pub(crate) fn too_late(&self, limit: Duration) -> bool {
        matches!(self.mishap, Some(Mishap::FrozenBefore(time) | Mishap::FrozenAfter(time)) if time >= limit)
    }

    /// Ends the call after its effect.
    pub(crate) async fn leave(&self) {
        match self.mishap {
            Some(Mishap::GoneAfter | Mishap::GoneLate(_)) => self.vanish().await,
            Some(Mishap::FrozenAfter(time)) => self.freeze(time).await,
            _ => {}
        }
    }

    #[expect(clippy::panic, reason = "a test that cannot work must say so")]
    async fn vanish(&self) {
        match &self.process {
            Some(process) => process.vanish().await,
            None => panic!("only what runs in FaultPlan::process can be gone"),
        }
    }

    async fn freeze(&self, time: Duration) {
        let until = later(self.plan.clock.now(), time);
        match &self.process {
            Some(process) => process.freeze(&self.plan.clock, until).await,
            None => self.plan.clock.sleep_until(until).await,
        }
    }
}

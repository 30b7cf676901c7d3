//! How long what is left will take: a range, and what decides it; pure.

use crate::world::until;
use mailcrane_core::Timestamp;
use mailcrane_core::record::{Account, Allowance, Bottleneck, Counters, Estimate, PassKind, Speeds};
use mailcrane_core::settings::Sizes;
use mailcrane_core::state::AccountState;

/// Messages that one request stores; WorkMail takes so many.
const BATCH: u64 = 20;

/// A request to store takes so much longer than the one that was measured, which only looks.
const STORING: u64 = 3;

/// Octets that one connection brings in a second when none was measured: what mailbox movers see in the middle.
const USUAL_SOURCE: u64 = 1_000_000;

/// Milliseconds of a request when none was measured.
const USUAL_REQUEST: u64 = 200;

/// Octets that one request in flight carries to the destination in a second, besides its fixed time.
const CARRIED: u64 = 4_000_000;

/// A pass must have run so many seconds before its own speed counts.
const SEEN: u64 = 20;

const DAY: u64 = 24 * 3600;

/// What is left of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Messages.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// What a pass has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Messages that have their outcome.
    pub messages: u64,
    /// Octets of them.
    pub octets: u64,
    /// Seconds that it took.
    pub seconds: u64,
}

/// Estimates one account that is copied alone.
#[must_use]
pub fn of_one(left: Left, done: Done, speeds: Speeds, allowance: Allowance, sizes: &Sizes) -> Estimate {
    let lanes = u64::from(allowance.lanes(sizes.lanes));
    let measured = |value: u64, usual: u64| if value == 0 { usual } else { value };
    let source = left.octets / (measured(speeds.source_octets, USUAL_SOURCE) * lanes).max(1);
    let request = measured(speeds.request_milliseconds, USUAL_REQUEST) * STORING;
    let in_flight = (sizes.requests.0 as u64 * lanes).max(1);
    let destination = (left.messages.div_ceil(BATCH) * request / 1000 + left.octets / CARRIED) / in_flight;
    let (modelled, mut bottleneck) =
        if source > destination { (source, Bottleneck::Source) } else { (destination, Bottleneck::Destination) };
    let (mut low, mut high) = (modelled / 2, modelled * 2 + 10);
    if let Some(seen) = at_the_speed_so_far(left, done) {
        (low, high) = (seen * 4 / 5, seen * 3 / 2 + 5);
    }
    if let Some(allowed) = allowance.daily_octets.filter(|allowed| *allowed > 0 && left.octets > *allowed) {
        // What is left of today is not known: the first part of it may take until tomorrow.
        let days = left.octets.saturating_sub(1) / allowed;
        let waits = days * DAY;
        if waits > high {
            bottleneck = Bottleneck::ProviderBudget;
            (low, high) = (waits.saturating_sub(DAY).max(low), waits + high.min(DAY));
        }
    }
    if left == Left::default() {
        (low, high) = (0, 0);
    }
    Estimate { seconds_low: low, seconds_high: high.max(low), bottleneck }
}

/// Goes on with the slower of octets and messages.
fn at_the_speed_so_far(left: Left, done: Done) -> Option<u64> {
    if done.seconds < SEEN || done.messages == 0 {
        return None;
    }
    let by = |left: u64, has: u64| left.saturating_mul(done.seconds).checked_div(has).unwrap_or(0);
    Some(by(left.messages, done.messages).max(by(left.octets, done.octets)))
}

/// Estimates accounts of which only so many are copied at the same time.
#[must_use]
pub fn together(accounts: &[Estimate], at_once: usize) -> Option<Estimate> {
    let longest = accounts.iter().max_by_key(|one| one.seconds_high)?;
    let (low, high) =
        accounts.iter().fold((0u64, 0u64), |(low, high), one| (low + one.seconds_low, high + one.seconds_high));
    let at_once = at_once.max(1) as u64;
    let waiting = accounts.iter().filter(|one| one.seconds_high > 0).count() as u64 > at_once;
    if waiting && high / at_once > longest.seconds_high {
        let (seconds_low, seconds_high) =
            ((low / at_once).max(longest.seconds_low), high / at_once + high / (at_once * 4));
        return Some(Estimate { seconds_low, seconds_high, bottleneck: Bottleneck::AccountsAtOnce });
    }
    Some(*longest)
}

/// Estimates what is left of an account, by its records and what its lanes counted; nothing before it is analyzed, and
/// for one that takes no part.
#[must_use]
pub fn of_account(account: &Account, counters: &Counters, now: Timestamp, sizes: &Sizes) -> Option<Estimate> {
    let out = matches!(account.state, AccountState::CheckFailed | AccountState::Stalled | AccountState::Cancelled);
    if !account.selected || out {
        return None;
    }
    let ended = matches!(account.state, AccountState::Done | AccountState::DoneWithErrors);
    let running = account.state.active() || account.pass.no.0 > 0 && account.state == AccountState::Queued;
    let (left, done) = if ended {
        (Left::default(), Done::default())
    } else if running {
        let whole = if account.pass.planned || account.pass.kind != PassKind::Full {
            Left { messages: account.pass.found, octets: account.pass.found_bytes }
        } else {
            let (pass, analysis) = (&account.pass, &account.analysis);
            Left { messages: pass.found.max(analysis.messages), octets: pass.found_bytes.max(analysis.bytes) }
        };
        let left = Left {
            messages: whole.messages.saturating_sub(counters.accounted()),
            octets: whole.octets.saturating_sub(counters.bytes),
        };
        let seconds = account.pass.started.map(|begun| until(begun, now).as_secs()).unwrap_or_default();
        (left, Done { messages: counters.accounted(), octets: counters.bytes, seconds })
    } else if account.analysis.complete {
        (Left { messages: account.analysis.messages, octets: account.analysis.bytes }, Done::default())
    } else {
        return None;
    };
    Some(of_one(left, done, account.analysis.speeds, account.allowance, sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn sizes() -> Sizes {
        Sizes { lanes: 4, requests: (2, 8), ..Sizes::default() }
    }

    fn plain(left: Left, speeds: Speeds) -> Estimate {
        of_one(left, Done::default(), speeds, Allowance::default(), &sizes())
    }

    #[test]
    fn a_slow_source_decides() {
        let speeds = Speeds { source_octets: 100_000, request_milliseconds: 20 };
        let estimate = plain(Left { messages: 1_000, octets: 400 * MB }, speeds);
        assert_eq!((estimate.bottleneck, estimate.seconds_low, estimate.seconds_high), (Bottleneck::Source, 500, 2010));
    }

    #[test]
    fn a_slow_destination_decides() {
        let speeds = Speeds { source_octets: 50 * MB, request_milliseconds: 1_000 };
        let estimate = plain(Left { messages: 160_000, octets: 100 * MB }, speeds);
        assert_eq!((estimate.bottleneck, estimate.seconds_low), (Bottleneck::Destination, 1_501));
    }

    #[test]
    fn a_daily_budget_decides_when_it_takes_longer_than_everything_else() {
        let allowance = Allowance { connections: Some(15), daily_octets: Some(2_500 * MB) };
        let left = Left { messages: 100_000, octets: 10_000 * MB };
        let estimate = of_one(left, Done::default(), Speeds::default(), allowance, &sizes());
        assert_eq!(estimate.bottleneck, Bottleneck::ProviderBudget);
        assert!((2 * DAY..=3 * DAY).contains(&estimate.seconds_low), "{estimate:?}");
        assert!((3 * DAY..=4 * DAY).contains(&estimate.seconds_high), "{estimate:?}");
        let small =
            of_one(Left { octets: 2_500 * MB, ..left }, Done::default(), Speeds::default(), allowance, &sizes());
        assert_ne!(small.bottleneck, Bottleneck::ProviderBudget);
    }

    #[test]
    fn fewer_connections_take_longer() {
        let of = |connections| {
            let allowance = Allowance { connections: Some(connections), daily_octets: None };
            let speeds = Speeds { source_octets: 100_000, request_milliseconds: 10 };
            of_one(Left { messages: 100, octets: 400 * MB }, Done::default(), speeds, allowance, &sizes()).seconds_high
        };
        assert!(of(2) > of(3) && of(3) > of(5) && of(5) == of(15));
    }

    #[test]
    fn a_pass_under_way_is_estimated_by_its_own_speed_and_more_narrowly() {
        let left = Left { messages: 500, octets: 500 * MB };
        let done = Done { messages: 500, octets: 250 * MB, seconds: 100 };
        let estimate = of_one(left, done, Speeds::default(), Allowance::default(), &sizes());
        assert_eq!((estimate.seconds_low, estimate.seconds_high), (160, 305));
        let just_begun = of_one(left, Done { seconds: 3, ..done }, Speeds::default(), Allowance::default(), &sizes());
        assert_eq!(just_begun, plain(left, Speeds::default()));
    }

    #[test]
    fn nothing_left_takes_no_time() {
        let estimate = plain(Left::default(), Speeds::default());
        assert_eq!((estimate.seconds_low, estimate.seconds_high), (0, 0));
    }

    #[test]
    fn many_accounts_wait_for_their_turn_and_a_few_for_the_longest() {
        let one =
            |seconds| Estimate { seconds_low: seconds, seconds_high: seconds * 2, bottleneck: Bottleneck::Source };
        assert_eq!(together(&[], 4), None);
        assert_eq!(together(&[one(100), one(10)], 4), Some(one(100)));
        let many = together(&[one(100); 40], 4).unwrap();
        assert_eq!((many.bottleneck, many.seconds_low), (Bottleneck::AccountsAtOnce, 1_000));
        assert!(many.seconds_high >= 2_000);
        let with_a_giant: Vec<_> = std::iter::once(one(100_000)).chain([one(10); 8]).collect();
        assert_eq!(together(&with_a_giant, 4), Some(one(100_000)));
    }
}

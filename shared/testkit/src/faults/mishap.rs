//! What can go wrong with one call.

use super::call::{Call, Port};
use std::time::Duration;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mishap {
    /// No effect, and an answer that does not say so (unknown where the port can say that, else a passing fault).
    FailBefore,
    /// The first half of the effects of a batch, and the same answer; for other calls like `FailAfter`.
    FailHalfway,
    /// The whole effect, and the same answer.
    FailAfter,
    /// The same answer now, the effect that much later; like `FailAfter` except for writes to a destination.
    Late(Duration),
    /// Effect and answer after that time, both well.
    Slow(Duration),
    /// The process is gone before the effect.
    GoneBefore,
    /// The process is gone after the effect.
    GoneAfter,
    /// The process is gone, the effect comes that much later; like `GoneAfter` except for writes to a destination.
    GoneLate(Duration),
    /// The process stands still that long, then makes the call as if nothing had been: its lease is lost. A write to
    /// a destination whose time limit passes meanwhile is not sent, and its outcome unknown.
    FrozenBefore(Duration),
    /// The process stands still that long after the effect, then gets the answer, or learns of its time limit.
    FrozenAfter(Duration),
}

impl Mishap {
    /// Tells whether it makes a difference for that call.
    #[must_use]
    pub fn fits(self, call: &Call) -> bool {
        let writes = !call.reads();
        match self {
            Self::FailBefore | Self::GoneBefore | Self::FrozenBefore(_) => true,
            Self::FailAfter | Self::GoneAfter | Self::FrozenAfter(_) => writes,
            Self::FailHalfway => call.is_batch(),
            Self::Late(_) | Self::GoneLate(_) | Self::Slow(_) => writes && call.port == Port::Destination,
        }
    }
}

/// How long things last in a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// How late effects come: shorter than the quarantine.
    pub late: Duration,
    /// How slow answers are: shorter than the time limit of a request.
    pub slow: Duration,
    /// How long a process stands still: longer than a lease and its takeover.
    pub frozen: Duration,
}

/// Returns every case of a sweep: each call with each mishap that makes a difference for it.
#[must_use]
pub fn cases(calls: &[Call], span: Span) -> Vec<(Call, Mishap)> {
    let mishaps = [
        Mishap::FailBefore,
        Mishap::FailHalfway,
        Mishap::FailAfter,
        Mishap::Late(span.late),
        Mishap::Slow(span.slow),
        Mishap::GoneBefore,
        Mishap::GoneAfter,
        Mishap::GoneLate(span.late),
        Mishap::FrozenBefore(span.frozen),
        Mishap::FrozenAfter(span.frozen),
    ];
    let of = |call: &Call| mishaps.map(|m| (*call, m)).into_iter().filter(|(call, m)| m.fits(call));
    calls.iter().flat_map(of).collect()
}

//! Lanes: taken by one chunk at a time, held by a lease, handed over by a continuation token.

use crate::ledger::{self, LedgerError};
use crate::world::{World, later, until};
use mailcrane_core::Timestamp;
use mailcrane_core::id::Generation;
use mailcrane_core::ports::queue::{LONGEST_DELAY, Queues as _};
use mailcrane_core::record::{Lane, LaneState, Versioned, keys};
use mailcrane_core::token::{ContinuationToken, Reason};

/// What becomes of a lane when its chunk is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It goes on, not before a time when one is given.
    Continue {
        /// Why.
        reason: Reason,
        /// Not earlier than this.
        not_before: Option<Timestamp>,
        /// What it waits for: code and words for people.
        waits: Option<(String, String)>,
    },
    /// It has nothing more to do; its records are written already.
    Ended,
}

impl Next {
    /// Goes on at once, because the time of the chunk is over.
    #[must_use]
    pub fn time() -> Self {
        Self::Continue { reason: Reason::Time, not_before: None, waits: None }
    }
}

/// Why a token was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// There is no such lane (erased), or it has ended.
    Gone,
    /// The lane has moved on: this delivery is late or a repetition.
    Superseded,
    /// Its time has not come; the sweeper sends it again.
    Early,
}

/// Takes the lane of a token for one chunk; the second delivery of a token finds the generation moved on.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn take<W: World>(
    world: &W,
    token: &ContinuationToken,
) -> Result<Result<Versioned<Lane>, Dropped>, LedgerError> {
    let key = keys::lane(&token.migration, token.account, token.kind, token.lane);
    let Some(mut lane) = ledger::find::<Lane>(world.table(), &key).await? else {
        return Ok(Err(Dropped::Gone));
    };
    if let Some(dropped) = refuse(&lane.record, token, world.now(), world.times().takeover) {
        return Ok(Err(dropped));
    }
    hold(&mut lane.record, world);
    lane.record.generation = Generation(lane.record.generation.0.saturating_add(1));
    lane.record.state = LaneState::Running;
    lane.record.not_before = None;
    match ledger::put(world.table(), &mut lane).await {
        Ok(()) => Ok(Ok(lane)),
        Err(error) if error.is_conflict() => Ok(Err(Dropped::Superseded)),
        Err(error) => Err(error),
    }
}

fn refuse(lane: &Lane, token: &ContinuationToken, now: Timestamp, takeover: std::time::Duration) -> Option<Dropped> {
    if lane.generation != token.generation || lane.pass != token.pass {
        return Some(Dropped::Superseded);
    }
    match lane.state {
        LaneState::Ended => Some(Dropped::Gone),
        LaneState::Queued => lane.not_before.filter(|t| *t > now).map(|_| Dropped::Early),
        LaneState::Running => {
            let free_at = lane.lease_until.map_or(now, |end| later(end, takeover));
            (free_at > now).then_some(Dropped::Superseded)
        }
    }
}

/// Renews the lease in the record; the next write of the lane makes it known.
pub fn hold<W: World>(lane: &mut Lane, world: &W) {
    hold_for(lane, world, world.times().lease);
}

/// The same for another length.
pub fn hold_for<W: World>(lane: &mut Lane, world: &W, length: std::time::Duration) {
    let end = later(world.now(), length);
    lane.lease_until = Some(end);
    lane.look_at = Some(later(end, world.times().takeover));
}

/// Changes the record for its hand-over. The caller writes it, then sends the token.
pub fn hand_over<W: World>(lane: &mut Lane, world: &W, next: &Next, progress: bool) {
    lane.lease_until = None;
    match next {
        Next::Ended => {
            lane.state = LaneState::Ended;
            lane.look_at = None;
            lane.waits_code.clear();
            lane.waits_for.clear();
        }
        Next::Continue { reason, not_before, waits } => {
            lane.state = LaneState::Queued;
            lane.not_before = *not_before;
            lane.hop = lane.hop.saturating_add(1);
            let waited = matches!(reason, Reason::Pause | Reason::Idle);
            lane.idle_chunks = match (progress, waited) {
                (true, _) => 0,
                (false, true) => lane.idle_chunks,
                (false, false) => lane.idle_chunks.saturating_add(1),
            };
            let start = not_before.unwrap_or_else(|| world.now()).max(world.now());
            lane.look_at = Some(later(start, world.times().arrival));
            (lane.waits_code, lane.waits_for) = waits.clone().unwrap_or_default();
        }
    }
}

/// Sends the token of a lane that was handed over. A failure is mended by the sweeper.
///
/// # Errors
/// The fault of the queue.
pub async fn send<W: World>(world: &W, lane: &Lane, reason: Reason) -> Result<(), mailcrane_core::Fault> {
    let delay = lane.not_before.map(|t| until(world.now(), t)).unwrap_or_default();
    world.queues().continue_lane(&lane.token(reason), delay.min(LONGEST_DELAY)).await
}

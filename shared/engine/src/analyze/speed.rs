//! How fast a source gives out mail: a small sample is read through, and nothing of it kept.

use crate::world::{World, until};
use futures_util::future::{Either, select};
use mailcrane_core::folder::WireName;
use mailcrane_core::message::{FetchOutcome, Fetched, ScanRow};
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::source::{Admission, FetchFeed, Source};
use mailcrane_core::uid::Uid;
use std::pin::pin;
use std::time::Duration;

/// The most messages of a sample.
const MESSAGES: usize = 40;

/// The most octets of a sample, as announced.
const OCTETS: u64 = 2 << 20;

/// How long a sample is read: a chunk has not more left when its time is over.
const LIMIT: Duration = Duration::from_secs(10);

/// Picks the first messages that fit together.
pub(super) fn sample_of(messages: &[ScanRow]) -> Vec<Uid> {
    let mut octets = 0;
    let fits = |message: &&ScanRow| {
        octets += message.size;
        octets <= OCTETS
    };
    messages.iter().take(MESSAGES).take_while(fits).map(|message| message.uid).collect()
}

/// Reads a sample, for as long as [`LIMIT`]; octets in a second, nothing when there was none to read or the source
/// refused. The session is used up.
pub(super) async fn measure<W: World, S: Source>(
    world: &W,
    mut source: S,
    folder: &WireName,
    sample: Vec<Uid>,
) -> Option<u64> {
    if sample.is_empty() {
        return None;
    }
    let mut feed = Sample { batch: Some(sample), octets: 0 };
    source.examine(folder).await.ok()?;
    let begun = world.now();
    {
        let (fetch, over) = (pin!(source.fetch(&mut feed)), pin!(world.clock().sleep(LIMIT)));
        if let Either::Left((fetched, _)) = select(fetch, over).await {
            fetched.ok()?;
        }
    }
    let took = until(begun, world.now());
    if took < LIMIT {
        source.close().await;
    }
    let milliseconds = u64::try_from(took.as_millis()).ok()?.max(1);
    Some(feed.octets.saturating_mul(1000) / milliseconds).filter(|octets| *octets > 0)
}

struct Sample {
    batch: Option<Vec<Uid>>,
    octets: u64,
}

impl FetchFeed for Sample {
    async fn next_batch(&mut self) -> Option<Vec<Uid>> {
        self.batch.take()
    }

    async fn admit(&mut self, octets: u64) -> Admission {
        self.octets += octets;
        Admission::Drain
    }

    async fn put(&mut self, fetched: Fetched) {
        debug_assert!(!matches!(fetched.outcome, FetchOutcome::Message(_)));
    }
}

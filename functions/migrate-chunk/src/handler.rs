//! Takes continuation tokens from the queue and works one chunk of the lane of each.

use anyhow::Context as _;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::token::{ContinuationToken, LaneKind};
use mailcrane_engine::copy::rescue::Shelf;
use mailcrane_engine::world::World;
use mailcrane_engine::{chunk, export};
use mailcrane_lambda::batch::{Answer, Batch};

/// Works on every token; one that fails is delivered again.
pub(crate) async fn handle<W: World, E: Ends, B: Blobs>(
    world: &W,
    ends: &E,
    shelf: &Shelf<B>,
    rescue: bool,
    batch: Batch,
    deadline: Timestamp,
) -> Answer {
    batch.each(|message| async move { one(world, ends, shelf, rescue, &message.body, deadline).await }).await
}

async fn one<W: World, E: Ends, B: Blobs>(
    world: &W,
    ends: &E,
    shelf: &Shelf<B>,
    rescue: bool,
    body: &str,
    deadline: Timestamp,
) -> anyhow::Result<()> {
    let token: ContinuationToken = serde_json::from_str(body).context("the message is no continuation token")?;
    tracing::debug!(
        migration.id = %token.migration,
        account.no = token.account.0,
        lane.kind = token.kind.as_str(),
        lane.no = token.lane.0,
        hop = token.hop,
        "a chunk begins"
    );
    match token.kind {
        LaneKind::Export => export::run(world, &shelf.blobs, &token, deadline).await,
        _ => chunk::run_with(world, ends, rescue.then_some(shelf), &token, deadline).await,
    }
    .context("the chunk failed")
}

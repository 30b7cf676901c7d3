//! Takes continuation tokens from the queue and works one chunk of the lane of each.

use anyhow::Context as _;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::token::ContinuationToken;
use mailcrane_engine::world::World;
use mailcrane_engine::{check, chunk};
use mailcrane_lambda::batch::{Answer, Batch};

/// Works on every token; one that fails is delivered again.
pub(crate) async fn handle<W: World, E: Ends>(world: &W, ends: &E, batch: Batch, deadline: Timestamp) -> Answer {
    batch.each(|message| async move { one(world, ends, &message.body, deadline).await }).await
}

async fn one<W: World, E: Ends>(world: &W, ends: &E, body: &str, deadline: Timestamp) -> anyhow::Result<()> {
    let token: ContinuationToken = serde_json::from_str(body).context("the message is no continuation token")?;
    tracing::debug!(
        migration.id = %token.migration,
        account.no = token.account.0,
        lane.kind = token.kind.as_str(),
        lane.no = token.lane.0,
        hop = token.hop,
        "a chunk begins"
    );
    chunk::run(world, ends, &token, deadline).await.context("the chunk failed")?;
    let no = token.account.0;
    if rolls_up(no) {
        check::roll_up(world, &token.migration).await.context("the migration could not be rolled up")?;
    }
    Ok(())
}

/// Of the first accounts each one, then every fiftieth makes its migration count again; the sweeper does the rest.
fn rolls_up(account: u32) -> bool {
    account < 250 || account.is_multiple_of(50)
}

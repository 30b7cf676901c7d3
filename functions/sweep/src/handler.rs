//! Every minute: what stands still is moved on, what is over is cleaned up. Dead letters come here, too.

use anyhow::Context as _;
use mailcrane_core::Timestamp;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::token::Task;
use mailcrane_engine::world::World;
use mailcrane_engine::{admission, check, erase, permission, sweep};
use mailcrane_lambda::batch::{Batch, chain};
use serde_json::Value;
use std::time::Duration;

/// What the function keeps back of its time to end cleanly.
const RESERVE: Duration = Duration::from_secs(10);

/// The adapters of one process.
pub(crate) struct App<W: World, V: Vault, D: Directory, B: Blobs> {
    pub(crate) world: W,
    pub(crate) vault: V,
    pub(crate) directory: D,
    pub(crate) blobs: B,
}

/// Takes an event of the schedule, or a batch of dead letters.
pub(crate) async fn handle<W: World, V: Vault, D: Directory, B: Blobs>(
    app: &App<W, V, D, B>,
    event: Value,
    deadline: Timestamp,
) -> anyhow::Result<Value> {
    if event.get("Records").is_some() {
        let batch: Batch = serde_json::from_value(event).context("the event is no batch")?;
        let answer = batch.each(|message| async move { dead_letter(&app.world, &message.body).await }).await;
        return serde_json::to_value(answer).context("the answer cannot be written");
    }
    let stop_at = deadline.checked_sub(RESERVE).unwrap_or(deadline);
    Box::pin(tick(app, stop_at)).await?;
    Ok(Value::Null)
}

async fn tick<W: World, V: Vault, D: Directory, B: Blobs>(
    app: &App<W, V, D, B>,
    stop_at: Timestamp,
) -> anyhow::Result<()> {
    let world = &app.world;
    let swept = sweep::run(world, stop_at).await.context("the sweep failed")?;
    for key in &swept.grants {
        let looked = permission::look_after(world, &app.directory, key, stop_at).await;
        logged(looked, "permissions could not be looked after");
    }
    for id in &swept.erase {
        logged(clean(app, id, stop_at).await, "a migration could not be erased yet");
    }
    let roster = admission::roster(world).await.context("the roster cannot be read")?.record;
    for running in &roster.running {
        logged(check::roll_up(world, &running.migration).await, "totals could not be rolled up");
    }
    tracing::info!(
        lanes = swept.lanes,
        started = swept.started,
        erased = swept.erase.len(),
        permissions = swept.grants.len(),
        active = roster.active.len(),
        "swept"
    );
    Ok(())
}

/// Erases a migration once its permissions are taken back.
async fn clean<W: World, V: Vault, D: Directory, B: Blobs>(
    app: &App<W, V, D, B>,
    id: &MigrationId,
    stop_at: Timestamp,
) -> Result<(), mailcrane_core::Fault> {
    let open = permission::revoke_until(&app.world, &app.directory, id, stop_at).await?;
    if open == 0 && erase::run(&app.world, &app.vault, &app.blobs, id, stop_at).await? {
        tracing::info!(migration.id = %id, "a migration was erased");
    }
    Ok(())
}

async fn dead_letter<W: World>(world: &W, body: &str) -> anyhow::Result<()> {
    tracing::error!("a message failed again and again");
    match serde_json::from_str::<Task>(body) {
        Ok(Task::Check { migration, account, .. }) => {
            check::give_up(world, &migration, account).await.context("the check could not be given up")
        }
        Ok(Task::CheckAll { migration, .. }) => {
            tracing::warn!(migration.id = %migration, "the checks wait for the next look");
            Ok(())
        }
        Ok(Task::Permit { migration, .. }) => {
            tracing::warn!(migration.id = %migration, "a permission was not made; whoever needs it asks again");
            Ok(())
        }
        Ok(Task::Notify { migration, event, .. }) => {
            tracing::warn!(migration.id = %migration, mail.event = event.as_str(), "a mail was not sent");
            Ok(())
        }
        Err(_) => sweep::dead_letter(world, body).await.context("the dead letter could not be noted"),
    }
}

/// Logs a failure and goes on: the next sweep tries again.
fn logged<E: std::error::Error + 'static>(result: Result<(), E>, what: &'static str) {
    if let Err(error) = result {
        tracing::warn!(error = chain(&error), "{what}");
    }
}

#[cfg(test)]
mod tests;

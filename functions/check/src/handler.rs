//! Takes check tasks from the queue: one account, the fan-out over a whole migration, a permission that is needed again.

use anyhow::{Context as _, bail};
use mailcrane_core::Timestamp;
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::token::Task;
use mailcrane_engine::world::World;
use mailcrane_engine::{check, permission};
use mailcrane_lambda::batch::{Answer, Batch};

/// Carries out every task; one that fails is delivered again.
pub(crate) async fn handle<W: World, E: Ends, D: Directory>(
    world: &W,
    ends: &E,
    directory: &D,
    batch: Batch,
    deadline: Timestamp,
) -> Answer {
    batch.each(|message| async move { one(world, ends, directory, &message.body, deadline).await }).await
}

async fn one<W: World, E: Ends, D: Directory>(
    world: &W,
    ends: &E,
    directory: &D,
    body: &str,
    deadline: Timestamp,
) -> anyhow::Result<()> {
    match serde_json::from_str(body).context("the message is no task")? {
        Task::Check { migration, account, .. } => {
            let verdict = check::run(world, ends, directory, &migration, account, deadline).await;
            let verdict = verdict.context("the check could not be carried out")?;
            tracing::info!(migration.id = %migration, account.no = account.0, ?verdict, "an account was checked");
            Ok(())
        }
        Task::CheckAll { migration, from, .. } => {
            check::fan_out(world, &migration, from).await.context("the checks could not be sent")
        }
        Task::Permit { migration, account, .. } => {
            permission::again(world, directory, &migration, account).await.context("the permission could not be made")
        }
        Task::Notify { .. } => bail!("a notification came to the check function"),
    }
}

#[cfg(test)]
mod tests;

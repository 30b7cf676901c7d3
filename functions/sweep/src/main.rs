//! The `sweep` function: wiring only.

// The futures of every adapter are nested in one here.
#![recursion_limit = "256"]

mod config;
mod handler;

use handler::App;
use mailcrane_aws::{Clients, QueueUrls, SystemClock};
use mailcrane_engine::world::Parts;
use mailcrane_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config = config::Config::read(|name| std::env::var(name).ok())?;
    telemetry::start(&config.log);
    let clients = Clients::from_environment().await.with_workmail_role(config.role.as_ref()).await;
    let urls = config.queues;
    let urls = QueueUrls { check: urls.check, analyze: urls.analyze, migrate: urls.migrate, notify: urls.notify };
    let (table, queues) = (clients.table(&config.main_table), clients.queues(urls));
    let app = App {
        world: Parts { table, queues, clock: SystemClock, settings: config.settings },
        vault: clients.vault(&config.secrets_table, &config.kms_key),
        directory: clients.directory(&config.organization, config.administrator),
        blobs: clients.blobs(&config.bucket),
    };
    let app = &app;
    let ran = runtime::run(|event, deadline| async move {
        Box::pin(handler::handle(app, event, deadline)).await.map_err(lambda_error)
    });
    ran.await.map_err(|error| anyhow::anyhow!(error))
}

fn lambda_error(error: anyhow::Error) -> Box<dyn std::error::Error + Send + Sync> {
    tracing::error!(error = format!("{error:#}"), "the sweep failed");
    error.into()
}

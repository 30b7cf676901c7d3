//! The `migrate-chunk` function: wiring only.

mod config;
mod handler;

use mailcrane_aws::{Clients, QueueUrls, SystemClock};
use mailcrane_ends::{Administrator, Opener, Settings};
use mailcrane_engine::copy::rescue::Shelf;
use mailcrane_engine::world::Parts;
use mailcrane_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config::Config { worker: config, bucket, rescue, public_url } = config::read()?;
    telemetry::start(&config.log);
    let clients = Clients::from_environment().await.with_workmail_role(config.role.as_ref()).await;
    let administrator = match &config.administrator {
        Some((email, arn)) => {
            Some(Administrator { email: email.clone(), password: clients.secrets().read(arn).await? })
        }
        None => None,
    };
    let directory = || clients.directory(&config.organization, administrator.as_ref().map(|one| one.email.clone()));
    let settings = Settings {
        ews_url: config.ews_url.clone(),
        organization: config.organization.clone(),
        administrator: administrator.clone(),
        private_hosts: config.private_hosts,
        extra_ca_pem: config.extra_ca_pem.clone(),
        engine: config.settings.clone(),
    };
    let vault = clients.vault(&config.secrets_table, &config.kms_key);
    let ends = Opener::new(vault, directory(), clients.table(&config.main_table), settings)?;
    let urls = config.queues.clone();
    let urls = QueueUrls { check: urls.check, analyze: urls.analyze, migrate: urls.migrate, notify: urls.notify };
    let (table, queues) = (clients.table(&config.main_table), clients.queues(urls));
    let world = Parts { table, queues, clock: SystemClock, settings: config.settings.clone() };
    let shelf = Shelf { blobs: clients.blobs(&bucket), bucket, public_url };
    let (world, ends, shelf) = (&world, &ends, &shelf);
    let ran = runtime::run(|batch, deadline| async move {
        Ok(Box::pin(handler::handle(world, ends, shelf, rescue, batch, deadline)).await)
    });
    ran.await.map_err(|error| anyhow::anyhow!(error))
}

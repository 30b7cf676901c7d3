//! The `notify` function: wiring only.

// The futures of every adapter are nested in one here.
#![recursion_limit = "256"]

mod amount;
mod config;
mod facts;
mod handler;
mod letter;
mod webhook;
mod words;

use handler::App;
use mailcrane_aws::{Clients, QueueUrls, Sender, SystemClock};
use mailcrane_ends::PublicWebhooks;
use mailcrane_engine::world::Parts;
use mailcrane_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config = config::Config::read(|name| std::env::var(name).ok())?;
    telemetry::start(&config.log);
    let clients = Clients::from_environment().await;
    let urls = config.queues;
    let urls = QueueUrls { check: urls.check, analyze: urls.analyze, migrate: urls.migrate, notify: urls.notify };
    let (table, queues) = (clients.table(&config.main_table), clients.queues(urls));
    let sender = Sender { from: config.from, reply_to: config.reply_to, configuration_set: None };
    let app = App {
        world: Parts { table, queues, clock: SystemClock, settings: config.settings },
        vault: clients.vault(&config.secrets_table, &config.kms_key),
        mailer: clients.mailer(sender),
        webhooks: PublicWebhooks::new(config.private_hosts, &config.extra_ca_pem)?,
        public_url: config.public_url,
        brand: config.brand,
    };
    let app = &app;
    let ran = runtime::run(|batch, _deadline| async move { Ok(handler::handle(app, batch).await) });
    ran.await.map_err(|error| anyhow::anyhow!(error))
}

//! The `submit` function: wiring only.

mod account;
mod actions;
mod answer;
mod app;
mod change;
mod config;
mod control;
mod create;
mod csv;
mod endpoint;
mod entry;
mod handler;
mod mailbox;
mod oauth;
mod options;
mod password;
mod preview;
mod rehearsal;
mod repeat;
mod voucher;
mod webhook;

use app::App;
use mailcrane_aws::{Clients, QueueUrls, SystemClock};
use mailcrane_engine::world::Parts;
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::http::{Problem, Request, Response};
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
        public_url: config.public_url,
        public_trial: config.public_trial,
        rescue: config.rescue,
        private_hosts: config.private_hosts,
    };
    let directory = config.create_mailboxes.then(|| clients.directory(&config.organization, None));
    let secrets = clients.secrets();
    let (app, directory, secrets, arn) = (&app, directory.as_ref(), &secrets, config.operator_key.as_str());
    let ran = runtime::run(|request: Request, _deadline| async move {
        Ok(match secrets.read(arn).await {
            Ok(key) => handler::handle(app, directory, &OperatorKey::of(&key), &request).await,
            Err(fault) => {
                tracing::error!(error = &fault as &dyn std::error::Error, "the operator key cannot be read");
                Response::from(Problem::unavailable())
            }
        })
    });
    ran.await.map_err(|error| anyhow::anyhow!(error))
}

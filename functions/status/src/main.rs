//! The `status` function: wiring only.

mod accounts;
mod config;
mod discovery;
mod example;
mod export;
mod folders;
mod handler;
mod manifest;
mod migrations;
mod page;
mod permissions;
mod protocol;
mod providers;
mod rescued;
mod rows;
mod states;
mod vouchers;

use handler::App;
use mailcrane_aws::{Clients, SystemClock};
use mailcrane_core::address::Reach;
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_lambda::{runtime, telemetry};
use mailcrane_providers::Discovery;
use mailcrane_providers::network::{PublicWeb, SystemDns};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config = config::Config::read(|name| std::env::var(name).ok())?;
    telemetry::start(&config.log);
    let clients = Clients::from_environment().await;
    let (table, blobs) = (clients.table(&config.main_table), clients.blobs(&config.bucket));
    let app = App { table, blobs, discovery: discovery(config.reach)?, service: config.service };
    let secrets = clients.secrets();
    let (app, secrets, arn) = (&app, &secrets, config.operator_key.as_str());
    let ran = runtime::run(|request: Request, _deadline| async move {
        if handler::is_open(&request) {
            return Ok(handler::open(&request, &app.service));
        }
        Ok(match secrets.read(arn).await {
            Ok(key) => handler::handle(app, &OperatorKey::of(&key), &request).await,
            Err(fault) => {
                tracing::error!(error = &fault as &dyn std::error::Error, "the operator key cannot be read");
                Response::from(Problem::unavailable())
            }
        })
    });
    ran.await.map_err(|error| anyhow::anyhow!(error))
}

/// How long one discovery may take, of the 29 s of an invocation.
const BUDGET: Duration = Duration::from_secs(8);

fn discovery(reach: Reach) -> anyhow::Result<Discovery<SystemDns, PublicWeb, SystemClock>> {
    let dns = SystemDns::new();
    let web = PublicWeb::new(dns.clone(), Reach::Public, BUDGET)?;
    Ok(Discovery { dns, web, reach, clock: SystemClock, budget: BUDGET })
}

//! Routes: everything that only reads, and the web page.

use crate::{
    accounts, discovery, example, export, folders, manifest, migrations, page, permissions, protocol, providers,
    rescued, vouchers,
};
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::Migration;
use mailcrane_engine::ledger::LedgerError;
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_providers::Discovery;
use mailcrane_providers::network::{Dns, Web};
use serde_json::json;

/// What whoever opens the page is told of this installation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    /// Where users find help; may be empty.
    pub(crate) support: String,
    /// Whether messages that are too large may be kept in the bucket.
    pub(crate) rescue: bool,
}

/// The adapters of one process.
pub(crate) struct App<T: Table, B: Blobs, D, W, C> {
    pub(crate) table: T,
    pub(crate) blobs: B,
    pub(crate) discovery: Discovery<D, W, C>,
    pub(crate) service: Service,
}

/// Tells whether the request needs neither a token nor the table.
pub(crate) fn is_open(request: &Request) -> bool {
    !matches!(request.segments().as_slice(), ["v1", "migrations" | "vouchers" | "rescued", ..] | ["v1", "discovery"])
}

/// Answers a request that needs no token: the page, its parts, and what describes the service.
pub(crate) fn open(request: &Request, of: &Service) -> Response {
    match request.segments().as_slice() {
        ["v1", "health"] => Response::json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})),
        ["v1", "service"] => service(request, of),
        ["v1", "openapi.json"] => page::openapi(request),
        ["v1", "providers"] => providers::search(request).into(),
        ["v1", "example.csv"] => example::example(),
        ["v1", ..] => Problem::not_found("route; see /v1/openapi.json").into(),
        _ => page::part(request),
    }
}

/// Tells what this installation is, what it offers and where users find help.
fn service(request: &Request, Service { support, rescue }: &Service) -> Response {
    let told = json!({
        "name": "Mailcrane",
        "version": env!("CARGO_PKG_VERSION"),
        "support": Some(support).filter(|support| !support.is_empty()),
        "oversize_rescue": rescue,
    });
    Response::json(200, &told).tagged(request)
}

/// Answers one request.
pub(crate) async fn handle<T: Table, B: Blobs, D: Dns, W: Web, C: Clock>(
    app: &App<T, B, D, W, C>,
    operator: &OperatorKey,
    request: &Request,
) -> Response {
    if is_open(request) {
        return open(request, &app.service);
    }
    Box::pin(route(app, operator, request)).await.into()
}

async fn route<T: Table, B: Blobs, D: Dns, W: Web, C: Clock>(
    app: &App<T, B, D, W, C>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Response, Problem> {
    let table = &app.table;
    let segments = request.segments();
    if segments.as_slice() == ["v1", "discovery"] {
        return discovery::find(table, &app.discovery, request).await;
    }
    if segments.as_slice() == ["v1", "vouchers"] {
        return vouchers::list(table, operator, request, app.discovery.clock.now()).await;
    }
    if let ["v1", "rescued", id, file] = segments.as_slice() {
        return rescued::fetch(&app.blobs, request, id, file).await;
    }
    let ["v1", "migrations", rest @ ..] = segments.as_slice() else {
        return Err(Problem::not_found("route; see /v1/openapi.json"));
    };
    let Some((id, rest)) = rest.split_first() else { return migrations::list(table, operator, request).await };
    let migration = access::migration(table, operator, request, id).await?.record;
    match rest {
        [] => migrations::one(table, request, &migration).await,
        ["permissions"] => permissions::list(table, request, &migration).await,
        ["accounts"] => accounts::list(table, request, &migration).await,
        ["accounts", no, rest @ ..] => {
            let account = accounts::find(table, &migration, no).await?;
            match rest {
                [] => accounts::one(table, request, &migration, &account).await,
                ["folders"] => folders::list(table, request, &migration, &account).await,
                ["protocol"] => protocol::list(table, request, &migration, &account).await,
                ["export"] => export::show((table, &app.blobs), request, &migration, &account).await,
                ["manifest"] => manifest::list(table, request, &migration, &account).await,
                _ => Err(Problem::not_found("route; see /v1/openapi.json")),
            }
        }
        _ => Err(Problem::not_found("route; see /v1/openapi.json")),
    }
}

/// Turns a failure of the ledger into a problem.
pub(crate) fn unavailable(migration: &Migration, error: &LedgerError) -> Problem {
    tracing::error!(migration.id = %migration.id, error = chain(error), "the table could not be read");
    Problem::unavailable()
}

#[cfg(test)]
mod tests;

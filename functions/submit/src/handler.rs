//! Routes: everything that changes a migration. Whatever is refused has changed nothing.

use crate::app::App;
use crate::{account, actions, change, control, create, mailbox, preview, voucher};
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::vault::Vault;
use mailcrane_engine::world::World;
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::http::{Problem, Request, Response};

/// Answers one request. There is a directory where mailboxes may be created.
pub(crate) async fn handle<W: World, V: Vault, D: Directory>(
    app: &App<W, V>,
    directory: Option<&D>,
    operator: &OperatorKey,
    request: &Request,
) -> Response {
    let answer: Response = Box::pin(route(app, directory, operator, request)).await.into();
    tracing::info!(http.method = request.method(), http.status = answer.status(), "a request was answered");
    answer
}

async fn route<W: World, V: Vault, D: Directory>(
    app: &App<W, V>,
    directory: Option<&D>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Response, Problem> {
    let method = request.method();
    match (method.as_str(), request.segments().as_slice()) {
        ("POST", ["v1", "migrations"]) => create::create(app, operator, request).await,
        ("POST", ["v1", "previews"]) => preview::show(app, operator, request).await,
        ("POST", ["v1", "vouchers"]) => voucher::issue(app, operator, request).await,
        ("DELETE", ["v1", "vouchers", id]) => voucher::revoke(app, operator, request, id).await,
        ("POST", ["v1", "migrations", id, "accounts"]) => account::add(app, operator, request, id).await,
        ("PATCH", ["v1", "migrations", id, "accounts", no]) => account::change(app, operator, request, id, no).await,
        ("DELETE", ["v1", "migrations", id, "accounts", no]) => account::remove(app, operator, request, id, no).await,
        ("POST", ["v1", "migrations", id, "accounts", no, action @ ("check" | "retry" | "undo" | "export")]) => {
            account::act(app, operator, request, id, no, action).await
        }
        ("POST", ["v1", "migrations", id, "mailboxes"]) => mailbox::make(app, directory, operator, request, id).await,
        ("POST", ["v1", "migrations", id, "confirm"]) => create::confirm(app, operator, request, id).await,
        ("POST", ["v1", "migrations", id, action]) => match actions::Action::read(action) {
            Some(action) => control::act(app, operator, request, id, action).await,
            None => Err(Problem::not_found("route; see /v1/openapi.json")),
        },
        ("PATCH", ["v1", "migrations", id]) => change::change(app, operator, request, id).await,
        ("DELETE", ["v1", "migrations", id]) => control::act(app, operator, request, id, actions::Action::Erase).await,
        (_, ["v1", "migrations" | "vouchers" | "previews", ..]) => Err(Problem::method(&method)),
        _ => Err(Problem::not_found("route; see /v1/openapi.json")),
    }
}

#[cfg(test)]
mod tests;

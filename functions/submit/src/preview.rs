//! `POST /v1/previews`: what would be made of a file of accounts, row by row; nothing is stored.

use crate::account::Context;
use crate::app::App;
use crate::create::{destination, needs_password};
use crate::csv::{self, Row};
use crate::endpoint::Server;
use crate::entry;
use mailcrane_core::ports::vault::Vault;
use mailcrane_engine::world::World;
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::http::{BODY_LIMIT, Faults, Fields, Problem, Request, Response};
use serde_json::json;

/// Shows the rows of a file as they were understood.
pub(crate) async fn show<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Response, Problem> {
    entry::caller(app, operator, request).await?;
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let defaults = fields.object("source").map(|source| {
        let defaults = Server::read(&source);
        source.end();
        defaults
    });
    let destination = destination(&fields);
    let file = fields.raw_text("accounts_csv", BODY_LIMIT).map(|text| text.as_bytes().to_vec());
    if file.is_none() {
        fields.fault("accounts_csv", "field.missing", "is missing");
    }
    fields.end();
    faults.check()?;
    let defaults = defaults.unwrap_or_default();
    let context = Context { defaults: &defaults, needs_password: needs_password(destination.as_ref()) };
    let table = csv::read(&file.unwrap_or_default(), &context)?;
    let good = table.rows.iter().filter(|row| row.account.is_ok()).count();
    let answer = json!({
        "delimiter": table.delimiter,
        "columns": table.columns,
        "good": good,
        "bad": table.rows.len().saturating_sub(good),
        "rows": table.rows.iter().map(Row::view).collect::<Vec<_>>(),
    });
    Ok(Response::json(200, &answer))
}

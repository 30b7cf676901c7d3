//! `GET …/accounts/{no}/export`: how far the export of an account is, and links to its files.

use crate::handler::unavailable;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Migration};
use mailcrane_engine::export;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::http::{Problem, Request, Response};
use serde_json::json;
use std::time::Duration;

/// How long a link is valid.
const VALID: Duration = Duration::from_secs(3_600);

/// Shows the last export.
pub(crate) async fn show<T: Table, B: Blobs>(
    (table, blobs): (&T, &B),
    request: &Request,
    migration: &Migration,
    account: &Account,
) -> Result<Response, Problem> {
    let known = export::look(table, &migration.id, account.no).await;
    let Some(known) = known.map_err(|error| unavailable(migration, &error))? else {
        return Ok(Response::json(200, &json!({"state": "none", "rows": 0, "files": []})).tagged(request));
    };
    let (rows, failed) = (known.place.rows, &known.place.failed);
    let state = match (known.ended, failed.is_empty()) {
        (false, _) => "writing",
        (true, true) => "ready",
        (true, false) => "failed",
    };
    let mut files = Vec::new();
    for file in 0..known.place.files {
        let name = export::name(&migration.id, account.no, file);
        let link = blobs.link(&name, VALID).await.map_err(|fault| {
            tracing::error!(migration.id = %migration.id, error = chain(&fault), "a link could not be made");
            Problem::unavailable()
        })?;
        files.push(json!({"name": name.rsplit('/').next().unwrap_or_default(), "url": link}));
    }
    let shown = json!({
        "state": state, "rows": rows, "files": files, "reason": failed, "valid_seconds": VALID.as_secs(),
    });
    Ok(Response::json(200, &shown))
}

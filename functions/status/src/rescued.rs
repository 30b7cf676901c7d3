//! `GET /v1/rescued/{id}/{file}`: the way from a stub to the message that was too large for its mailbox.

use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::blobs::Blobs;
use mailcrane_engine::copy::rescue;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::http::{Problem, Request, Response};
use std::time::Duration;

/// How long the bucket's own link is valid.
const VALID: Duration = Duration::from_secs(600);

/// Sends whoever knows the name (128 bits that nobody guesses) to the object. Nothing else of the bucket is ever named.
pub(crate) async fn fetch<B: Blobs>(blobs: &B, request: &Request, id: &str, file: &str) -> Result<Response, Problem> {
    if request.method() != "GET" {
        return Err(Problem::method(&request.method()));
    }
    let id = MigrationId::new(id).ok().filter(|_| rescue::is_file(file));
    let id = id.ok_or_else(|| Problem::not_found("message"))?;
    let link = blobs.link(&rescue::object(&id, file), VALID).await.map_err(|fault| {
        tracing::error!(migration.id = %id, error = chain(&fault), "a link could not be made");
        Problem::unavailable()
    })?;
    Ok(Response::new(303, "text/plain; charset=utf-8", "").with("location", link))
}

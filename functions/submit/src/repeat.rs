//! `Idempotency-Key`: a request that is sent again is answered again, not carried out again.

use crate::answer::of_intake;
use mailcrane_core::id::MigrationId;
use mailcrane_core::record::Versioned;
use mailcrane_engine::intake::{self, Attempt, Begun};
use mailcrane_engine::world::World;
use mailcrane_lambda::access::hash;
use mailcrane_lambda::http::{Problem, Request, Response};
use std::time::Duration;

/// What to do with a request.
pub(crate) enum Repeat {
    /// Carry it out, for that migration; then [`end`] it.
    Carry(Option<Versioned<Attempt>>, MigrationId),
    /// It was carried out, for that migration.
    Done(MigrationId),
}

/// Looks whether the request was sent before.
///
/// # Errors
/// 422 when another request had the key, 409 while it is being carried out, 400 for a key that is too long.
pub(crate) async fn begin<W: World>(world: &W, request: &Request, id: MigrationId) -> Result<Repeat, Problem> {
    let Some(key) = request.header("idempotency-key").map(str::trim).filter(|key| !key.is_empty()) else {
        return Ok(Repeat::Carry(None, id));
    };
    if key.len() > 200 {
        return Err(Problem::new(400, "idempotency.too_long", "Idempotency-Key has more than 200 octets"));
    }
    let caller = hash(request.bearer().unwrap_or_default());
    let mut asked = format!("{} {}\n", request.method(), request.path()).into_bytes();
    asked.extend(request.body()?);
    match intake::begin(world, &caller, key, &asked, &id).await.map_err(of_intake)? {
        Begun::Carry(attempt) => {
            let id = attempt.record.migration.clone();
            Ok(Repeat::Carry(Some(attempt), id))
        }
        Begun::Done(id) => Ok(Repeat::Done(id)),
        Begun::Busy => {
            let text = "the same request is being carried out at this moment; try again in a moment";
            Err(Problem::conflict("idempotency.busy", text).after(Duration::from_secs(2)))
        }
        Begun::Different => {
            let text = "another request was sent with this Idempotency-Key; make a new key for each request";
            Err(Problem::new(422, "idempotency.reused", text))
        }
    }
}

/// Remembers a request that was carried out, and forgets one that was refused.
pub(crate) async fn end<W: World>(
    world: &W,
    attempt: Option<Versioned<Attempt>>,
    outcome: Result<Response, Problem>,
) -> Result<Response, Problem> {
    let Some(attempt) = attempt else { return outcome };
    let noted = match &outcome {
        Ok(_) => intake::finish(world, attempt).await,
        Err(_) => intake::abandon(world, &attempt).await,
    };
    if let Err(error) = noted {
        tracing::warn!(error = &error as &dyn std::error::Error, "a request could not be remembered");
    }
    outcome
}

//! Requests that may be repeated: the first one is carried out, its repetitions are told what became of it.

use super::{INTAKE, IntakeError};
use crate::ledger;
use crate::world::{World, later};
use mailcrane_core::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::table::{Expect, Key, Table as _, TableError, Write};
use mailcrane_core::record::{Record, Versioned, keys};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a repetition is recognised.
const REMEMBERED: Duration = Duration::from_secs(3 * 24 * 3600);

/// A request that is, or was, carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The version of this form, 1.
    pub v: u8,
    /// The digest of what was asked for.
    pub asked: String,
    /// The migration it is about.
    pub migration: MigrationId,
    /// Whether it was carried out.
    pub done: bool,
    /// Until when nobody else may carry it out.
    pub until: Timestamp,
    /// When it is forgotten.
    pub forget: Timestamp,
}

impl Record for Attempt {
    fn expires(&self) -> Option<Timestamp> {
        Some(self.forget)
    }
}

/// What a request finds.
#[derive(Debug)]
pub enum Begun {
    /// It is to be carried out, for that migration.
    Carry(Versioned<Attempt>),
    /// It was carried out before.
    Done(MigrationId),
    /// It is being carried out at this moment.
    Busy,
    /// Another request had the same key.
    Different,
}

impl Attempt {
    /// Takes the right to add accounts; nothing when another request has it.
    pub(super) async fn lock<W: World>(world: &W, id: &MigrationId) -> Result<Option<Versioned<Self>>, IntakeError> {
        let key = Key::new(keys::migration_partition(id), "INTAKE");
        match claim(world, key, id, "").await? {
            Begun::Carry(attempt) => Ok(Some(attempt)),
            Begun::Done(_) | Begun::Busy | Begun::Different => Ok(None),
        }
    }
}

/// Begins a request under an idempotency key; the caller is part of the key, so nobody meets another's requests.
///
/// # Errors
/// Failures of the table.
pub async fn begin<W: World>(
    world: &W,
    caller: &str,
    idempotency_key: &str,
    asked: &[u8],
    migration: &MigrationId,
) -> Result<Begun, IntakeError> {
    let name = Digest::of(format!("{caller}\n{idempotency_key}").as_bytes());
    claim(world, Key::new(format!("IDEM#{name}"), "IDEM"), migration, &Digest::of(asked).to_string()).await
}

async fn claim<W: World>(world: &W, key: Key, id: &MigrationId, asked: &str) -> Result<Begun, IntakeError> {
    let now = world.now();
    let (until, forget) = (later(now, INTAKE), later(now, REMEMBERED));
    let fresh = Attempt { v: 1, asked: asked.to_owned(), migration: id.clone(), done: false, until, forget };
    let mut attempt = match ledger::find::<Attempt>(world.table(), &key).await? {
        None => Versioned::fresh(key, fresh),
        Some(known) if known.record.asked != asked => return Ok(Begun::Different),
        Some(known) if known.record.done => return Ok(Begun::Done(known.record.migration)),
        Some(known) if known.record.until > now => return Ok(Begun::Busy),
        Some(mut known) => {
            known.record.until = until;
            known
        }
    };
    match ledger::put(world.table(), &mut attempt).await {
        Ok(()) => Ok(Begun::Carry(attempt)),
        Err(error) if error.is_conflict() => Ok(Begun::Busy),
        Err(error) => Err(error.into()),
    }
}

/// Remembers that the request was carried out.
///
/// # Errors
/// Failures of the table.
pub async fn finish<W: World>(world: &W, mut attempt: Versioned<Attempt>) -> Result<(), IntakeError> {
    attempt.record.done = true;
    Ok(ledger::put(world.table(), &mut attempt).await?)
}

/// Forgets a request that was refused, so that a corrected one may have the same key.
///
/// # Errors
/// Failures of the table.
pub async fn abandon<W: World>(world: &W, attempt: &Versioned<Attempt>) -> Result<(), IntakeError> {
    let delete = Write::Delete(attempt.key.clone(), Expect::Version(attempt.version));
    match world.table().write(delete).await {
        Err(TableError::Conflict) => Ok(()),
        other => Ok(other?),
    }
}

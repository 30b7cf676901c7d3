//! Mails on their way out: written in the transaction that makes them true, sent after it; what was not sent then, the
//! sweeper sends. The `notify` function sends each of them once, however often it is told.

use crate::ledger::{self, LedgerError};
use crate::world::{World, later};
use mailcrane_core::Timestamp;
use mailcrane_core::id::{MigrationId, PassNo};
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Expect, Key, Table as _, Write};
use mailcrane_core::record::{Record, Versioned, keys};
use mailcrane_core::token::{MailEvent, Task};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The version of this form, 1.
    v: u8,
    migration: MigrationId,
    event: MailEvent,
    pass: PassNo,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
    /// When the sweeper sends it.
    look_at: Timestamp,
}

impl Record for Letter {
    fn due(&self) -> Option<Timestamp> {
        Some(self.look_at)
    }
}

/// Returns a mail that is to be written with what it tells of.
#[must_use]
pub fn letter<W: World>(
    world: &W,
    migration: &MigrationId,
    event: MailEvent,
    pass: PassNo,
    detail: &str,
) -> Versioned<Letter> {
    let key = keys::letter(migration, &format!("{}#{pass}#{detail}", event.as_str()));
    let look_at = later(world.now(), world.times().arrival);
    Versioned::fresh(
        key,
        Letter { v: 1, migration: migration.clone(), event, pass, detail: detail.to_owned(), look_at },
    )
}

/// Returns the write that belongs into the transaction.
///
/// # Errors
/// [`LedgerError::Malformed`] when it cannot be written as JSON.
pub fn write_of(letter: &Versioned<Letter>) -> Result<Write, LedgerError> {
    Ok(Write::Put(letter.next_item()?, Expect::Anything))
}

/// Sends a mail that was written; what fails is left to the sweeper.
pub async fn send<W: World>(world: &W, letter: &Versioned<Letter>) {
    let Letter { migration, event, pass, detail, .. } = &letter.record;
    let (migration, detail) = (migration.clone(), detail.clone());
    let task = Task::Notify { v: 1, migration, event: *event, pass: *pass, detail };
    if let Err(fault) = world.queues().send(&[task], Duration::ZERO).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "A mail waits for the sweeper");
        return;
    }
    if let Err(error) = world.table().write(Write::Delete(letter.key.clone(), Expect::Anything)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "A mail is told again; it is sent once all the same");
    }
}

/// Sends what was written and not sent.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn look_after<W: World>(world: &W, key: &Key) -> Result<(), LedgerError> {
    if let Some(letter) = ledger::find::<Letter>(world.table(), key).await? {
        send(world, &letter).await;
    }
    Ok(())
}

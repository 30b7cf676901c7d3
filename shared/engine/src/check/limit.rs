//! How often one mailbox may be checked: the service must not become a way to guess passwords.

use super::end::Probe;
use crate::ledger::LedgerError;
use crate::world::{World, later};
use mailcrane_core::digest::short;
use mailcrane_core::ports::table::{Key, Table as _};
use mailcrane_core::record::Account;
use std::time::Duration;

/// Checks of one mailbox in one hour, over all migrations.
const CHECKS: i64 = 20;

/// The length of a counting period.
const HOUR: i64 = 3600;

/// Counts a check of both mailboxes of an account, and refuses it when one of them was checked too often.
pub(super) async fn refuse<W: World>(world: &W, account: &Account) -> Result<Option<Probe>, LedgerError> {
    let host = account.source.endpoint.host.to_lowercase();
    let source = short(&[b"source", account.source.user.to_lowercase().as_bytes(), host.as_bytes()]);
    let destination = short(&[b"destination", account.destination.mailbox.to_lowercase().as_bytes()]);
    let now = world.now();
    let period = now.as_second().div_euclid(HOUR);
    let forget = later(now, Duration::from_secs(2 * HOUR.unsigned_abs()));
    let mut most = 0;
    for mailbox in [source, destination] {
        let key = Key::new(format!("RATE#check#{mailbox:016x}"), period.to_string());
        most = most.max(world.table().add(&key, 1, Some(forget)).await?);
    }
    Ok((most > CHECKS).then(|| Probe::Refused {
        code: "check.too_often".to_owned(),
        message: format!("this mailbox was checked more than {CHECKS} times within the hour; try again after it"),
        fingerprint: None,
    }))
}

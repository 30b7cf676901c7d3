//! How often may be checked: the service must not become a way to guess passwords. What is counted is the login, not
//! the account, so that another account, migration or spelling of the host does not begin anew.

use super::end::Probe;
use crate::ledger::LedgerError;
use crate::limit::{Limit, Verdict};
use crate::world::World;
use mailcrane_core::record::{Account, Migration};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Checks of one login, over all migrations.
const LOGIN: Limit = Limit::new("check", 20, HOUR);

/// Refused checks at one host, over all migrations that customers created.
const HOST: Limit = Limit::new("refused-host", 200, HOUR);

/// Refused checks at one host, over all migrations that the operator created.
const HOST_OF_OPERATOR: Limit = Limit::new("refused-host-operator", 2_000, HOUR);

/// Refused checks of one migration, above its number of accounts.
const REFUSED: u32 = 100;

fn host_of(account: &Account) -> String {
    account.source.endpoint.host.trim_end_matches('.').to_lowercase()
}

fn at_host(migration: &Migration) -> &'static Limit {
    if migration.by_operator { &HOST_OF_OPERATOR } else { &HOST }
}

fn of_migration(migration: &Migration) -> Limit {
    Limit::new("refused-migration", migration.accounts.saturating_mul(2).saturating_add(REFUSED), HOUR)
}

/// Returns the logins that a check of the account tries.
fn logins(account: &Account) -> Vec<String> {
    let mut logins = vec![format!("source\n{}\n{}", account.source.user.to_lowercase(), host_of(account))];
    let ends = [Some(&account.destination.mailbox), account.destination.user.as_ref()];
    logins.extend(ends.into_iter().flatten().map(|login| format!("destination\n{}", login.to_lowercase())));
    logins.dedup();
    logins
}

/// Counts a check of an account, and refuses it when there were too many.
pub(super) async fn refuse<W: World>(
    world: &W,
    migration: &Migration,
    account: &Account,
) -> Result<Option<Probe>, LedgerError> {
    let (table, now) = (world.table(), world.now());
    for login in logins(account) {
        if let Verdict::Beyond(_) = LOGIN.count(table, &login, 1, now).await? {
            let text = format!("this mailbox was checked more than {} times within the hour", LOGIN.most);
            return Ok(Some(refused(&text)));
        }
    }
    let (host, limit) = (at_host(migration), of_migration(migration));
    if let Verdict::Beyond(_) = host.count(table, &host_of(account), 0, now).await? {
        let text = format!("{} checks at this host were refused within the hour", host.most);
        return Ok(Some(refused(&text)));
    }
    if let Verdict::Beyond(_) = limit.count(table, migration.id.as_str(), 0, now).await? {
        let text = format!("{} checks of this migration were refused within the hour", limit.most);
        return Ok(Some(refused(&text)));
    }
    Ok(None)
}

/// Counts a check that was refused by an end.
pub(super) async fn note<W: World>(world: &W, migration: &Migration, account: &Account) -> Result<(), LedgerError> {
    let (table, now) = (world.table(), world.now());
    at_host(migration).count(table, &host_of(account), 1, now).await?;
    of_migration(migration).count(table, migration.id.as_str(), 1, now).await?;
    Ok(())
}

fn refused(text: &str) -> Probe {
    Probe::Refused {
        code: "check.too_often".to_owned(),
        message: format!("{text}; no password is tried until the hour is over. Correct it and check again then"),
        fingerprint: None,
    }
}

//! Accounts as they are entered and changed.

use super::{IntakeError, TOKEN, fresh_items};
use crate::check::roll_up;
use crate::ledger::{self, Change, LedgerError};
use crate::world::{World, later};
use mailcrane_core::Fault;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::key::SourceId;
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::source::Endpoint;
use mailcrane_core::ports::table::Table as _;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{
    Account, Allowance, Analysis, Check, Counters, DestinationEnd, Migration, OauthSecret, Pass, Secrets, SourceAuth,
    SourceEnd, Versioned, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::state::{AccountEvent, AccountState, Illegal, MigrationEvent};
use mailcrane_core::token::Task;
use std::time::Duration;

/// How many accounts are sealed and stored at once.
const AT_ONCE: usize = 500;

/// An account to be added; checked already.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The source.
    pub source: SourceEnd,
    /// The destination.
    pub destination: DestinationEnd,
    /// What it signs in with.
    pub secrets: Secrets,
    /// Whether it takes part.
    pub selected: bool,
}

/// What a user changes of an account; nothing stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Another way to the source.
    pub endpoint: Option<Endpoint>,
    /// Another user name at the source; it stays the same mailbox.
    pub source_user: Option<String>,
    /// Another way to sign in at the source.
    pub auth: Option<SourceAuth>,
    /// Another address of the destination's mailbox.
    pub mailbox: Option<String>,
    /// Another user at the destination.
    pub destination_user: Option<String>,
    /// Secrets; those that are there replace the sealed ones.
    pub secrets: Secrets,
    /// Whether it takes part.
    pub selected: Option<bool>,
}

impl AccountChange {
    /// Tells whether the change makes another check necessary.
    #[must_use]
    pub fn needs_check(&self) -> bool {
        self.endpoint.is_some()
            || self.source_user.is_some()
            || self.auth.is_some()
            || self.mailbox.is_some()
            || self.destination_user.is_some()
            || self.secrets != Secrets::default()
    }
}

/// Seals the secrets and stores the accounts, numbered from the first one on. Nobody sees them before the
/// migration's number of accounts is raised.
pub(super) async fn store<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    first: AccountNo,
    accounts: &[NewAccount],
    token: Option<&Secret>,
) -> Result<(), IntakeError> {
    if let Some(token) = token {
        vault.seal(id, &[(TOKEN, token.clone())]).await.map_err(IntakeError::Service)?;
    }
    let mut no = first;
    for some in accounts.chunks(AT_ONCE) {
        let mut sealed = Vec::with_capacity(some.len());
        let mut records = Vec::with_capacity(some.len());
        for account in some {
            sealed.push((no, document(&account.secrets)?));
            records.push((keys::account(id, no), record(no, account)));
            no = no.next();
        }
        vault.seal(id, &sealed).await.map_err(IntakeError::Service)?;
        world.table().put_all(fresh_items(records.into_iter())?).await?;
    }
    Ok(())
}

fn document(secrets: &Secrets) -> Result<Secret, IntakeError> {
    let json = serde_json::to_string(secrets);
    json.map(Secret::new).map_err(|error| {
        IntakeError::Service(Fault::give_up("intake.secrets", "the credentials cannot be written").because(error))
    })
}

fn record(no: AccountNo, account: &NewAccount) -> Account {
    Account {
        v: 1,
        no,
        source_id: SourceId::of(&account.source.user, &account.source.endpoint.host),
        source: account.source.clone(),
        source_oauth: account.secrets.source_oauth.as_ref().map(OauthSecret::kind),
        destination: account.destination.clone(),
        state: AccountState::Waiting,
        selected: account.selected,
        removed: false,
        source_check: Check::default(),
        destination_check: Check::default(),
        analysis: Analysis::default(),
        allowance: Allowance::default(),
        pass: Pass::default(),
        queue_when_checked: false,
        before: Counters::default(),
        before_found: 0,
        before_bytes: 0,
        grade: None,
        error_code: String::new(),
        error: String::new(),
    }
}

/// Changes an account and sends its check when credentials, host or mailbox changed.
///
/// # Errors
/// [`IntakeError::Illegal`] while it is being copied, [`IntakeError::Missing`], and failures of the services.
pub async fn change<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    no: AccountNo,
    change: &AccountChange,
) -> Result<Account, IntakeError> {
    let key = keys::account(id, no);
    let known = ledger::get::<Account>(world.table(), &key).await?;
    if change.needs_check() {
        known.record.state.apply(AccountEvent::Change)?;
        reseal(vault, id, no, &change.secrets).await?;
    }
    let changed = ledger::update::<Account>(world.table(), &key, |account| {
        apply(account, change)?;
        Ok(Change::Write)
    });
    let account = changed.await?.record;
    if change.needs_check() {
        check_again(world, id, no).await?;
    }
    Ok(account)
}

fn apply(account: &mut Account, change: &AccountChange) -> Result<(), LedgerError> {
    if change.needs_check() {
        account.state = account.state.apply(AccountEvent::Change)?;
        account.source_check = Check::default();
        account.destination_check = Check::default();
        account.error_code.clear();
        account.error.clear();
    }
    if let Some(endpoint) = &change.endpoint {
        account.source.endpoint = endpoint.clone();
    }
    if let Some(user) = &change.source_user {
        account.source.user.clone_from(user);
    }
    if let Some(auth) = change.auth {
        account.source.auth = auth;
        account.source_oauth = change.secrets.source_oauth.as_ref().map(OauthSecret::kind);
    }
    if let Some(mailbox) = &change.mailbox {
        account.destination.mailbox.clone_from(mailbox);
    }
    if change.destination_user.is_some() {
        account.destination.user.clone_from(&change.destination_user);
    }
    account.selected = change.selected.unwrap_or(account.selected);
    Ok(())
}

async fn reseal<V: Vault>(vault: &V, id: &MigrationId, no: AccountNo, new: &Secrets) -> Result<(), IntakeError> {
    if *new == Secrets::default() {
        return Ok(());
    }
    let old = match vault.open(id, no).await {
        Ok(document) => serde_json::from_str(document.expose()).unwrap_or_default(),
        Err(fault) if fault.code == "vault.shredded" => Secrets::default(),
        Err(fault) => return Err(IntakeError::Service(fault)),
    };
    let merged = Secrets {
        source_password: new.source_password.clone().or(old.source_password),
        source_admin_user: new.source_admin_user.clone().or(old.source_admin_user),
        source_admin_password: new.source_admin_password.clone().or(old.source_admin_password),
        source_oauth: new.source_oauth.clone().or(old.source_oauth),
        destination_password: new.destination_password.clone().or(old.destination_password),
    };
    vault.seal(id, &[(no, document(&merged)?)]).await.map_err(IntakeError::Service)
}

/// Removes an account of which nothing was copied, and what it signs in with; a second time nothing happens.
///
/// # Errors
/// [`IntakeError::Illegal`] once it is copied or was, [`IntakeError::Missing`], and failures of the services.
pub async fn remove<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    no: AccountNo,
) -> Result<(), IntakeError> {
    let key = keys::account(id, no);
    let removed = ledger::update::<Account>(world.table(), &key, |account| {
        if account.removed {
            return Ok(Change::Nothing);
        }
        account.state.apply(AccountEvent::Change)?;
        if account.pass.no.0 > 0 {
            return Err(Illegal::of("account", &"copied already; untick it instead", "remove").into());
        }
        (account.removed, account.selected) = (true, false);
        Ok(Change::Write)
    });
    removed.await?;
    vault.seal(id, &[(no, document(&Secrets::default())?)]).await.map_err(IntakeError::Service)?;
    roll_up(world, id).await?;
    Ok(())
}

/// Sets an account back to waiting, and sends its check.
///
/// # Errors
/// As [`change`].
pub async fn recheck<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<Account, IntakeError> {
    let key = keys::account(id, no);
    let changed = ledger::update::<Account>(world.table(), &key, |account| {
        account.state = account.state.apply(AccountEvent::Change)?;
        account.source_check = Check::default();
        account.destination_check = Check::default();
        Ok(Change::Write)
    });
    let account: Versioned<Account> = changed.await?;
    check_again(world, id, no).await?;
    Ok(account.record)
}

async fn check_again<W: World>(world: &W, id: &MigrationId, no: AccountNo) -> Result<(), IntakeError> {
    let look_at = later(world.now(), world.times().arrival);
    let key = keys::migration(id);
    let touched = ledger::update::<Migration>(world.table(), &key, |migration| {
        if let Ok(state) = migration.state.apply(MigrationEvent::Check) {
            migration.state = state;
        }
        migration.look_at = Some(migration.look_at.map_or(look_at, |known| known.min(look_at)));
        Ok(Change::Write)
    });
    touched.await?;
    let task = Task::Check { v: 1, migration: id.clone(), account: no };
    world.queues().send(&[task], Duration::ZERO).await.map_err(IntakeError::Service)
}

//! Orders become records: migration, accounts and sealed secrets, in an order that a crash cannot spoil.
//!
//! 1. The migration is stored without accounts, with a date after which the sweeper erases it.
//! 2. Secrets are sealed and accounts stored; nobody looks at them yet.
//! 3. One write names the number of accounts and takes the date away: now the migration exists.

mod account;
mod attempt;

pub use account::{AccountChange, NewAccount, change, recheck, remove};
pub use attempt::{Attempt, Begun, abandon, begin, finish};

use crate::farewell;
use crate::ledger::{self, Change, LedgerError};
use crate::outbox;
use crate::webhook::SECRET;
use crate::world::{World, later};
use mailcrane_core::Fault;
use mailcrane_core::id::{AccountNo, MigrationId, PassNo};
use mailcrane_core::ports::queue::Queues as _;
use mailcrane_core::ports::table::{Expect, Item, Table as _, TableError, Write};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{
    Counters, DestinationKind, Migration, Options, PassKind, Record, Right, Versioned, Webhook, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::state::{Illegal, MigrationEvent, MigrationState};
use mailcrane_core::token::{MailEvent, Task};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The number under which a migration's own capability token is sealed, so that mails can carry the link; it is
/// shredded with the credentials.
pub const TOKEN: AccountNo = AccountNo(u32::MAX);

/// The most accounts of one migration.
pub const MOST_ACCOUNTS: u32 = 10_000;

/// How long an intake may take before somebody else may go on with it: longer than any invocation.
const INTAKE: Duration = Duration::from_secs(35);

/// A migration whose address nobody confirms is erased after this time.
const UNCONFIRMED: Duration = Duration::from_secs(2 * 24 * 3600);

/// A migration that was never taken in wholly is erased after this time.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What a customer orders; checked already.
#[derive(Debug, Clone)]
pub struct Order {
    /// The order number.
    pub id: MigrationId,
    /// The capability token.
    pub token: Secret,
    /// The SHA-256 of the token in hexadecimal digits.
    pub token_hash: String,
    /// A name for people.
    pub name: String,
    /// Who is told by e-mail.
    pub notify: Vec<String>,
    /// Which program is told of the same.
    pub webhook: Option<NewWebhook>,
    /// `en` or `de`.
    pub language: String,
    /// The destination of all accounts.
    pub destination: DestinationKind,
    /// What is copied.
    pub options: Options,
    /// Whether the operator orders.
    pub by_operator: bool,
    /// What entitles it otherwise.
    pub right: Right,
    /// The accounts.
    pub accounts: Vec<NewAccount>,
}

/// A webhook that is to be told; its address was checked already.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// The https URL.
    pub url: String,
    /// The secret that signs what it is told.
    pub secret: Secret,
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is no such migration or account.
    #[error("there is no such record")]
    Missing,
    /// Another request adds accounts at this moment.
    #[error("another request is adding accounts")]
    Busy,
    /// It would have more accounts than [`MOST_ACCOUNTS`].
    #[error("a migration has at most {MOST_ACCOUNTS} accounts")]
    TooMany,
    /// The destination takes no migration any more.
    #[error("{0}")]
    Ended(String),
    /// The state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The table failed.
    #[error("the table failed")]
    Ledger(#[source] LedgerError),
    /// The vault or a queue failed.
    #[error("a service failed")]
    Service(#[source] Fault),
}

impl From<LedgerError> for IntakeError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Missing => Self::Missing,
            LedgerError::Illegal(illegal) => Self::Illegal(illegal),
            other => Self::Ledger(other),
        }
    }
}

impl From<TableError> for IntakeError {
    fn from(error: TableError) -> Self {
        Self::Ledger(error.into())
    }
}

/// What the operator's list keeps of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The version of this form, 1.
    pub v: u8,
    /// The order number.
    pub id: MigrationId,
}

impl Record for Listed {}

/// Takes in an order. Again with the same id it goes on where a crash ended it, and replaces the token.
///
/// # Errors
/// [`IntakeError`]; what was stored until then is erased by the sweeper unless the order is repeated.
pub async fn create<W: World, V: Vault>(world: &W, vault: &V, order: Order) -> Result<Migration, IntakeError> {
    if let Some(refusal) = farewell::refusal(world.settings().workmail_ends, &order.destination, world.now()) {
        return Err(IntakeError::Ended(refusal));
    }
    let key = keys::migration(&order.id);
    let begun = later(world.now(), ABANDONED);
    let stored = ledger::create(world.table(), key.clone(), of_order(&order, world.now(), begun)).await?;
    if !stored {
        let known = ledger::get::<Migration>(world.table(), &key).await?;
        if known.record.accounts > 0 || known.record.keep_until.is_none() {
            return Ok(known.record);
        }
    }
    let count = count(&order.accounts)?;
    account::store(world, vault, &order.id, AccountNo(0), &order.accounts, Some(&order.token)).await?;
    if let Some(webhook) = &order.webhook {
        vault.seal(&order.id, &[(SECRET, webhook.secret.clone())]).await.map_err(IntakeError::Service)?;
    }
    let listed = Versioned::fresh(keys::listed(&order.id), Listed { v: 1, id: order.id.clone() });
    let listed = listed.next_item().map_err(LedgerError::from)?;
    world.table().write(Write::Put(listed, Expect::Anything)).await?;
    let look_at = later(world.now(), world.times().arrival);
    let letter = first_letter(world, &order.id, &order.right);
    let confirmed_by = later(world.now(), UNCONFIRMED);
    let migration = ledger::update_with::<Migration>(world.table(), &key, |migration| {
        migration.accounts = count;
        migration.token_hash.clone_from(&order.token_hash);
        migration.keep_until = Some(confirmed_by).filter(|_| migration.right.unconfirmed);
        migration.look_at = Some(look_at);
        Ok(Some(vec![outbox::write_of(&letter)?]))
    });
    Ok(migration.await?.record)
}

/// Confirms the address of a migration and sets it off; a second time nothing happens.
///
/// # Errors
/// [`IntakeError`]; nothing was confirmed then.
pub async fn confirm<W: World>(world: &W, id: &MigrationId) -> Result<Migration, IntakeError> {
    let look_at = later(world.now(), world.times().arrival);
    let letter = first_letter(world, id, &Right::default());
    let (key, mut first) = (keys::migration(id), false);
    let migration = ledger::update_with::<Migration>(world.table(), &key, |migration| {
        first = migration.right.unconfirmed;
        if !first {
            return Ok(None);
        }
        migration.state = migration.state.apply(MigrationEvent::Check)?;
        migration.right.unconfirmed = false;
        (migration.keep_until, migration.look_at) = (None, Some(look_at));
        Ok(Some(vec![outbox::write_of(&letter)?]))
    });
    let migration = migration.await?.record;
    if first {
        set_off(world, &migration).await.map_err(IntakeError::Service)?;
    }
    Ok(migration)
}

/// What a user changes of a migration; nothing stays as it is.
#[derive(Debug, Clone, Default)]
pub struct MigrationChange {
    /// Another name.
    pub name: Option<String>,
    /// Who is told by e-mail from now on.
    pub notify: Option<Vec<String>>,
    /// Another language.
    pub language: Option<String>,
    /// Another webhook, or none any more.
    pub webhook: Option<Option<NewWebhook>>,
    /// What the passes that begin from now on copy; replaces everything that was said before.
    pub options: Option<Options>,
}

/// Changes a migration. What is copied is changed only while no pass is under way.
///
/// # Errors
/// [`IntakeError::Illegal`] while a pass is under way, [`IntakeError::Missing`], and failures of the services.
pub async fn amend<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    change: &MigrationChange,
) -> Result<Migration, IntakeError> {
    let key = keys::migration(id);
    let may_change = |state: MigrationState| {
        let gone = matches!(state, MigrationState::Erasing | MigrationState::Erased);
        if gone || change.options.is_some() && state.under_way() {
            return Err(Illegal::of("migration", &state, "change"));
        }
        Ok(())
    };
    if let Some(Some(webhook)) = &change.webhook {
        may_change(ledger::get::<Migration>(world.table(), &key).await?.record.state)?;
        vault.seal(id, &[(SECRET, webhook.secret.clone())]).await.map_err(IntakeError::Service)?;
    }
    let amended = ledger::update::<Migration>(world.table(), &key, |migration| {
        may_change(migration.state)?;
        let to = change.clone();
        migration.name = to.name.unwrap_or_else(|| migration.name.clone());
        migration.notify = to.notify.unwrap_or_else(|| migration.notify.clone());
        migration.language = to.language.unwrap_or_else(|| migration.language.clone());
        migration.options = to.options.unwrap_or_else(|| migration.options.clone());
        if let Some(webhook) = to.webhook {
            migration.webhook = webhook.map(|webhook| Webhook { url: webhook.url, trouble: None });
        }
        Ok(Change::Write)
    });
    Ok(amended.await?.record)
}

/// Adds accounts to a migration that has not begun, and returns the number of the first of them.
///
/// # Errors
/// [`IntakeError`]; nothing is added then.
pub async fn add<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    accounts: &[NewAccount],
) -> Result<(Migration, AccountNo), IntakeError> {
    let lock = Attempt::lock(world, id).await?.ok_or(IntakeError::Busy)?;
    let added = add_locked(world, vault, id, accounts).await;
    attempt::abandon(world, &lock).await?;
    added
}

async fn add_locked<W: World, V: Vault>(
    world: &W,
    vault: &V,
    id: &MigrationId,
    accounts: &[NewAccount],
) -> Result<(Migration, AccountNo), IntakeError> {
    let key = keys::migration(id);
    let known = ledger::get::<Migration>(world.table(), &key).await?.record;
    known.state.apply(MigrationEvent::Check)?;
    let first = AccountNo(known.accounts);
    let count = known.accounts.saturating_add(count(accounts)?);
    if count > MOST_ACCOUNTS {
        return Err(IntakeError::TooMany);
    }
    account::store(world, vault, id, first, accounts, None).await?;
    let look_at = later(world.now(), world.times().arrival);
    let migration = ledger::update::<Migration>(world.table(), &key, |migration| {
        migration.state = migration.state.apply(MigrationEvent::Check)?;
        migration.accounts = count;
        migration.look_at = Some(look_at);
        Ok(Change::Write)
    });
    Ok((migration.await?.record, first))
}

/// Sends what a new migration sets off: its checks, and the mail of its submission.
///
/// # Errors
/// The fault of the queue; the sweeper looks after the migration then.
pub async fn set_off<W: World>(world: &W, migration: &Migration) -> Result<(), Fault> {
    outbox::send(world, &first_letter(world, &migration.id, &migration.right)).await;
    if migration.right.unconfirmed { Ok(()) } else { set_off_checks(world, &migration.id, AccountNo(0)).await }
}

/// Returns the mail that a new migration is told of with: before its address is confirmed, the question for that.
fn first_letter<W: World>(world: &W, id: &MigrationId, right: &Right) -> Versioned<outbox::Letter> {
    let event = if right.unconfirmed { MailEvent::Confirm } else { MailEvent::Submitted };
    outbox::letter(world, id, event, PassNo(0), "")
}

/// Sends the checks of the accounts from that one on.
///
/// # Errors
/// As [`set_off`].
pub async fn set_off_checks<W: World>(world: &W, id: &MigrationId, from: AccountNo) -> Result<(), Fault> {
    let checks = Task::CheckAll { v: 1, migration: id.clone(), from };
    world.queues().send(&[checks], Duration::ZERO).await
}

fn count(accounts: &[NewAccount]) -> Result<u32, IntakeError> {
    let count = u32::try_from(accounts.len()).map_err(|_| IntakeError::TooMany)?;
    if count > MOST_ACCOUNTS { Err(IntakeError::TooMany) } else { Ok(count) }
}

fn of_order(order: &Order, now: mailcrane_core::Timestamp, abandoned: mailcrane_core::Timestamp) -> Migration {
    Migration {
        v: 1,
        id: order.id.clone(),
        name: order.name.clone(),
        state: MigrationState::Submitted,
        created: now,
        notify: order.notify.clone(),
        webhook: order.webhook.as_ref().map(|webhook| Webhook { url: webhook.url.clone(), trouble: None }),
        language: order.language.clone(),
        destination: order.destination.clone(),
        options: order.options.clone(),
        accounts: 0,
        checked: 0,
        removed: 0,
        pass: PassNo(0),
        pass_kind: PassKind::Full,
        pass_since: None,
        pass_before: None,
        totals: Counters::default(),
        found: 0,
        found_bytes: 0,
        start_at: None,
        started: None,
        ended: None,
        keep_until: Some(abandoned),
        token_hash: order.token_hash.clone(),
        undoing: 0,
        by_operator: order.by_operator,
        right: order.right.clone(),
        look_at: None,
    }
}

/// Makes items of records that nobody has read yet.
fn fresh_items<R: Record>(
    records: impl Iterator<Item = (mailcrane_core::ports::table::Key, R)>,
) -> Result<Vec<Item>, LedgerError> {
    records.map(|(key, record)| Versioned::fresh(key, record).next_item().map_err(LedgerError::from)).collect()
}

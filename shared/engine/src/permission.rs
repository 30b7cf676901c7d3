//! Permissions to write into mailboxes: recorded before they are made, taken back for certain, earlier ones restored.

mod reach;

use crate::ledger::{self, Change, LedgerError};
use crate::world::{World, later};
use mailcrane_core::Fault;
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::directory::{Directory, Permissions};
use mailcrane_core::ports::table::{Expect, Key, Table as _, Write};
use mailcrane_core::record::{
    Access, Account, DestinationKind, Grant, GrantKind, Migration, Record, SourceAuth, SourceEnd, Versioned, keys,
};
use mailcrane_core::state::MigrationState;
use serde::{Deserialize, Serialize};

/// What the migration administrator needs, in WorkMail's words.
const FULL_ACCESS: &str = "FULL_ACCESS";

/// The name under which the one impersonation role of a migration is recorded.
pub const ROLE: &str = "impersonation";

/// Remembers which migrations hold a permission on one mailbox, and what there was before the first of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Holder {
    v: u8,
    before: Permissions,
}

impl Record for Holder {}

/// One look-out per migration: as long as it has permissions, the sweeper asks whether they are still needed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Watch {
    v: u8,
    look_at: Timestamp,
}

impl Record for Watch {
    fn due(&self) -> Option<Timestamp> {
        Some(self.look_at)
    }
}

/// The key of the look-out; it sorts before every permission.
fn watch(id: &MigrationId) -> Key {
    keys::grant(id, "")
}

fn holders(mailbox: &str) -> String {
    format!("GRANTED#{mailbox}")
}

/// Makes sure that the migration may write into the mailbox, as far as that needs a permission. Twice is once.
///
/// Returns when the permission was made; it may take [`mailcrane_core::settings::Times::propagation`] to be known
/// everywhere. Returns nothing when the mailbox's own user signs in.
///
/// # Errors
/// `destination.not_permitted` for a migration that the operator did not create, `destination.no_such_mailbox`,
/// `destination.not_ready`, and the faults of the directory and the table.
pub async fn grant<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    mailbox: &str,
) -> Result<Option<Timestamp>, Fault> {
    let DestinationKind::Workmail { access } = &migration.destination else { return Ok(None) };
    grant_by(world, directory, migration, *access, mailbox).await
}

/// Makes sure that the migration may read the mailbox that an account comes from, as [`grant`] does for writing.
///
/// # Errors
/// As [`grant`].
pub async fn grant_source<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    source: &SourceEnd,
) -> Result<Option<Timestamp>, Fault> {
    let SourceAuth::Workmail(access) = source.auth else { return Ok(None) };
    grant_by(world, directory, migration, access, &source.user).await
}

async fn grant_by<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    access: Access,
    mailbox: &str,
) -> Result<Option<Timestamp>, Fault> {
    if access == Access::User {
        return Ok(None);
    }
    if !migration.by_operator {
        let text = "only a migration that the operator created may open mailboxes without their passwords; \
                    enter the password of the mailbox";
        return Err(Fault::give_up("destination.not_permitted", text));
    }
    let look_at = later(world.now(), world.times().arrival);
    ledger::create(world.table(), watch(&migration.id), Watch { v: 1, look_at }).await?;
    match access {
        Access::User => Ok(None),
        Access::Administrator => administrator(world, directory, &migration.id, mailbox).await,
        Access::Impersonation => role(world, directory, migration, mailbox).await.map(Some),
    }
}

/// Makes the permission of an account again, after its pass has ended, for as long as something needs it.
///
/// # Errors
/// As [`grant`].
pub async fn again<W: World, D: Directory>(
    world: &W,
    directory: &D,
    id: &MigrationId,
    no: AccountNo,
) -> Result<(), Fault> {
    let migration = ledger::find::<Migration>(world.table(), &keys::migration(id)).await?;
    let account = ledger::find::<Account>(world.table(), &keys::account(id, no)).await?;
    let (Some(migration), Some(account)) = (migration, account) else { return Ok(()) };
    if is_over(&migration.record) {
        return Ok(());
    }
    grant(world, directory, &migration.record, &account.record.destination.mailbox).await.map(|_| ())
}

/// Tells since when a migration may write into a mailbox, as far as the table knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The mailbox's own user signs in.
    NotNeeded,
    /// Since then; it spreads.
    Since(Timestamp),
    /// Not, or not any more.
    Not,
}

/// Looks whether the migration holds the permission for a mailbox.
///
/// # Errors
/// The faults of the table.
pub async fn held<W: World>(world: &W, migration: &Migration, mailbox: &str) -> Result<Held, LedgerError> {
    let mailbox = mailbox.to_lowercase();
    let name = match &migration.destination {
        DestinationKind::Workmail { access: Access::Administrator } => mailbox.as_str(),
        DestinationKind::Workmail { access: Access::Impersonation } => ROLE,
        _ => return Ok(Held::NotNeeded),
    };
    let grant = ledger::find::<Grant>(world.table(), &keys::grant(&migration.id, name)).await?.map(|g| g.record);
    let Some(grant) = grant.filter(|grant| grant.revoked.is_none()) else { return Ok(Held::Not) };
    let opens = match &grant.what {
        GrantKind::Role { mailboxes, .. } => mailboxes.iter().any(|one| one.entered == mailbox),
        GrantKind::Mailbox { .. } => true,
    };
    Ok(if opens { Held::Since(grant.spreads_from()) } else { Held::Not })
}

async fn administrator<W: World, D: Directory>(
    world: &W,
    directory: &D,
    id: &MigrationId,
    mailbox: &str,
) -> Result<Option<Timestamp>, Fault> {
    let key = keys::grant(id, &mailbox.to_lowercase());
    let known = ledger::find::<Grant>(world.table(), &key).await?;
    if let Some(grant) = known.as_ref().filter(|grant| grant.record.revoked.is_none()) {
        make(directory, &grant.record).await?;
        return Ok(Some(grant.record.granted));
    }
    let info = reach::ready(directory, mailbox).await?;
    let grantee = directory.administrator().await?;
    if grantee.entity == info.entity {
        return Ok(None);
    }
    let before = match others(world, &info.entity, id).await? {
        Some(first) => first,
        None => directory.permissions(&info.entity, &grantee.entity).await?,
    };
    let holder =
        Versioned::fresh(Key::new(holders(&info.entity), id.as_str()), Holder { v: 1, before: before.clone() });
    let held = holder.next_item().map_err(|error| Fault::from(ledger::LedgerError::from(error)))?;
    let kept = world.table().write(Write::Put(held, Expect::Anything)).await;
    kept.map_err(|error| Fault::from(ledger::LedgerError::from(error)))?;
    let what = GrantKind::Mailbox { mailbox: info.entity, grantee: grantee.entity, before };
    let granted = world.now();
    let record = Grant { v: 1, what, email: info.email, granted, revoked: None, revoke_at: None };
    let version = known.map_or(0, |known| known.version);
    let mut recorded = Versioned { key, version, record };
    ledger::put(world.table(), &mut recorded).await?;
    make(directory, &recorded.record).await?;
    Ok(Some(granted))
}

/// Returns what there was before the first other migration that holds a permission on the mailbox.
async fn others<W: World>(world: &W, mailbox: &str, id: &MigrationId) -> Result<Option<Permissions>, Fault> {
    let held = ledger::all::<Holder>(world.table(), &holders(mailbox), "").await?;
    Ok(held.into_iter().find(|holder| holder.key.sk != id.as_str()).map(|holder| holder.record.before))
}

async fn make<D: Directory>(directory: &D, grant: &Grant) -> Result<(), Fault> {
    let GrantKind::Mailbox { mailbox, grantee, before } = &grant.what else { return Ok(()) };
    let mut all = before.clone();
    if !all.iter().any(|one| one == FULL_ACCESS) {
        all.push(FULL_ACCESS.to_owned());
    }
    directory.permit(mailbox, grantee, &all).await
}

/// Makes the migration's role, or lets it open one mailbox more. What it shall open is recorded first.
async fn role<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    mailbox: &str,
) -> Result<Timestamp, Fault> {
    let id = &migration.id;
    let (key, name) = (keys::grant(id, ROLE), format!("mailcrane-{id}"));
    let mine = reach::opened(world, directory, mailbox).await?;
    let wide = reach::opens_all(migration.accounts);
    let known = ledger::find::<Grant>(world.table(), &key).await?.map(|known| known.record);
    let standing = known.filter(|grant| grant.revoked.is_none());
    if let Some(GrantKind::Role { id: Some(_), mailboxes, .. }) = standing.as_ref().map(|grant| &grant.what)
        && (mailboxes.is_empty() || !wide)
        && let Some(since) = reach::since(mailboxes, &mine, standing.as_ref().map(|grant| grant.granted))
    {
        return Ok(since);
    }
    let first = standing.is_none();
    let wanted = match (wide, first) {
        (true, _) => Vec::new(),
        (false, true) => reach::of_migration(world, directory, migration, mine).await?,
        (false, false) => vec![mine],
    };
    let what = GrantKind::Role { name: name.clone(), id: None, mailboxes: wanted.clone() };
    let fresh = Grant { v: 1, what, email: String::new(), granted: world.now(), revoked: None, revoke_at: None };
    ledger::create(world.table(), key.clone(), fresh.clone()).await?;
    let mut grant = ledger::update::<Grant>(world.table(), &key, |grant| {
        if grant.revoked.is_some() {
            *grant = fresh.clone();
        } else if let GrantKind::Role { mailboxes, .. } = &mut grant.what {
            *mailboxes = reach::joined(mailboxes, &wanted);
        }
        Ok(Change::Write)
    })
    .await?
    .record;
    // Whoever changed the role meanwhile may have been overtaken: what is recorded in the end is what it opens.
    loop {
        let GrantKind::Role { mailboxes, .. } = grant.what.clone() else { return Ok(grant.granted) };
        let entities: Vec<String> = mailboxes.iter().map(|one| one.entity.clone()).collect();
        let made = match directory.roles(&name).await?.into_iter().next() {
            Some(made) => directory.update_role(&made, &name, &entities).await.map(|()| made)?,
            None => directory.create_role(&name, &entities).await?,
        };
        grant = ledger::update::<Grant>(world.table(), &key, |grant| {
            if let GrantKind::Role { id, .. } = &mut grant.what {
                *id = Some(made.clone());
            }
            Ok(Change::Write)
        })
        .await?
        .record;
        if matches!(&grant.what, GrantKind::Role { mailboxes: now, .. } if *now == mailboxes) {
            return Ok(grant.spreads_from());
        }
    }
}

/// Takes back every permission of a migration and returns how many could not be taken back yet; those are due
/// again, for the sweeper. Twice is once.
///
/// # Errors
/// The faults of the table; a fault of the directory only leaves a permission open.
pub async fn revoke_all<W: World, D: Directory>(world: &W, directory: &D, id: &MigrationId) -> Result<usize, Fault> {
    revoke_until(world, directory, id, Timestamp::MAX).await
}

/// Does what [`revoke_all`] does, but begins no other permission after that time; what is left counts as open.
///
/// # Errors
/// As [`revoke_all`].
pub async fn revoke_until<W: World, D: Directory>(
    world: &W,
    directory: &D,
    id: &MigrationId,
    stop_at: Timestamp,
) -> Result<usize, Fault> {
    let partition = keys::migration_partition(id);
    let mut open: usize = 0;
    let mut after = Some(watch(id).sk);
    loop {
        let (grants, next) = ledger::page::<Grant>(world.table(), &partition, "GRANT#", after.as_deref(), 100).await?;
        for grant in grants.into_iter().filter(|grant| grant.record.revoked.is_none()) {
            let done = world.now() < stop_at && revoke(world, directory, id, grant).await?;
            open = open.saturating_add(usize::from(!done));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(open),
        }
    }
}

/// Looks after what the sweeper found due: the look-out of a migration, or one permission that could not be taken
/// back. Permissions of a migration whose pass is over are taken back; a later delta makes them again.
///
/// # Errors
/// The faults of the table.
pub async fn look_after<W: World, D: Directory>(
    world: &W,
    directory: &D,
    key: &Key,
    stop_at: Timestamp,
) -> Result<(), Fault> {
    let Some(id) = key.pk.strip_prefix("M#").and_then(|id| MigrationId::new(id).ok()) else { return Ok(()) };
    if *key != watch(&id) {
        if let Some(grant) = ledger::find::<Grant>(world.table(), key).await? {
            revoke(world, directory, &id, grant).await?;
        }
        return Ok(());
    }
    let migration = ledger::find::<Migration>(world.table(), &keys::migration(&id)).await?;
    let over = migration.is_none_or(|migration| is_over(&migration.record));
    let open = if over { revoke_until(world, directory, &id, stop_at).await? } else { 1 };
    if open == 0 {
        let gone = world.table().write(Write::Delete(watch(&id), Expect::Anything)).await;
        return gone.map_err(|error| Fault::from(ledger::LedgerError::from(error)));
    }
    let look_at = later(world.now(), world.times().arrival);
    let again = ledger::update::<Watch>(world.table(), key, |watch| {
        watch.look_at = look_at;
        Ok(Change::Write)
    });
    again.await.map(|_| ()).map_err(Fault::from)
}

/// Permissions are needed as long as a pass or an undo is under way.
fn is_over(migration: &Migration) -> bool {
    let rests = matches!(
        migration.state,
        MigrationState::Finished
            | MigrationState::FinishedWithErrors
            | MigrationState::Failed
            | MigrationState::Cancelled
            | MigrationState::Erasing
            | MigrationState::Erased
    );
    rests && migration.undoing == 0
}

/// Takes back one permission; `false` when the directory refused for now and the sweeper tries again.
///
/// # Errors
/// The faults of the table.
pub async fn revoke<W: World, D: Directory>(
    world: &W,
    directory: &D,
    id: &MigrationId,
    mut grant: Versioned<Grant>,
) -> Result<bool, Fault> {
    if grant.record.revoked.is_some() {
        return Ok(true);
    }
    let undone = undo(world, directory, id, &grant.record).await;
    let done = undone.is_ok();
    match undone {
        Ok(()) => {
            grant.record.revoked = Some(world.now());
            grant.record.revoke_at = None;
        }
        Err(fault) => {
            let error = &fault as &dyn std::error::Error;
            tracing::warn!(migration.id = %id, error, "a permission could not be taken back yet");
            grant.record.revoke_at = Some(later(world.now(), world.times().propagation));
        }
    }
    match ledger::put(world.table(), &mut grant).await {
        Err(error) if error.is_conflict() => Ok(done),
        other => other.map(|()| done).map_err(Fault::from),
    }
}

async fn undo<W: World, D: Directory>(world: &W, directory: &D, id: &MigrationId, grant: &Grant) -> Result<(), Fault> {
    match &grant.what {
        GrantKind::Mailbox { mailbox, grantee, before } => {
            if others(world, mailbox, id).await?.is_none() {
                gone_is_fine(directory.permit(mailbox, grantee, before).await)?;
            }
            let mine = Key::new(holders(mailbox), id.as_str());
            let deleted = world.table().write(Write::Delete(mine, Expect::Anything)).await;
            deleted.map_err(|error| Fault::from(ledger::LedgerError::from(error)))
        }
        GrantKind::Role { name, id, .. } => {
            let mut roles = directory.roles(name).await?;
            roles.extend(id.iter().filter(|id| !roles.contains(id)).cloned().collect::<Vec<_>>());
            for role in roles {
                directory.delete_role(&role).await?;
            }
            Ok(())
        }
    }
}

/// A mailbox that was deleted has no permissions any more.
fn gone_is_fine(result: Result<(), Fault>) -> Result<(), Fault> {
    result.or_else(|fault| if fault.code == "destination.no_such_mailbox" { Ok(()) } else { Err(fault) })
}

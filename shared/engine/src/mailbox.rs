//! Mailboxes that the operator has created at the destination: intended, made, recorded; and the passwords of their
//! users, which are told once and kept nowhere.

use crate::ledger::{self, LedgerError};
use crate::world::{World, later};
use mailcrane_core::ports::directory::{Directory, NewUser};
use mailcrane_core::ports::table::{Expect, Table as _, TableError, Write};
use mailcrane_core::record::{CreatedMailbox, DestinationKind, Migration, Versioned, keys};
use mailcrane_core::secret::Secret;
use mailcrane_core::{Fault, Timestamp};
use std::time::Duration;

/// A mailbox that is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMailbox {
    /// The address.
    pub email: String,
    /// The user who gets it.
    pub user: NewUser,
}

/// What became of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is there and ready; this migration did not create it.
    Exists,
    /// It was created by an earlier request, which told the password.
    Before,
    /// It was created, and its user has the password that was given.
    Created,
}

/// Creates the mailbox of an account with a user of that password, unless there is one. A request that was broken off
/// is taken up where it stood, with the new password.
///
/// # Errors
/// `destination.not_permitted` for a migration that the operator did not create, `mailbox.busy` while another request
/// works on the same one, and the faults of the directory and the table. After `RetryAfter` the same may be asked again.
pub async fn create<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    wanted: &NewMailbox,
    password: &Secret,
) -> Result<Made, Fault> {
    permitted(migration)?;
    let key = keys::created_mailbox(&migration.id, &wanted.email);
    let known = ledger::find::<CreatedMailbox>(world.table(), &key).await?;
    if known.as_ref().is_some_and(|known| known.record.told.is_some()) {
        return Ok(Made::Before);
    }
    let mut work = match known {
        Some(known) => Work { world, directory, doubt: Doubt::Open, item: taken(world, known).await? },
        None => {
            if there(directory, wanted).await? {
                return Ok(Made::Exists);
            }
            Work { world, directory, doubt: Doubt::None, item: intended(world, migration, wanted).await? }
        }
    };
    let made = work.make(wanted, password).await;
    if made.is_err() {
        work.put_down().await;
    }
    made
}

/// Gives the user of a mailbox that this migration created another password.
///
/// # Errors
/// `mailbox.not_ours` for every other mailbox, `mailbox.unfinished` for one that is not there yet, else as [`create`].
pub async fn reset_password<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    email: &str,
    password: &Secret,
) -> Result<(), Fault> {
    permitted(migration)?;
    let key = keys::created_mailbox(&migration.id, email);
    let known = ledger::find::<CreatedMailbox>(world.table(), &key).await?.ok_or_else(not_ours)?;
    let Some(entity) = known.record.entity.clone().filter(|_| known.record.registered.is_some()) else {
        return Err(Fault::give_up("mailbox.unfinished", "the mailbox is not there yet; create it first"));
    };
    let mut item = taken(world, known).await?;
    item.record.told = Some(world.now());
    ledger::put(world.table(), &mut item).await?;
    let mut work = Work { world, directory, doubt: Doubt::Open, item };
    let reset = directory.reset_password(&entity, password).await;
    work.put_down().await;
    reset
}

/// Returns when a mailbox was created, if this migration did that and it may not be ready for that reason.
///
/// # Errors
/// The faults of the table.
pub async fn created<W: World>(
    world: &W,
    migration: &Migration,
    email: &str,
) -> Result<Option<Timestamp>, LedgerError> {
    let key = keys::created_mailbox(&migration.id, email);
    Ok(ledger::find::<CreatedMailbox>(world.table(), &key).await?.and_then(|known| known.record.registered))
}

fn permitted(migration: &Migration) -> Result<(), Fault> {
    if !matches!(migration.destination, DestinationKind::Workmail { .. }) {
        let text = "mailboxes are created in WorkMail alone; the destination of this migration is another server";
        return Err(Fault::give_up("mailbox.not_workmail", text));
    }
    if !migration.by_operator {
        let text = "mailboxes are created only for a migration that the operator created";
        return Err(Fault::give_up("destination.not_permitted", text));
    }
    Ok(())
}

fn not_ours() -> Fault {
    let text = "this migration did not create the mailbox; reset its password in the WorkMail console";
    Fault::give_up("mailbox.not_ours", text)
}

fn busy() -> Fault {
    let text = "another request is creating this mailbox; try again in a moment";
    Fault::retry(Duration::from_secs(5), "mailbox.busy", text)
}

/// Tells whether the mailbox is there; nothing is begun where a user stands in the way.
async fn there<D: Directory>(directory: &D, wanted: &NewMailbox) -> Result<bool, Fault> {
    match directory.mailbox(&wanted.email).await {
        Ok(info) if info.ready => return Ok(true),
        Ok(_) => {
            let text = "WorkMail has a user of that address who has no mailbox now; enable the user in its console";
            return Err(Fault::give_up("destination.mailbox_disabled", text));
        }
        Err(fault) if fault.code == "destination.no_such_mailbox" => {}
        Err(fault) => return Err(fault),
    }
    match directory.user(&wanted.user.name).await? {
        None => Ok(false),
        Some(_) => Err(name_taken(&wanted.user.name)),
    }
}

fn name_taken(name: &str) -> Fault {
    let text = format!(
        "the organisation has a user {name:?} already; give another user name, or enable that user in the WorkMail \
         console if it is the right one"
    );
    Fault::give_up("destination.user_name_taken", text)
}

/// Records what is about to be created.
async fn intended<W: World>(
    world: &W,
    migration: &Migration,
    wanted: &NewMailbox,
) -> Result<Versioned<CreatedMailbox>, Fault> {
    let record = CreatedMailbox {
        v: 1,
        email: wanted.email.clone(),
        user: wanted.user.name.clone(),
        intended: world.now(),
        entity: None,
        registered: None,
        told: None,
        busy: Some(later(world.now(), world.times().lease)),
    };
    let mut item = Versioned::fresh(keys::created_mailbox(&migration.id, &wanted.email), record);
    match ledger::put(world.table(), &mut item).await {
        Err(error) if error.is_conflict() => Err(busy()),
        other => other.map(|()| item).map_err(Fault::from),
    }
}

/// Takes the right to work on a mailbox, for as long as a lease lasts.
async fn taken<W: World>(world: &W, mut item: Versioned<CreatedMailbox>) -> Result<Versioned<CreatedMailbox>, Fault> {
    if item.record.busy.is_some_and(|until| until > world.now()) {
        return Err(busy());
    }
    item.record.busy = Some(later(world.now(), world.times().lease));
    match ledger::put(world.table(), &mut item).await {
        Err(error) if error.is_conflict() => Err(busy()),
        other => other.map(|()| item).map_err(Fault::from),
    }
}

/// Whether a request before this one may have created the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    Open,
}

/// Which password the user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    Ours,
    Unknown,
}

/// One request at work on one mailbox. Every write finds the version that the one before left, so that whoever was
/// overtaken tells no password.
struct Work<'a, W, D> {
    world: &'a W,
    directory: &'a D,
    doubt: Doubt,
    item: Versioned<CreatedMailbox>,
}

impl<W: World, D: Directory> Work<'_, W, D> {
    async fn make(&mut self, wanted: &NewMailbox, password: &Secret) -> Result<Made, Fault> {
        let (entity, has) = match self.item.record.entity.clone() {
            Some(entity) => (entity, Has::Unknown),
            None => self.user(wanted, password).await?,
        };
        self.item.record.entity = Some(entity.clone());
        self.record().await?;
        if self.item.record.registered.is_none() {
            self.register(&entity, &wanted.email).await?;
            self.item.record.registered = Some(self.world.now());
            self.record().await?;
        }
        if has == Has::Unknown {
            self.directory.reset_password(&entity, password).await?;
        }
        self.item.record.told = Some(self.world.now());
        self.item.record.busy = None;
        self.record().await?;
        Ok(Made::Created)
    }

    /// Creates the user, or finds the one that an earlier request created.
    async fn user(&mut self, wanted: &NewMailbox, password: &Secret) -> Result<(String, Has), Fault> {
        // What was intended is what may be there already, whatever is wanted now.
        let user = NewUser { name: self.item.record.user.clone(), ..wanted.user.clone() };
        if self.doubt == Doubt::Open
            && let Some(entity) = self.ours(&user.name).await?
        {
            return Ok((entity, Has::Unknown));
        }
        match self.directory.create_user(&user, password).await {
            Ok(entity) => Ok((entity, Has::Ours)),
            Err(fault) if fault.code == "destination.user_name_taken" && self.doubt == Doubt::Open => {
                let found = self.ours(&user.name).await?.ok_or(fault)?;
                Ok((found, Has::Unknown))
            }
            Err(fault) => {
                if matches!(fault.remedy, mailcrane_core::Remedy::GiveUp) && self.doubt == Doubt::None {
                    self.forget().await;
                }
                Err(fault)
            }
        }
    }

    /// Returns the user of an earlier request: nobody had the name before it, and who has a mailbox is somebody else.
    async fn ours(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let Some(found) = self.directory.user(name).await? else { return Ok(None) };
        if !found.enabled {
            return Ok(Some(found.entity));
        }
        self.forget().await;
        Err(name_taken(name))
    }

    async fn register(&self, entity: &str, email: &str) -> Result<(), Fault> {
        let fault = match self.directory.register(entity, email).await {
            Ok(()) => return Ok(()),
            Err(fault) if fault.code == "destination.already_registered" => fault,
            Err(fault) => return Err(fault),
        };
        let found = self.directory.user(entity).await?;
        let has_it = found.and_then(|user| user.email).is_some_and(|known| known.eq_ignore_ascii_case(email));
        if has_it { Ok(()) } else { Err(fault) }
    }

    async fn record(&mut self) -> Result<(), Fault> {
        match ledger::put(self.world.table(), &mut self.item).await {
            Err(error) if error.is_conflict() => Err(busy()),
            other => other.map_err(Fault::from),
        }
    }

    /// Lets the next request begin at once.
    async fn put_down(&mut self) {
        self.item.record.busy = None;
        let kept = ledger::put(self.world.table(), &mut self.item).await;
        note(kept.map_err(|error| if error.is_conflict() { None } else { Some(error) }));
    }

    /// Forgets an intention that came to nothing.
    async fn forget(&mut self) {
        let delete = Write::Delete(self.item.key.clone(), Expect::Version(self.item.version));
        let gone = self.world.table().write(delete).await;
        // Whoever puts this down afterwards finds it gone.
        note(gone.map_err(|error| if matches!(error, TableError::Conflict) { None } else { Some(error.into()) }));
    }
}

fn note(outcome: Result<(), Option<LedgerError>>) {
    if let Err(Some(error)) = outcome {
        tracing::warn!(error = &error as &dyn std::error::Error, "a mailbox stays reserved for a while");
    }
}

#[cfg(test)]
mod tests;

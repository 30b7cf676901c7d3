//! Which mailboxes an impersonation role opens: those of its migration by name, or all when they are too many.

use crate::ledger;
use crate::world::World;
use futures_util::{StreamExt as _, stream};
use mailcrane_core::Fault;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::directory::{Directory, MailboxInfo};
use mailcrane_core::record::{Access, Account, DestinationKind, Migration, Opened, SourceAuth, keys};

/// A role takes at most 10 rules of 10 mailboxes.
const NAMED: usize = 100;

/// How many mailboxes are looked up at the same time.
const LOOK_UPS: usize = 4;

/// Tells whether the role of so many accounts cannot name its mailboxes and opens every mailbox.
#[must_use]
pub(super) fn opens_all(accounts: u32) -> bool {
    usize::try_from(accounts).map_or(true, |accounts| accounts > NAMED)
}

/// Looks a mailbox up that can be written into.
pub(super) async fn ready<D: Directory>(directory: &D, mailbox: &str) -> Result<MailboxInfo, Fault> {
    let info = directory.mailbox(mailbox).await?;
    if info.ready {
        return Ok(info);
    }
    let text = "the mailbox is not enabled yet; enable the user in WorkMail and check again";
    Err(Fault::give_up("destination.not_ready", text))
}

/// Looks up what a rule needs of a mailbox.
pub(super) async fn opened<W: World, D: Directory>(world: &W, directory: &D, mailbox: &str) -> Result<Opened, Fault> {
    let MailboxInfo { entity, email, .. } = ready(directory, mailbox).await?;
    Ok(Opened { entity, email, entered: mailbox.to_lowercase(), granted: world.now() })
}

/// Returns the mailboxes of all accounts, this one certainly among them. One that cannot be looked up now is added by
/// its own check.
pub(super) async fn of_migration<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    mine: Opened,
) -> Result<Vec<Opened>, Fault> {
    let mut names = Vec::new();
    for bucket in 0..migration.accounts.div_ceil(250) {
        let accounts = ledger::all::<Account>(world.table(), &keys::bucket(&migration.id, bucket), "A#").await?;
        let accounts = accounts.iter().filter(|account| !account.record.removed);
        names.extend(accounts.flat_map(|account| impersonated(migration, &account.record)).cloned());
    }
    names.retain(|name| name.to_lowercase() != mine.entered);
    let found: Vec<_> =
        stream::iter(&names).map(|name| opened(world, directory, name)).buffered(LOOK_UPS).collect().await;
    let found: Vec<Opened> = found.into_iter().filter_map(Result::ok).collect();
    // No other mailbox does not mean every mailbox.
    Ok(if found.is_empty() { vec![mine] } else { joined(&[mine], &found) })
}

/// Returns the mailboxes of an account that are opened by the role.
fn impersonated<'a>(migration: &Migration, account: &'a Account) -> impl Iterator<Item = &'a String> + use<'a> {
    let written = migration.destination == DestinationKind::Workmail { access: Access::Impersonation };
    let read = account.source.auth == SourceAuth::Workmail(Access::Impersonation);
    let destination = written.then_some(&account.destination.mailbox);
    destination.into_iter().chain(read.then_some(&account.source.user))
}

/// Joins what a role opens with what it shall open; empty means all, and so do more than it can name.
pub(super) fn joined(known: &[Opened], more: &[Opened]) -> Vec<Opened> {
    if known.is_empty() || more.is_empty() {
        return Vec::new();
    }
    let mut all = known.to_vec();
    for one in more {
        if all.iter().any(|known| known.entity == one.entity && known.entered == one.entered) {
            continue;
        }
        all.retain(|known| known.entered != one.entered);
        all.push(one.clone());
    }
    if all.len() > NAMED { Vec::new() } else { all }
}

/// Returns since when a role opens the mailbox; nothing when it does not.
pub(super) fn since(opens: &[Opened], mailbox: &Opened, all_since: Option<Timestamp>) -> Option<Timestamp> {
    if opens.is_empty() {
        return all_since;
    }
    let same = |one: &&Opened| one.entity == mailbox.entity && one.entered == mailbox.entered;
    opens.iter().find(same).and_then(|_| opens.iter().map(|one| one.granted).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(no: usize) -> Opened {
        let name = format!("m{no}@example.org");
        Opened { entity: format!("e{no}"), entered: name.clone(), email: name, granted: Timestamp::UNIX_EPOCH }
    }

    fn many(count: usize) -> Vec<Opened> {
        (0..count).map(one).collect()
    }

    #[test]
    fn up_to_a_hundred_mailboxes_are_named() {
        assert_eq!([1, 100, 101].map(opens_all), [false, false, true]);
        assert_eq!(joined(&many(99), &[one(99)]).len(), 100);
        assert!(joined(&many(100), &[one(100)]).is_empty());
    }

    #[test]
    fn a_role_for_all_stays_one_for_all() {
        assert!(joined(&[], &[one(1)]).is_empty());
        assert!(joined(&[one(1)], &[]).is_empty());
    }

    #[test]
    fn a_mailbox_is_named_once_and_a_new_one_of_the_same_address_takes_its_place() {
        assert_eq!(joined(&many(3), &[one(1)]), many(3));
        let moved = Opened { entity: "other".into(), ..one(1) };
        assert_eq!(joined(&many(2), std::slice::from_ref(&moved)), [one(0), moved]);
    }

    #[test]
    fn what_a_role_does_not_name_it_does_not_open() {
        let all = Some(Timestamp::MAX);
        assert_eq!(since(&many(2), &one(2), all), None);
        assert_eq!(since(&many(2), &one(1), all), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(since(&[], &one(1), all), all);
    }
}

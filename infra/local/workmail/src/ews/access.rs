//! Who asks, in which way, and which mailboxes are open to that.

use rusqlite::Connection;

use super::answer::{ItemError, fail};
use super::ids::{self, Id};
use crate::store::folder::{self, Folder};
use crate::store::item::{self, Item};
use crate::store::permission;
use crate::store::role::Role;
use crate::store::user::{self, User};
use crate::xml::Element;

/// Who signed in.
#[derive(Debug, Clone)]
pub enum Principal {
    /// A user with password.
    User(User),
    /// A token of an impersonation role.
    Role(Role),
}

/// A principal together with the mailbox it acts for.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who signed in.
    pub principal: Principal,
    /// The impersonated user.
    pub impersonated: Option<User>,
}

impl Access {
    /// Names who signed in.
    pub fn name(&self) -> String {
        match &self.principal {
            Principal::User(user) => user.email.clone().unwrap_or_else(|| user.name.clone()),
            Principal::Role(role) => format!("role:{}", role.id),
        }
    }

    /// Says whether nothing may be changed.
    pub fn is_read_only(&self) -> bool {
        matches!(&self.principal, Principal::Role(role) if role.kind == "READ_ONLY")
    }

    fn acting(&self) -> Option<&User> {
        match (&self.impersonated, &self.principal) {
            (Some(user), _) | (None, Principal::User(user)) => Some(user),
            _ => None,
        }
    }

    /// Says in which way a mailbox is used: `user`, `administrator` or `impersonation`.
    pub fn way(&self, mailbox: Option<i64>) -> &'static str {
        match (&self.principal, mailbox) {
            (Principal::Role(_), _) => "impersonation",
            (Principal::User(user), Some(no)) if no != user.no => "administrator",
            _ => "user",
        }
    }

    /// Finds the mailbox named in a request, or the own one, and checks that it may be used.
    pub fn mailbox(&self, c: &Connection, address: Option<&str>) -> Result<User, ItemError> {
        let found = match (address, self.acting()) {
            (Some(address), _) => match user::by_email(c, address)? {
                Some(user) => user,
                None if user::by_alias(c, address)?.is_some() => {
                    return fail(
                        "ErrorNonPrimarySmtpAddress",
                        "The primary SMTP address must be specified when referencing a mailbox.",
                    );
                }
                None => return fail("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."),
            },
            (None, Some(user)) => user.clone(),
            (None, None) => return fail("ErrorAccessDenied", "No mailbox was named."),
        };
        self.open(c, found)
    }

    fn open(&self, c: &Connection, owner: User) -> Result<User, ItemError> {
        if !owner.is_enabled() {
            return match owner.deprovisioned_ms.or(owner.disabled_ms) {
                Some(_) => fail("ErrorAccountDisabled", "The account is disabled."),
                None => fail("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."),
            };
        }
        let acting = self.acting();
        let own = acting.is_some_and(|user| user.no == owner.no);
        if own || acting.map_or(Ok(false), |user| permission::has_full_access(c, owner.no, user.no))? {
            Ok(owner)
        } else {
            fail("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        }
    }

    /// Finds the folder that a `FolderId` or `DistinguishedFolderId` names.
    pub fn folder(&self, c: &Connection, id: &Element) -> Result<Folder, ItemError> {
        let name = id.attribute("Id").unwrap_or_default();
        if id.name == "DistinguishedFolderId" {
            let owner = self.mailbox(c, id.at(&["Mailbox", "EmailAddress"]).map(|e| e.text.trim()))?;
            return folder::by_role(c, owner.no, name)?.map_or_else(
                || fail("ErrorFolderNotFound", "The specified folder could not be found in the store."),
                Ok,
            );
        }
        match ids::parse(name) {
            Some(Id::Folder { mailbox, folder }) => {
                self.owner(c, mailbox)?;
                let found = folder::get(c, folder)?.filter(|f| f.mailbox == mailbox);
                found.map_or_else(
                    || fail("ErrorFolderNotFound", "The specified folder could not be found in the store."),
                    Ok,
                )
            }
            Some(Id::Item { .. }) => fail("ErrorCannotUseItemIdForFolderId", "An item's Id was used for a folder."),
            None => fail("ErrorInvalidIdMalformed", "Id is malformed."),
        }
    }

    /// Finds the item that an `ItemId` names.
    pub fn item(&self, c: &Connection, id: &Element) -> Result<Item, ItemError> {
        match ids::parse(id.attribute("Id").unwrap_or_default()) {
            Some(Id::Item { mailbox, item, moves }) => {
                self.owner(c, mailbox)?;
                let found = item::get(c, item)?.filter(|i| i.mailbox == mailbox && i.moves == moves);
                found.map_or_else(|| fail("ErrorItemNotFound", "The specified object was not found in the store."), Ok)
            }
            Some(Id::Folder { .. }) => fail("ErrorCannotUseFolderIdForItemId", "A folder's Id was used for an item."),
            None => fail("ErrorInvalidIdMalformed", "Id is malformed."),
        }
    }

    /// Finds whose mailbox an identity is in; what it names need not be there any more.
    pub fn owner_of(&self, c: &Connection, identity: &str) -> Result<User, ItemError> {
        match ids::parse(identity) {
            Some(Id::Folder { mailbox, .. } | Id::Item { mailbox, .. }) => self.owner(c, mailbox),
            None => fail("ErrorInvalidIdMalformed", "Id is malformed."),
        }
    }

    fn owner(&self, c: &Connection, mailbox: i64) -> Result<User, ItemError> {
        match user::by_no(c, mailbox)? {
            Some(owner) => self.open(c, owner),
            None => fail("ErrorNonExistentMailbox", "The mailbox is gone."),
        }
    }

    /// Finds whose mailbox a request is about without checking anything: the first one named, else the own one.
    pub fn target(&self, c: &Connection, body: &Element) -> Option<User> {
        named_mailbox(c, body).or_else(|| self.acting().cloned())
    }
}

fn named_mailbox(c: &Connection, element: &Element) -> Option<User> {
    let own = match element.name.as_str() {
        "FolderId" | "ItemId" | "AlternateId" => match ids::parse(element.attribute("Id")?)? {
            Id::Folder { mailbox, .. } | Id::Item { mailbox, .. } => user::by_no(c, mailbox).ok().flatten(),
        },
        "DistinguishedFolderId" => {
            let address = element.at(&["Mailbox", "EmailAddress"])?.text.trim();
            user::by_email(c, address).ok().flatten()
        }
        "Message" => return None,
        _ => None,
    };
    own.or_else(|| element.children.iter().find_map(|child| named_mailbox(c, child)))
}

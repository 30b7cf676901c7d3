//! The directory of destinations: who has a mailbox, and the permission to write into it.

use crate::fault::Fault;
use crate::secret::Secret;
use std::future::Future;

/// What the directory knows of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxInfo {
    /// The entity id of the user.
    pub entity: String,
    /// The primary e-mail address; the only one that EWS takes.
    pub email: String,
    /// Whether the mailbox is enabled and provisioned.
    pub ready: bool,
    /// The quota in octets, when known.
    pub quota: Option<u64>,
    /// What is used of it in octets, when known.
    pub used: Option<u64>,
}

/// A user who is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name to sign in with.
    pub name: String,
    /// What others see.
    pub display_name: String,
}

/// What the directory knows of a user, with or without a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The entity id.
    pub entity: String,
    /// The primary address, when the user has or had a mailbox.
    pub email: Option<String>,
    /// Whether the user has a mailbox now.
    pub enabled: bool,
}

/// The permissions that one grantee has on a mailbox, in the directory's own words.
pub type Permissions = Vec<String>;

/// The WorkMail API, as far as a migration needs it.
pub trait Directory: Send + Sync {
    /// Looks a mailbox up by its address; the fault `destination.no_such_mailbox` when there is none.
    fn mailbox(&self, email: &str) -> impl Future<Output = Result<MailboxInfo, Fault>> + Send;

    /// Returns the migration administrator's address: the configured one, else the organisation's.
    fn administrator(&self) -> impl Future<Output = Result<MailboxInfo, Fault>> + Send;

    /// Returns what the grantee may do with the mailbox now; empty when nothing.
    fn permissions(&self, mailbox: &str, grantee: &str) -> impl Future<Output = Result<Permissions, Fault>> + Send;

    /// Gives the grantee exactly these permissions on the mailbox; none takes all away. Twice is once.
    fn permit(
        &self,
        mailbox: &str,
        grantee: &str,
        permissions: &[String],
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes an impersonation role for these mailboxes (entity ids; empty means all) and returns its id.
    fn create_role(&self, name: &str, mailboxes: &[String]) -> impl Future<Output = Result<String, Fault>> + Send;

    /// Lets a role open these mailboxes (entity ids; empty means all) and no others. Twice is once.
    fn update_role(
        &self,
        role: &str,
        name: &str,
        mailboxes: &[String],
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Deletes a role. Twice is once.
    fn delete_role(&self, role: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Returns the ids of the roles of that name.
    fn roles(&self, name: &str) -> impl Future<Output = Result<Vec<String>, Fault>> + Send;

    /// Returns a token for a role, valid for 15 minutes.
    fn assume(&self, role: &str) -> impl Future<Output = Result<Secret, Fault>> + Send;

    /// Looks a user up by the name to sign in with or by the entity id; nothing when there is none.
    fn user(&self, name: &str) -> impl Future<Output = Result<Option<UserInfo>, Fault>> + Send;

    /// Creates a user, without a mailbox yet, and returns the entity id. Asked once and never again by itself: after a
    /// fault with the remedy `GiveUp` there is no such user of ours, after `RetryAfter` there may be.
    ///
    /// A name that somebody has is the fault `destination.user_name_taken`.
    fn create_user(&self, user: &NewUser, password: &Secret) -> impl Future<Output = Result<String, Fault>> + Send;

    /// Gives a user (entity id) a mailbox of that address, which costs money. One who has a mailbox already is the
    /// fault `destination.already_registered`.
    fn register(&self, user: &str, email: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives a user (entity id) another password.
    fn reset_password(&self, user: &str, password: &Secret) -> impl Future<Output = Result<(), Fault>> + Send;
}

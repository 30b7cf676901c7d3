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
}

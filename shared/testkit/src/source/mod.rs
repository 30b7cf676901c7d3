//! Sources in memory: mailboxes that a test fills and changes, read through sessions.

mod mailbox;
mod session;

pub use mailbox::{Mailbox, Message};
pub use session::MemorySource;

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::ports::source::{Credentials, Endpoint, Sources};
use mailcrane_core::record::Allowance;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The mailboxes of one server, by their users. Clones are the same server.
#[derive(Debug, Clone)]
pub struct MemorySources {
    plan: FaultPlan,
    users: Arc<Mutex<BTreeMap<String, User>>>,
    allowance: Arc<Mutex<Allowance>>,
}

#[derive(Debug, Default)]
struct User {
    /// What lets in; nothing lets everybody in.
    password: Option<String>,
    mailbox: Mailbox,
}

impl MemorySources {
    /// Returns a server without mailboxes.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), users: Arc::default(), allowance: Arc::default() }
    }

    /// Returns the mailbox of a user; a new one holds an empty INBOX and lets everybody in.
    #[must_use]
    pub fn mailbox(&self, user: &str) -> Mailbox {
        locked(&self.users).entry(user.to_owned()).or_default().mailbox.clone()
    }

    /// Sets what the provider allows.
    pub fn allow(&self, allowance: Allowance) {
        *locked(&self.allowance) = allowance;
    }

    pub(crate) fn allowance(&self) -> Allowance {
        *locked(&self.allowance)
    }

    /// Lets only that password in: the user's, the administrator's or the token.
    pub fn password(&self, user: &str, password: &str) {
        locked(&self.users).entry(user.to_owned()).or_default().password = Some(password.to_owned());
    }

    /// Opens a session without looking at credentials.
    ///
    /// # Errors
    /// `source.wrong_password` when there is no such user, and what the plan wants.
    pub async fn enter(&self, user: &str) -> Result<MemorySource, Fault> {
        let lost = || lost("the connection could not be made, as planned");
        let found = || locked(&self.users).get(user).map(|u| u.mailbox.clone()).ok_or_else(wrong_password);
        let mailbox = self.plan.call(Port::Ends, "source", lost, found).await?;
        Ok(MemorySource::new(&self.plan, mailbox))
    }
}

fn wrong_password() -> Fault {
    Fault::give_up("source.wrong_password", "The server does not accept user and password; enter them again")
}

/// The connection is gone; another one may work at once.
fn lost(message: &str) -> Fault {
    Fault::retry(Duration::from_secs(1), "source.connection_lost", message)
}

impl Sources for MemorySources {
    type Session = MemorySource;

    async fn open(&self, _endpoint: &Endpoint, credentials: &Credentials) -> Result<MemorySource, Fault> {
        let (user, secret) = match credentials {
            Credentials::Password { user, password } => (user, password),
            Credentials::Administrator { user, admin_password, .. } => (user, admin_password),
            Credentials::Token { user, token } => (user, token),
        };
        let expected = locked(&self.users).get(user).and_then(|u| u.password.clone());
        if expected.is_some_and(|password| password != secret.expose()) {
            return Err(wrong_password());
        }
        self.enter(user).await
    }
}

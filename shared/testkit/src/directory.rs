//! A directory in memory: who has a mailbox, and who may write into it.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use mailcrane_core::Fault;
use mailcrane_core::ports::directory::{Directory, MailboxInfo, NewUser, Permissions, UserInfo};
use mailcrane_core::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A directory in memory. Clones are the same directory.
#[derive(Debug, Clone)]
pub struct MemoryDirectory {
    plan: FaultPlan,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    mailboxes: BTreeMap<String, MailboxInfo>,
    administrator: Option<String>,
    permissions: BTreeMap<(String, String), Permissions>,
    roles: BTreeMap<String, (String, Vec<String>)>,
    users: BTreeMap<String, MadeUser>,
    born: u32,
}

/// A user who was created, by the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeUser {
    /// The entity id.
    pub entity: String,
    /// The password that is good.
    pub password: String,
    /// The address of the mailbox, once there is one.
    pub email: Option<String>,
}

impl MemoryDirectory {
    /// Returns a directory without mailboxes.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), state: Arc::default() }
    }

    /// Adds a mailbox that is ready, and returns what is known of it.
    pub fn add(&self, email: &str) -> MailboxInfo {
        let mut state = locked(&self.state);
        state.born += 1;
        let entity = format!("entity-{:04}", state.born);
        let info = MailboxInfo { entity, email: email.to_owned(), ready: true, quota: None, used: None };
        state.mailboxes.insert(email.to_ascii_lowercase(), info.clone());
        info
    }

    /// Changes what is known of a mailbox.
    pub fn edit(&self, email: &str, edit: impl FnOnce(&mut MailboxInfo)) {
        locked(&self.state).mailboxes.get_mut(&email.to_ascii_lowercase()).map(edit);
    }

    /// Makes the owner of a mailbox the migration administrator.
    pub fn appoint(&self, email: &str) {
        locked(&self.state).administrator = Some(email.to_ascii_lowercase());
    }

    /// Returns every permission there is: mailbox and grantee (entity ids), and what is permitted.
    #[must_use]
    pub fn granted(&self) -> BTreeMap<(String, String), Permissions> {
        locked(&self.state).permissions.clone()
    }

    /// Returns every user who was created, by name.
    #[must_use]
    pub fn users(&self) -> BTreeMap<String, MadeUser> {
        locked(&self.state).users.clone()
    }

    /// Adds a user without a mailbox, whom somebody else made.
    pub fn add_user(&self, name: &str) {
        let mut state = locked(&self.state);
        state.born += 1;
        let entity = format!("entity-{:04}", state.born);
        state.users.insert(name.to_owned(), MadeUser { entity, password: "of somebody else".to_owned(), email: None });
    }

    /// Returns every impersonation role there is: id, name and mailboxes.
    #[must_use]
    pub fn standing_roles(&self) -> BTreeMap<String, (String, Vec<String>)> {
        locked(&self.state).roles.clone()
    }

    async fn call<T>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let text = "the directory did not answer, as planned";
        let lost = || Fault::retry(Duration::from_secs(1), "destination.directory_unavailable", text);
        self.plan.call(Port::Directory, method, lost, || effect(&mut locked(&self.state))).await
    }
}

impl State {
    /// Returns the entity id that an address or an entity id stands for.
    fn entity(&self, name: &str) -> Result<String, Fault> {
        let known = |info: &&MailboxInfo| info.entity == name || info.email.eq_ignore_ascii_case(name);
        self.mailboxes.values().find(known).map(|info| info.entity.clone()).ok_or_else(missing)
    }
}

fn missing() -> Fault {
    Fault::give_up("destination.no_such_mailbox", "The destination has no such mailbox; check the address")
}

impl Directory for MemoryDirectory {
    async fn mailbox(&self, email: &str) -> Result<MailboxInfo, Fault> {
        let name = email.to_ascii_lowercase();
        self.call("mailbox", |state| state.mailboxes.get(&name).cloned().ok_or_else(missing)).await
    }

    async fn administrator(&self) -> Result<MailboxInfo, Fault> {
        let none = || Fault::give_up("destination.no_administrator", "There is no migration administrator");
        self.call("administrator", |state| {
            let name = state.administrator.as_ref().ok_or_else(none)?;
            state.mailboxes.get(name).cloned().ok_or_else(none)
        })
        .await
    }

    async fn permissions(&self, mailbox: &str, grantee: &str) -> Result<Permissions, Fault> {
        self.call("permissions", |state| {
            let key = (state.entity(mailbox)?, state.entity(grantee)?);
            Ok(state.permissions.get(&key).cloned().unwrap_or_default())
        })
        .await
    }

    async fn permit(&self, mailbox: &str, grantee: &str, permissions: &[String]) -> Result<(), Fault> {
        self.call("permit", |state| {
            let key = (state.entity(mailbox)?, state.entity(grantee)?);
            if permissions.is_empty() {
                state.permissions.remove(&key);
            } else {
                state.permissions.insert(key, permissions.to_vec());
            }
            Ok(())
        })
        .await
    }

    async fn create_role(&self, name: &str, mailboxes: &[String]) -> Result<String, Fault> {
        self.call("create_role", |state| {
            state.born += 1;
            let id = format!("role-{:04}", state.born);
            state.roles.insert(id.clone(), (name.to_owned(), mailboxes.to_vec()));
            Ok(id)
        })
        .await
    }

    async fn update_role(&self, role: &str, name: &str, mailboxes: &[String]) -> Result<(), Fault> {
        let gone = || Fault::give_up("destination.no_such_role", "The impersonation role is gone");
        self.call("update_role", |state| {
            let known = state.roles.get_mut(role).ok_or_else(gone)?;
            *known = (name.to_owned(), mailboxes.to_vec());
            Ok(())
        })
        .await
    }

    async fn delete_role(&self, role: &str) -> Result<(), Fault> {
        self.call("delete_role", |state| {
            state.roles.remove(role);
            Ok(())
        })
        .await
    }

    async fn roles(&self, name: &str) -> Result<Vec<String>, Fault> {
        self.call("roles", |state| {
            Ok(state.roles.iter().filter(|(_, (n, _))| n == name).map(|(id, _)| id.clone()).collect())
        })
        .await
    }

    async fn assume(&self, role: &str) -> Result<Secret, Fault> {
        let gone = || Fault::give_up("destination.no_such_role", "The impersonation role is gone");
        self.call("assume", |state| {
            let found = state.roles.contains_key(role);
            found.then(|| Secret::new(format!("token of {role}"))).ok_or_else(gone)
        })
        .await
    }

    async fn user(&self, name: &str) -> Result<Option<UserInfo>, Fault> {
        self.call("user", |state| {
            let found = state.users.iter().find(|(known, user)| *known == name || user.entity == name);
            Ok(found.map(|(_, user)| UserInfo {
                entity: user.entity.clone(),
                email: user.email.clone(),
                enabled: user.email.is_some(),
            }))
        })
        .await
    }

    async fn create_user(&self, user: &NewUser, password: &Secret) -> Result<String, Fault> {
        self.call("create_user", |state| {
            if state.users.contains_key(&user.name) {
                return Err(Fault::give_up("destination.user_name_taken", "The name is taken"));
            }
            state.born += 1;
            let entity = format!("entity-{:04}", state.born);
            let made = MadeUser { entity: entity.clone(), password: password.expose().to_owned(), email: None };
            state.users.insert(user.name.clone(), made);
            Ok(entity)
        })
        .await
    }

    async fn register(&self, user: &str, email: &str) -> Result<(), Fault> {
        self.call("register", |state| {
            if state.mailboxes.contains_key(&email.to_ascii_lowercase())
                && !state.users.values().any(|known| known.entity == user && known.email.as_deref() == Some(email))
            {
                return Err(Fault::give_up("destination.address_in_use", "The address is in use"));
            }
            let known = state.users.values_mut().find(|known| known.entity == user).ok_or_else(missing)?;
            if known.email.is_some() {
                return Err(Fault::give_up("destination.already_registered", "The user has a mailbox"));
            }
            known.email = Some(email.to_owned());
            let (entity, email) = (user.to_owned(), email.to_owned());
            let info = MailboxInfo { entity, email: email.clone(), ready: true, quota: None, used: None };
            state.mailboxes.insert(email.to_ascii_lowercase(), info);
            Ok(())
        })
        .await
    }

    async fn reset_password(&self, user: &str, password: &Secret) -> Result<(), Fault> {
        self.call("reset_password", |state| {
            let known = state.users.values_mut().find(|known| known.entity == user).ok_or_else(missing)?;
            password.expose().clone_into(&mut known.password);
            Ok(())
        })
        .await
    }
}

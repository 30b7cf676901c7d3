//! Seeds the organisation, users, permissions, knobs and rules from JSON.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock;
use crate::knobs::{Knobs, Rule, UnknownKnob};
use crate::store::organization::{self, Organization};
use crate::store::user::{self, User};
use crate::store::{StoreError, permission};

/// A seed; README.md of this folder shows one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    organization: Option<Organization>,
    users: Vec<SeedUser>,
    permissions: Vec<SeedPermission>,
    knobs: BTreeMap<String, Map<String, Value>>,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedUser {
    email: String,
    password: Option<String>,
    name: Option<String>,
    display_name: Option<String>,
    state: Option<String>,
    role: Option<String>,
    quota_mb: Option<i64>,
    aliases: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedPermission {
    mailbox: String,
    grantee: String,
    values: Vec<String>,
}

/// A seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// It is not the JSON expected.
    #[error("the seed is not valid: {0}")]
    Invalid(#[from] serde_json::Error),
    /// It names somebody who is not there.
    #[error("the seed names {0}, who is no user")]
    Nobody(String),
    /// It sets an unknown knob.
    #[error(transparent)]
    Knob(#[from] UnknownKnob),
    /// The store is broken.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Seed {
    /// Reads a seed.
    pub fn read(bytes: &[u8]) -> Result<Self, SeedError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Seeds the store and gives the users' identities by address.
    pub fn store(&self, c: &Connection) -> Result<BTreeMap<String, String>, SeedError> {
        match (&self.organization, organization::get(c)?) {
            (Some(wanted), _) => organization::put(c, wanted)?,
            (None, None) => organization::put(c, &Organization::default())?,
            (None, Some(_)) => {}
        }
        let mut ids = BTreeMap::new();
        for seed in &self.users {
            let stored = seed.store(c)?;
            ids.insert(seed.email.clone(), stored);
        }
        for grant in &self.permissions {
            let find = |who: &str| user::by_entity(c, who)?.ok_or_else(|| SeedError::Nobody(who.to_owned()));
            permission::put(c, find(&grant.mailbox)?.no, find(&grant.grantee)?.no, &grant.values, 0)?;
        }
        Ok(ids)
    }

    /// Sets the knobs and rules.
    pub fn set(&self, knobs: &Knobs) -> Result<(), SeedError> {
        for (scope, patch) in &self.knobs {
            knobs.set(scope, patch)?;
        }
        for rule in &self.rules {
            knobs.add_rule(rule.clone())?;
        }
        Ok(())
    }
}

impl SeedUser {
    fn store(&self, c: &Connection) -> Result<String, SeedError> {
        let local = self.email.split('@').next().unwrap_or_default();
        let name = self.name.as_deref().unwrap_or(local);
        let mut user = match user::by_email(c, &self.email)? {
            Some(known) => known,
            None => user::by_entity(c, name)?.unwrap_or_else(|| User::new(name, name)),
        };
        name.clone_into(&mut user.name);
        if let Some(display) = &self.display_name {
            user.display_name.clone_from(display);
        }
        user.password = self.password.clone().or(user.password);
        user.role = self.role.clone().unwrap_or(user.role);
        user.quota_mb = self.quota_mb.unwrap_or(user.quota_mb);
        user.aliases = self.aliases.clone().unwrap_or(user.aliases);
        let id = user.id.clone();
        match self.state.as_deref().unwrap_or("ENABLED") {
            "ENABLED" => {
                user::enable(c, user, &self.email)?;
            }
            state => {
                let now = clock::now_ms();
                if user.is_enabled() {
                    user.deprovisioned_ms = Some(now);
                    user.disabled_ms = Some(now);
                }
                state.clone_into(&mut user.state);
                user.email = Some(self.email.clone());
                user::put(c, &user)?;
            }
        }
        Ok(id)
    }
}

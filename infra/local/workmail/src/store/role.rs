//! Impersonation roles and the tokens assumed from them.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A rule of a role, as the management API spells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    /// Identity inside the role.
    pub impersonation_rule_id: String,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// The users it is about, by identity; none = everybody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target_users: Option<Vec<String>>,
    /// The users it is not about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_target_users: Option<Vec<String>>,
}

impl Rule {
    fn is_about(&self, user: &str) -> bool {
        let listed = |list: &Vec<String>| list.iter().any(|u| u == user);
        self.target_users.as_ref().is_none_or(listed) && !self.not_target_users.as_ref().is_some_and(listed)
    }
}

/// An impersonation role.
#[derive(Debug, Clone, Serialize)]
pub struct Role {
    /// Identity.
    pub id: String,
    /// Name.
    pub name: String,
    /// `FULL_ACCESS` or `READ_ONLY`.
    pub kind: String,
    /// Description.
    pub description: Option<String>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub modified_ms: i64,
    /// From when on it works.
    pub works_from: i64,
}

impl Role {
    /// Says whether the role may act for a user, and by which rules: DENY beats ALLOW, no rule denies.
    pub fn effect(&self, user: &str) -> (bool, Vec<&Rule>) {
        let (deny, allow): (Vec<&Rule>, Vec<&Rule>) =
            self.rules.iter().filter(|r| r.is_about(user)).partition(|r| r.effect == "DENY");
        if deny.is_empty() { (!allow.is_empty(), allow) } else { (false, deny) }
    }
}

fn read(r: &Row<'_>) -> rusqlite::Result<Role> {
    Ok(Role {
        id: r.get(0)?,
        name: r.get(1)?,
        kind: r.get(2)?,
        description: r.get(3)?,
        rules: serde_json::from_str(&r.get::<_, String>(4)?).unwrap_or_default(),
        created_ms: r.get(5)?,
        modified_ms: r.get(6)?,
        works_from: r.get(7)?,
    })
}

const COLUMNS: &str = "id, name, kind, description, rules, created_ms, modified_ms, works_from";

/// Finds a role.
pub fn get(c: &Connection, id: &str) -> Result<Option<Role>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM role WHERE id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Lists all roles, oldest first.
pub fn all(c: &Connection) -> Result<Vec<Role>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM role ORDER BY created_ms, id");
    let roles = c.prepare_cached(&sql)?.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

/// Finds the role that an earlier call with the same client token made.
pub fn by_client_token(c: &Connection, token: &str) -> Result<Option<String>, StoreError> {
    Ok(c.query_row("SELECT id FROM role WHERE client_token = ?1", [token], |r| r.get(0)).optional()?)
}

/// Stores a role over what was there.
pub fn put(c: &Connection, role: &Role, client_token: Option<&str>) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO role VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9) ON CONFLICT (id) DO UPDATE SET
         name = ?2, kind = ?3, description = ?4, rules = ?5, modified_ms = ?7, works_from = ?8",
        (
            &role.id,
            &role.name,
            &role.kind,
            &role.description,
            serde_json::to_string(&role.rules)?,
            role.created_ms,
            role.modified_ms,
            role.works_from,
            client_token,
        ),
    )?;
    Ok(())
}

/// Removes a role and its tokens.
pub fn delete(c: &Connection, id: &str) -> Result<(), StoreError> {
    c.execute("DELETE FROM role WHERE id = ?1", [id])?;
    c.execute("DELETE FROM token WHERE role = ?1", [id])?;
    Ok(())
}

/// Stores a token of a role.
pub fn put_token(c: &Connection, token: &str, role: &str, expires_ms: i64) -> Result<(), StoreError> {
    c.execute("INSERT INTO token VALUES (?1, ?2, ?3)", (token, role, expires_ms))?;
    Ok(())
}

/// Finds the role of a token that has not expired.
pub fn by_token(c: &Connection, token: &str, now_ms: i64) -> Result<Option<Role>, StoreError> {
    let role: Option<String> = c
        .query_row("SELECT role FROM token WHERE token = ?1 AND expires_ms > ?2", (token, now_ms), |r| r.get(0))
        .optional()?;
    role.map_or(Ok(None), |id| get(c, &id))
}

/// Ends all tokens.
pub fn expire_tokens(c: &Connection) -> Result<usize, StoreError> {
    Ok(c.execute("DELETE FROM token", [])?)
}

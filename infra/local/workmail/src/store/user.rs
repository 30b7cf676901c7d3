//! Users and the mailboxes they have.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{StoreError, folder};
use crate::{clock, random};

/// A user; with a state of `ENABLED` also a mailbox.
#[derive(Debug, Clone)]
pub struct User {
    /// Number inside the store; items and folders refer to it.
    pub no: i64,
    /// Identity given out by the management API.
    pub id: String,
    /// User name, unique without regard to case.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Primary address; none before `RegisterToWorkMail`.
    pub email: Option<String>,
    /// Other addresses.
    pub aliases: Vec<String>,
    /// Password in clear: nothing here is secret.
    pub password: Option<String>,
    /// `ENABLED`, `DISABLED` or `DELETED`.
    pub state: String,
    /// `USER`, `RESOURCE`, `SYSTEM_USER` or `REMOTE_USER`.
    pub role: String,
    /// Hidden from the global address list.
    pub hidden: bool,
    /// Quota in MB.
    pub quota_mb: i64,
    /// Milliseconds since 1970.
    pub enabled_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub disabled_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub provisioned_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub deprovisioned_ms: Option<i64>,
}

impl User {
    /// Gives a user that is not stored yet.
    pub fn new(name: &str, display_name: &str) -> Self {
        let hex = random::fresh().hex32();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        Self {
            no: 0,
            id: format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)),
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            first_name: None,
            last_name: None,
            email: None,
            aliases: Vec::new(),
            password: None,
            state: "DISABLED".to_owned(),
            role: "USER".to_owned(),
            hidden: false,
            quota_mb: 51_200,
            enabled_ms: None,
            disabled_ms: None,
            provisioned_ms: None,
            deprovisioned_ms: None,
        }
    }

    /// Says whether the mailbox can be opened.
    pub fn is_enabled(&self) -> bool {
        self.state == "ENABLED" && self.email.is_some()
    }
}

const COLUMNS: &str =
    "no, id, name, display_name, first_name, last_name, email, aliases, password, state, role, hidden, quota_mb,
    enabled_ms, disabled_ms, provisioned_ms, deprovisioned_ms";

fn read(r: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        no: r.get(0)?,
        id: r.get(1)?,
        name: r.get(2)?,
        display_name: r.get(3)?,
        first_name: r.get(4)?,
        last_name: r.get(5)?,
        email: r.get(6)?,
        aliases: serde_json::from_str(&r.get::<_, String>(7)?).unwrap_or_default(),
        password: r.get(8)?,
        state: r.get(9)?,
        role: r.get(10)?,
        hidden: r.get(11)?,
        quota_mb: r.get(12)?,
        enabled_ms: r.get(13)?,
        disabled_ms: r.get(14)?,
        provisioned_ms: r.get(15)?,
        deprovisioned_ms: r.get(16)?,
    })
}

fn one(c: &Connection, condition: &str, value: impl rusqlite::ToSql) -> Result<Option<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM user WHERE {condition}");
    Ok(c.prepare_cached(&sql)?.query_row([value], read).optional()?)
}

/// Finds by number.
pub fn by_no(c: &Connection, no: i64) -> Result<Option<User>, StoreError> {
    one(c, "no = ?1", no)
}

/// Finds by primary address, without regard to case.
pub fn by_email(c: &Connection, email: &str) -> Result<Option<User>, StoreError> {
    one(c, "email_key = ?1", email.to_lowercase())
}

/// Finds by an address that is not the primary one.
pub fn by_alias(c: &Connection, email: &str) -> Result<Option<User>, StoreError> {
    one(c, "EXISTS (SELECT 1 FROM json_each(user.aliases) WHERE lower(value) = ?1)", email.to_lowercase())
}

/// Finds by what the management API accepts as an entity: identity, name or primary address.
pub fn by_entity(c: &Connection, entity: &str) -> Result<Option<User>, StoreError> {
    if let Some(user) = one(c, "id = ?1", entity)? {
        return Ok(Some(user));
    }
    match by_email(c, entity)? {
        Some(user) => Ok(Some(user)),
        None => one(c, "name_key = ?1", entity.to_lowercase()),
    }
}

/// Lists all by name.
pub fn all(c: &Connection) -> Result<Vec<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM user ORDER BY name_key");
    let users = c.prepare_cached(&sql)?.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(users)
}

/// Stores a user, new or known by its identity, and returns its number.
pub fn put(c: &Connection, user: &User) -> Result<i64, StoreError> {
    let known: Option<i64> = c.query_row("SELECT no FROM user WHERE id = ?1", [&user.id], |r| r.get(0)).optional()?;
    let no = match known {
        Some(no) => no,
        None => {
            c.execute(
                "INSERT INTO user (id, name, name_key, display_name, state, role, quota_mb) VALUES (?1, ?2, ?3, '', '', '', 0)",
                (&user.id, &user.name, user.name.to_lowercase()),
            )?;
            c.last_insert_rowid()
        }
    };
    c.execute(
        "UPDATE user SET name = ?2, name_key = ?3, display_name = ?4, first_name = ?5, last_name = ?6, email = ?7, email_key = ?8,
         aliases = ?9, password = ?10, state = ?11, role = ?12, hidden = ?13, quota_mb = ?14 WHERE no = ?1",
        rusqlite::params![
            no,
            user.name,
            user.name.to_lowercase(),
            user.display_name,
            user.first_name,
            user.last_name,
            user.email,
            user.email.as_ref().map(|e| e.to_lowercase()),
            serde_json::to_string(&user.aliases)?,
            user.password,
            user.state,
            user.role,
            user.hidden,
            user.quota_mb,
        ],
    )?;
    c.execute(
        "UPDATE user SET enabled_ms = ?2, disabled_ms = ?3, provisioned_ms = ?4, deprovisioned_ms = ?5 WHERE no = ?1",
        (no, user.enabled_ms, user.disabled_ms, user.provisioned_ms, user.deprovisioned_ms),
    )?;
    Ok(no)
}

/// Turns a user's mailbox on, with its system folders, unless it is on already.
pub fn enable(c: &Connection, mut user: User, email: &str) -> Result<i64, StoreError> {
    let now = clock::now_ms();
    user.email = Some(email.to_owned());
    user.state = "ENABLED".to_owned();
    user.enabled_ms = user.enabled_ms.or(Some(now));
    user.provisioned_ms = Some(now);
    user.deprovisioned_ms = None;
    let no = put(c, &user)?;
    folder::provision(c, no)?;
    Ok(no)
}

/// Removes a user with its mail and its grants.
pub fn delete(c: &Connection, no: i64) -> Result<(), StoreError> {
    c.execute("DELETE FROM item WHERE mailbox = ?1", [no])?;
    c.execute("DELETE FROM folder WHERE mailbox = ?1", [no])?;
    c.execute("DELETE FROM mailbox_size WHERE mailbox = ?1", [no])?;
    c.execute("DELETE FROM permission WHERE mailbox = ?1 OR grantee = ?1", [no])?;
    c.execute("DELETE FROM user WHERE no = ?1", [no])?;
    Ok(())
}

//! The one organisation.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::clock;

/// An organisation as stored and seeded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organization {
    /// `m-` and 32 hex digits.
    pub id: String,
    /// Alias.
    pub alias: String,
    /// Default mail domain.
    pub domain: String,
    /// All mail domains; the default one is always among them.
    pub domains: Vec<String>,
    /// E-mail address of the migration administrator set in the console.
    pub migration_admin: Option<String>,
    /// `VpcDirectory`, or `ADConnector`, which refuses to create users.
    pub directory_type: String,
    /// Region in the ARN.
    pub region: String,
}

impl Default for Organization {
    fn default() -> Self {
        Self {
            id: "m-0123456789abcdef0123456789abcdef".to_owned(),
            alias: "example".to_owned(),
            domain: "example.org".to_owned(),
            domains: Vec::new(),
            migration_admin: None,
            directory_type: "VpcDirectory".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

impl Organization {
    /// Says whether the directory is kept elsewhere.
    pub fn is_foreign_directory(&self) -> bool {
        self.directory_type == "ADConnector"
    }

    /// Says whether addresses of that domain belong here.
    pub fn has_domain(&self, domain: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain) || self.domains.iter().any(|d| d.eq_ignore_ascii_case(domain))
    }
}

/// Reads the organisation; none before the first seed.
pub fn get(c: &Connection) -> Result<Option<Organization>, StoreError> {
    let row = c
        .prepare_cached("SELECT id, alias, domain, domains, migration_admin, directory_type, region FROM organization")?
        .query_row([], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, String>(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
        })
        .optional()?;
    let Some((id, alias, domain, domains, migration_admin, directory_type, region)) = row else {
        return Ok(None);
    };
    let domains = serde_json::from_str(&domains)?;
    Ok(Some(Organization { id, alias, domain, domains, migration_admin, directory_type, region }))
}

/// Writes the organisation over what was there.
pub fn put(c: &Connection, organization: &Organization) -> Result<(), StoreError> {
    c.execute("DELETE FROM organization", [])?;
    c.execute(
        "INSERT INTO organization VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &organization.id,
            &organization.alias,
            &organization.domain,
            serde_json::to_string(&organization.domains)?,
            &organization.migration_admin,
            &organization.directory_type,
            &organization.region,
            clock::now_ms(),
        ),
    )?;
    Ok(())
}

//! Mailbox permissions, with the time from which they work.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use crate::clock;

/// What one user may do in another's mailbox.
#[derive(Debug, Clone)]
pub struct Permission {
    /// Number of the user whose mailbox it is.
    pub mailbox: i64,
    /// Number of the user who may.
    pub grantee: i64,
    /// `FULL_ACCESS`, `SEND_AS`, `SEND_ON_BEHALF`.
    pub values: Vec<String>,
    /// When it was granted, in milliseconds since 1970.
    pub granted_ms: i64,
    /// From when on it works.
    pub works_from: i64,
}

/// A grant that was not taken back works until then.
const FOR_EVER: i64 = i64::MAX;

fn read(r: &Row<'_>) -> rusqlite::Result<Permission> {
    Ok(Permission {
        mailbox: r.get(0)?,
        grantee: r.get(1)?,
        values: serde_json::from_str(&r.get::<_, String>(2)?).unwrap_or_default(),
        granted_ms: r.get(3)?,
        works_from: r.get(4)?,
    })
}

/// Grants, replacing what this grantee had; it works `delay_ms` later.
pub fn put(c: &Connection, mailbox: i64, grantee: i64, values: &[String], delay_ms: i64) -> Result<(), StoreError> {
    let now = clock::now_ms();
    let works: Option<(String, i64, i64)> = c
        .query_row(
            "SELECT permissions, works_from, works_until FROM permission WHERE mailbox = ?1 AND grantee = ?2",
            (mailbox, grantee),
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
        )
        .optional()?;
    let encoded = serde_json::to_string(values)?;
    let works_from = match works {
        Some((before, from, until)) if before == encoded && until > now => from,
        _ => now.saturating_add(delay_ms),
    };
    c.execute(
        "INSERT OR REPLACE INTO permission VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (mailbox, grantee, encoded, now, works_from, FOR_EVER),
    )?;
    Ok(())
}

/// Takes a grant back; it stops working `delay_ms` later but is no longer listed.
pub fn delete(c: &Connection, mailbox: i64, grantee: i64, delay_ms: i64) -> Result<(), StoreError> {
    c.execute(
        "UPDATE permission SET works_until = ?3 WHERE mailbox = ?1 AND grantee = ?2 AND works_until = ?4",
        (mailbox, grantee, clock::now_ms().saturating_add(delay_ms), FOR_EVER),
    )?;
    Ok(())
}

/// Lists the grants on one mailbox, or on all.
pub fn list(c: &Connection, mailbox: Option<i64>) -> Result<Vec<Permission>, StoreError> {
    let rows = c
        .prepare_cached(
            "SELECT mailbox, grantee, permissions, granted_ms, works_from FROM permission
             WHERE (?1 IS NULL OR mailbox = ?1) AND works_until = ?2 ORDER BY mailbox, grantee",
        )?
        .query_map((mailbox, FOR_EVER), read)?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Says whether a grantee has `FULL_ACCESS` that works now.
pub fn has_full_access(c: &Connection, mailbox: i64, grantee: i64) -> Result<bool, StoreError> {
    let now = clock::now_ms();
    let found: Option<String> = c
        .prepare_cached(
            "SELECT permissions FROM permission WHERE mailbox = ?1 AND grantee = ?2 AND works_from <= ?3 AND works_until > ?3",
        )?
        .query_row((mailbox, grantee, now), |r| r.get(0))
        .optional()?;
    Ok(found.is_some_and(|p| p.contains("\"FULL_ACCESS\"")))
}

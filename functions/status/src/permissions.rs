//! `GET …/permissions`: what was opened for the migration at the destination, and when it was closed again.

use crate::handler::unavailable;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Grant, GrantKind, Migration, keys};
use mailcrane_engine::ledger;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use serde::Serialize;
use serde_json::json;

/// A permission as the API shows it.
#[derive(Serialize)]
struct PermissionView {
    kind: &'static str,
    /// The mailboxes that it opens, by address; empty for a role that opens every mailbox of the organisation.
    mailboxes: Vec<String>,
    every_mailbox: bool,
    /// What the grantee was allowed before, and is again once it is taken back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<String>,
    granted: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
}

impl PermissionView {
    fn of(grant: Grant) -> Self {
        let Grant { what, email, granted, revoked, .. } = grant;
        match what {
            GrantKind::Mailbox { before, .. } => {
                Self { kind: "mailbox", mailboxes: vec![email], every_mailbox: false, before, granted, revoked }
            }
            GrantKind::Role { mailboxes, .. } => Self {
                kind: "role",
                every_mailbox: mailboxes.is_empty(),
                mailboxes: mailboxes.into_iter().map(|one| one.email).collect(),
                before: Vec::new(),
                granted,
                revoked,
            },
        }
    }
}

/// Lists the permissions, taken back or not.
pub(crate) async fn list<T: Table>(table: &T, request: &Request, migration: &Migration) -> Result<Response, Problem> {
    let limit = request.limit(200, 1_000)?;
    // The look-out of the sweeper sorts first; it is no permission.
    let look_out = keys::grant(&migration.id, "").sk;
    let after = request.query("cursor").map(|text| cursor::decode(&text)).transpose()?.unwrap_or(look_out);
    if !after.starts_with("GRANT#") {
        return Err(cursor::unknown());
    }
    let partition = keys::migration_partition(&migration.id);
    let page = ledger::page::<Grant>(table, &partition, "GRANT#", Some(after.as_str()), limit).await;
    let (grants, next) = page.map_err(|error| unavailable(migration, &error))?;
    let permissions: Vec<_> = grants.into_iter().map(|grant| PermissionView::of(grant.record)).collect();
    let next = next.map(|place| cursor::encode(&place));
    Ok(Response::json(200, &json!({"permissions": permissions, "next": next})).tagged(request))
}

//! Reads the Authorization header: Basic or Bearer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use rusqlite::Connection;

use crate::clock;
use crate::ews::access::Principal;
use crate::store::{StoreError, role, user};

/// Finds who signs in; none when nobody does or the credentials are wrong.
pub(super) fn principal(c: &Connection, headers: &HeaderMap) -> Result<Option<Principal>, StoreError> {
    let Some((scheme, rest)) = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.split_once(' '))
    else {
        return Ok(None);
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(role::by_token(c, rest.trim(), clock::now_ms())?.map(Principal::Role));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((name, password)) = decoded.as_deref().and_then(|d| d.split_once(':')) else {
        return Ok(None);
    };
    let found = user::by_email(c, name)?.filter(|u| u.is_enabled() && u.password.as_deref() == Some(password));
    Ok(found.map(Principal::User))
}

//! Paths of the control API; README.md of this folder lists them.

use std::path::Path;
use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use super::inspect;
use crate::knobs::{Rule, UnknownKnob};
use crate::request_log::Filter;
use crate::seed::{Seed, SeedError};
use crate::server::{Reply, State};
use crate::store::{StoreError, role};
use crate::{clock, maildir};

/// Why a control call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("there is no {0}")]
    Missing(String),
    #[error("the body is not what is expected: {0}")]
    Body(#[from] serde_json::Error),
    #[error(transparent)]
    Knob(#[from] UnknownKnob),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    #[error("the export failed: {0}")]
    Export(#[from] maildir::ExportError),
}

/// Answers one control call. Blocking.
pub fn answer(state: &Arc<State>, head: &Parts, body: &[u8]) -> Reply {
    match route(state, head, body) {
        Ok(reply) => reply,
        Err(error) => {
            let status = if matches!(error, ControlError::Missing(_)) { 404 } else { 400 };
            Reply::json(status, &json!({"error": error.to_string()}))
        }
    }
}

fn route(state: &Arc<State>, head: &Parts, body: &[u8]) -> Result<Reply, ControlError> {
    let path = decode(head.uri.path());
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let query = Query::new(head.uri.query().unwrap_or_default());
    let json = |value: Value| Ok(Reply::json(200, &value));
    match (&head.method, parts.as_slice()) {
        (&Method::GET, ["health"]) => json(json!({"ready": true})),
        (&Method::POST, ["seed"]) => {
            let seed = Seed::read(body)?;
            let users = state.store.write(|c| seed.store(c))?;
            seed.set(&state.knobs)?;
            let organization = state.store.read(inspect::organization)?;
            json(json!({"organization": organization.get("id"), "users": users}))
        }
        (&Method::POST, ["reset"]) => {
            state.store.clear()?;
            state.knobs.clear();
            state.log.clear();
            json(json!({}))
        }
        (&Method::GET, ["organization"]) => json(state.store.read(inspect::organization)?),
        (&Method::GET, ["permissions"]) => json(state.store.read(inspect::permissions)?),
        (&Method::GET, ["roles"]) => {
            let roles = state.store.read(role::all)?;
            json(serde_json::to_value(roles)?)
        }
        (&Method::POST, ["tokens", "expire"]) => {
            let expired = state.store.write(role::expire_tokens)?;
            json(json!({"expired": expired}))
        }
        (&Method::GET, ["knobs"]) => json(state.knobs.show()),
        (&Method::PUT, ["knobs", scope]) => {
            let patch: Map<String, Value> = serde_json::from_slice(body)?;
            json(state.knobs.set(scope, &patch)?)
        }
        (&Method::DELETE, ["knobs"]) => {
            state.knobs.clear();
            json(json!({}))
        }
        (&Method::POST, ["rules"]) => {
            let rule: Rule = serde_json::from_slice(body)?;
            json(json!({"id": state.knobs.add_rule(rule)?}))
        }
        (&Method::GET, ["rules"]) => json(json!(state.knobs.rules())),
        (&Method::DELETE, ["rules"]) => {
            state.knobs.remove_rules(None);
            json(json!({}))
        }
        (&Method::DELETE, ["rules", id]) => {
            let number = id.parse().map_err(|_| ControlError::Missing(format!("rule {id}")))?;
            if state.knobs.remove_rules(Some(number)) {
                json(json!({}))
            } else {
                Err(ControlError::Missing(format!("rule {id}")))
            }
        }
        (&Method::GET, ["log"]) => {
            let filter = Filter {
                since: query.number("since").unwrap_or(0),
                mailbox: query.text("mailbox"),
                operation: query.text("operation"),
                limit: query.number("limit").and_then(|n| usize::try_from(n).ok()),
            };
            json(json!(state.log.read(&filter)))
        }
        (&Method::DELETE, ["log"]) => {
            state.log.clear();
            json(json!({}))
        }
        (&Method::GET, ["mailboxes"]) => json(state.store.read(inspect::mailboxes)?),
        (&Method::GET, ["mailboxes", mailbox]) => json(state.store.read(|c| inspect::folders(c, mailbox))?),
        (&Method::DELETE, ["mailboxes", mailbox]) => json(state.store.write(|c| inspect::empty(c, mailbox))?),
        (&Method::GET, ["mailboxes", mailbox, "items"]) => {
            let number =
                |name: &str, other: i64| query.number(name).and_then(|n| i64::try_from(n).ok()).unwrap_or(other);
            let (offset, limit) = (number("offset", 0), number("limit", 1000));
            let folder = query.text("folder");
            json(state.store.read(|c| inspect::items(c, mailbox, folder.as_deref(), offset, limit))?)
        }
        (&Method::POST, ["mailboxes", mailbox, "fill"]) => {
            let wanted: inspect::Fill = serde_json::from_slice(body)?;
            let made = state.store.write(|c| inspect::fill(c, mailbox, &wanted))?;
            json(json!({"stored": made, "at": clock::millis_text(clock::now_ms())}))
        }
        (&Method::GET, ["items", number, "mime"]) => {
            let content = number.parse().ok().map_or(Ok(None), |n| state.store.read(|c| inspect::content(c, n)))?;
            content.map_or_else(
                || Err(ControlError::Missing(format!("item {number}"))),
                |bytes| Ok(Reply::new(200, "message/rfc822", bytes)),
            )
        }
        (&Method::POST, ["export"]) => {
            let wanted: Value = serde_json::from_slice(body)?;
            let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
            let messages = state.store.read(|c| maildir::export(c, text("mailbox"), Path::new(text("to"))))?;
            json(json!({"messages": messages}))
        }
        (method, _) => Err(ControlError::Missing(format!("{method} {path}"))),
    }
}

struct Query(Vec<(String, String)>);

impl Query {
    fn new(text: &str) -> Self {
        Self(
            text.split('&')
                .filter_map(|p| p.split_once('='))
                .map(|(k, v)| (decode(k), decode(&v.replace('+', " "))))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(k, v)| k == name && !v.is_empty()).map(|(_, v)| v.clone())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

/// Decodes percent signs.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let rest = bytes.as_slice_of_two();
        match (byte, rest) {
            (b'%', Some(value)) => {
                out.push(value);
                bytes.nth(1);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

trait HexAhead {
    /// Reads two hex digits without moving on.
    fn as_slice_of_two(&self) -> Option<u8>;
}

impl HexAhead for std::str::Bytes<'_> {
    fn as_slice_of_two(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let digits = [ahead.next()?, ahead.next()?];
        u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded() {
        assert_eq!(decode("a%40b%2Fc%zz%4"), "a@b/c%zz%4");
        assert_eq!(Query::new("folder=In%20box&limit=5&x").number("limit"), Some(5));
    }
}

//! Problems: refusals of RFC 9457 that name the field or the row and what to do next.

use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// A stable name in dots and small letters.
    pub code: Cow<'static, str>,
    /// The field, as a path in dots.
    pub field: Option<String>,
    /// The row of a table, from 1.
    pub row: Option<usize>,
    /// What is wrong and what to do.
    pub detail: String,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    /// Never empty.
    parts: Vec<Part>,
    retry_after: Option<Duration>,
}

/// The most parts that one problem lists.
const MOST_PARTS: usize = 100;

impl Problem {
    /// Describes a refusal.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let only = Part { code: code.into(), field: None, row: None, detail: detail.into() };
        Self { status, parts: vec![only], retry_after: None }
    }

    /// Describes a request with one or more wrong fields or rows; nothing when there are none.
    #[must_use]
    pub fn of_parts(parts: Vec<Part>) -> Option<Self> {
        (!parts.is_empty()).then_some(Self { status: 422, parts, retry_after: None })
    }

    /// A field is wrong: 422.
    pub fn field(field: impl Into<String>, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let only = Part { code: code.into(), field: Some(field.into()), row: None, detail: detail.into() };
        Self { status: 422, parts: vec![only], retry_after: None }
    }

    /// A parameter of the query is wrong: 400.
    pub fn query(name: &str, detail: impl Into<String>) -> Self {
        Self { status: 400, ..Self::field(name, "query.invalid", detail) }
    }

    /// The body cannot be read: 400.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "body.malformed", detail)
    }

    /// The body is too large: 413.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} octets; send fewer accounts at once and add the others");
        Self::new(413, "body.too_large", detail)
    }

    /// The body is of a type that is not taken: 415.
    #[must_use]
    pub fn media_type(given: &str) -> Self {
        Self::new(
            415,
            "body.media_type",
            format!("a body of the type {given:?} is not taken here; send application/json"),
        )
    }

    /// No token was sent: 401.
    #[must_use]
    pub fn no_access() -> Self {
        let detail = "send the operator key or the migration's token as Authorization: Bearer";
        Self::new(401, "access.missing", detail)
    }

    /// Only the operator may: 403.
    #[must_use]
    pub fn operator_only() -> Self {
        Self::new(403, "access.operator_only", "this needs the operator key as Authorization: Bearer")
    }

    /// There is no such migration, or the token is not its own: 404.
    #[must_use]
    pub fn no_such_migration() -> Self {
        let detail = "there is no such migration for this token; use the whole link from the e-mail";
        Self::new(404, "migration.not_found", detail)
    }

    /// There is no such thing: 404.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("there is no such {what}"))
    }

    /// The method is not offered there: 405.
    #[must_use]
    pub fn method(method: &str) -> Self {
        Self::new(405, "method.not_allowed", format!("{method} is not offered here; see /v1/openapi.json"))
    }

    /// The state does not allow it: 409.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// A limit was reached: 429.
    #[must_use]
    pub fn too_many(detail: impl Into<String>, after: Duration) -> Self {
        Self::new(429, "limit.reached", detail).after(after)
    }

    /// A service is not available now: 503.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, "service.unavailable", "the service cannot answer now; try again in a moment")
            .after(Duration::from_secs(2))
    }

    /// A mistake of ours: 500.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "internal", "the service made a mistake; it is logged")
    }

    /// Tells when to come again.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Returns everything that is wrong.
    #[must_use]
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns when to come again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Writes the problem as RFC 9457 wants it, with `code`, and `field`, `row` and `errors` where they apply.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = self.parts.first().map(members).unwrap_or_default();
        let code = self.parts.first().map_or("internal", |part| &part.code);
        members.insert("type".into(), json!(format!("urn:mailcrane:problem:{code}")));
        members.insert("title".into(), json!(title(self.status)));
        members.insert("status".into(), json!(self.status));
        if self.parts.len() > 1 {
            let listed = self.parts.iter().take(MOST_PARTS).map(|part| Value::Object(self::members(part)));
            members.insert("errors".into(), listed.collect());
            members.insert("errors_total".into(), json!(self.parts.len()));
        }
        Value::Object(members)
    }
}

fn members(part: &Part) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("code".into(), json!(part.code));
    members.insert("detail".into(), json!(part.detail));
    if let Some(field) = &part.field {
        members.insert("field".into(), json!(field));
    }
    if let Some(row) = part.row {
        members.insert("row".into(), json!(row));
    }
    members
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read",
        401 => "A token is needed",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not offered",
        409 => "Not possible in this state",
        413 => "The body is too large",
        415 => "The body has another type",
        422 => "Something in the request is wrong",
        429 => "Too many requests",
        503 => "Not available now",
        _ => "The service made a mistake",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_field_and_remedy() {
        let json = Problem::field("accounts.3.source.user", "field.missing", "is missing").to_json();
        assert_eq!(json["status"], 422);
        assert_eq!(json["field"], "accounts.3.source.user");
        assert_eq!(json["type"], "urn:mailcrane:problem:field.missing");
        assert!(json.get("errors").is_none());
    }
}

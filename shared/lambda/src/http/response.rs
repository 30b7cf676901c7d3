//! An answer, with the headers that keep browsers careful.

use super::{Problem, Request};
use mailcrane_core::digest::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// An answer as API Gateway takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl Response {
    /// Answers with a body of that type.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        let headers = BTreeMap::from([
            ("content-type", content_type.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("strict-transport-security", "max-age=31536000".to_owned()),
        ]);
        Self { status_code: status, headers, body: body.into(), is_base64_encoded: false }
    }

    /// Answers with JSON.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(_) => Problem::internal().into(),
        }
    }

    /// Adds or replaces a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Adds an entity tag (RFC 9110 section 8.8.3) of the body, and answers 304 when the client has that body already.
    #[must_use]
    pub fn tagged(self, request: &Request) -> Self {
        let digest = Digest::of(self.body.as_bytes()).to_string();
        let tag = format!("\"{}\"", digest.chars().take(32).collect::<String>());
        let known = request.header("if-none-match").unwrap_or_default();
        let fresh = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
        let mut answer = self.with("etag", tag).with("cache-control", "private, no-cache");
        if fresh && answer.status_code == 200 {
            answer.status_code = 304;
            answer.body.clear();
            answer.headers.remove("content-type");
        }
        answer
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code
    }

    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut answer = Self::new(problem.status(), "application/problem+json", problem.to_json().to_string());
        if let Some(after) = problem.retry_after() {
            answer = answer.with("retry-after", after.as_secs().max(1).to_string());
        }
        if problem.status() == 401 {
            answer = answer.with("www-authenticate", "Bearer");
        }
        answer
    }
}

impl From<Result<Self, Problem>> for Response {
    fn from(result: Result<Self, Problem>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_the_client_has_is_not_sent_again() {
        let first = Response::json(200, &1).tagged(&Request::default());
        let tag = first.header("etag").unwrap().to_owned();
        let second = Response::json(200, &1).tagged(&Request::default().with("If-None-Match", &tag));
        assert_eq!((second.status(), second.body()), (304, ""));
        let third = Response::json(200, &2).tagged(&Request::default().with("If-None-Match", &tag));
        assert_eq!(third.status(), 200);
    }
}

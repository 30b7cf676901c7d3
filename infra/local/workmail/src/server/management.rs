//! One management request: the envelope around its operation.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderName;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, State, blocking};
use crate::knobs::{self, Http};
use crate::management::{self, ApiError};
use crate::random;
use crate::request_log::Entry;

/// Answers one management request and logs it.
pub(super) async fn answer(state: Arc<State>, head: Parts, bytes: Bytes, connection: u64) -> Reply {
    let mut entry = Entry::arrive("management", connection);
    entry.bytes = bytes.len();
    let target = head.headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    target.strip_prefix("WorkMailService.").unwrap_or_default().clone_into(&mut entry.operation);
    let authorization = head.headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    entry.principal = access_key(authorization).unwrap_or_default().to_owned();
    let parameters: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    for name in ["EntityId", "UserId", "Email"] {
        if let (Some(id), true) = (parameters.get(name).and_then(Value::as_str), entry.mailbox.is_empty()) {
            entry.mailbox = id.to_lowercase();
        }
    }
    let result = perform(&state, &entry, parameters).await;
    let reply = match result {
        Ok(value) => {
            entry.outcome = "ok".to_owned();
            reply(200, &value)
        }
        Err(error) => {
            entry.outcome = format!("error:{}", error.code);
            reply(error.status, &error.body()).with(HeaderName::from_static("x-amzn-errortype"), &error.code)
        }
    };
    entry.status = reply.status.as_u16();
    state.log.add(entry);
    reply
}

async fn perform(state: &Arc<State>, entry: &Entry, parameters: Value) -> Result<Value, ApiError> {
    if entry.operation.is_empty() {
        return Err(ApiError::new("UnknownOperationException", "X-Amz-Target names no WorkMail operation."));
    }
    if entry.principal.is_empty() {
        let error = ApiError::new("MissingAuthenticationTokenException", "The request has no AWS signature.");
        return Err(ApiError { status: 403, ..error });
    }
    let trouble = state.knobs.management(&entry.operation);
    if let Some(trouble) = trouble.as_ref().filter(|t| !t.effect) {
        return Err(error_of(trouble));
    }
    let settings = state.knobs.settings(knobs::ALL);
    let (inside, operation) = (Arc::clone(state), entry.operation.clone());
    let done = blocking(move || {
        if management::writes(&operation) {
            inside.store.write(|c| management::perform(c, &operation, &parameters, &settings))
        } else {
            inside.store.read(|c| management::perform(c, &operation, &parameters, &settings))
        }
    })
    .await;
    let value = done.unwrap_or_else(|_| {
        Err(ApiError { status: 500, ..ApiError::new("InternalFailure", "The request panicked.") })
    })?;
    trouble.as_ref().map_or(Ok(value), |t| Err(error_of(t)))
}

fn error_of(trouble: &Http) -> ApiError {
    let code = trouble.code.clone().unwrap_or_else(|| "InternalFailure".to_owned());
    let message = trouble.message.clone().unwrap_or_else(|| "The stand-in was told to refuse this.".to_owned());
    ApiError { status: trouble.status, code, message }
}

fn access_key(authorization: &str) -> Option<&str> {
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let whole = ["SignedHeaders=", "Signature="].iter().all(|part| rest.contains(part));
    let (key, scope) = rest.split_once("Credential=")?.1.split_once('/')?;
    (whole && scope.contains("/workmail/aws4_request") && !key.is_empty()).then_some(key)
}

fn reply(status: u16, value: &Value) -> Reply {
    let body = if value.is_null() { json!({}) } else { value.clone() };
    Reply::new(status, "application/x-amz-json-1.1", body.to_string())
        .with(HeaderName::from_static("x-amzn-requestid"), &random::fresh().hex32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_must_have_the_form_of_one() {
        let good = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261123/us-east-1/workmail/aws4_request, SignedHeaders=host, Signature=00";
        assert_eq!(access_key(good), Some("AKIAEXAMPLE"));
        for bad in ["", "Bearer x", &good.replace("workmail", "s3"), &good.replace("Signature=", "")] {
            assert_eq!(access_key(bad), None, "{bad}");
        }
    }
}

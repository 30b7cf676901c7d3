//! Webhooks: programs of customers that are told of events.

use crate::fault::Fault;
use std::future::Future;

/// A request to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The URL.
    pub url: String,
    /// Headers besides the content type, which is `application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Calls webhooks.
pub trait Webhooks: Send + Sync {
    /// Posts a call once and follows no redirect. It was taken when nothing is returned: the answer's status was 2xx. A
    /// fault with [`crate::Remedy::RetryAfter`] may pass, any other never does; the receiver may have acted all the same.
    fn post(&self, call: &Call) -> impl Future<Output = Result<(), Fault>> + Send;
}

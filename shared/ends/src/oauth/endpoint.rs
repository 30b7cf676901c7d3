//! Asks token endpoints: over TLS, at public addresses only, without following redirects.

use super::answer::{self, Granted};
use super::request::Form;
use crate::guarded;
use mailcrane_core::Fault;
use mailcrane_core::address::Reach;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use std::time::Duration;

/// The longest answer that is read, in octets.
const LONGEST: usize = 64 * 1024;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(15);

/// Asks token endpoints.
pub(crate) struct TokenEndpoint {
    client: Client,
    reach: Reach,
}

impl TokenEndpoint {
    /// Prepares the client; `pem` holds further authorities to trust.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub(crate) fn new(reach: Reach, pem: Option<&str>) -> Result<Self, reqwest::Error> {
        Ok(Self { client: guarded::client(reach, pem, LIMIT)?, reach })
    }

    /// Sends a form and reads the token.
    ///
    /// # Errors
    /// `source.oauth_*`.
    pub(super) async fn ask(&self, form: &Form) -> Result<Granted, Fault> {
        let url = guarded::permitted(&form.url, self.reach)
            .map_err(|error| Fault::give_up("source.oauth_address", format!("the token URL {error}")).because(error))?;
        let request = self.client.post(url).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded(form));
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status().as_u16();
        let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| seconds(value.to_str().ok()?));
        let body = read(answer).await?;
        answer::read(status, retry_after, &body, form)
    }
}

/// Writes the body of a form.
fn encoded(form: &Form) -> String {
    let Ok(mut url) = Url::parse("https://form.invalid/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form.fields.iter().map(|(name, value)| (*name, value.expose())));
    url.query().unwrap_or_default().to_owned()
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(no_answer)? {
        if body.len().saturating_add(piece.len()) > LONGEST {
            let text = "the token URL does not answer like an OAuth 2 server: its answer is too long; check the URL";
            return Err(Fault::give_up("source.oauth_address", text));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A forbidden or unknown host needs a person; everything else may pass.
fn no_answer(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    if let Some(refused) = guarded::refused(&error).filter(|refused| refused.retry_after().is_none()) {
        return Fault::give_up("source.oauth_address", format!("the token URL cannot be used: {refused}"));
    }
    answer::unavailable(Duration::from_secs(10), "the OAuth server did not answer").because(error)
}

//! Webhooks, called as carefully as every other server that a user names.

use crate::guarded::{self, BadUrl};
use crate::opener::BadSettings;
use mailcrane_core::Fault;
use mailcrane_core::address::Reach;
use mailcrane_core::ports::webhook::{Call, Webhooks};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::time::Duration;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(8);

/// The longest pause that a receiver may ask for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Calls webhooks over TLS at public addresses; the vetted address is the one that is connected to.
pub struct PublicWebhooks {
    client: Client,
    reach: Reach,
}

fn reach(private: bool) -> Reach {
    if private { Reach::Private } else { Reach::Public }
}

/// Checks a webhook's URL as it is entered: https on the usual port, no user or password in it, no address inside.
/// `private` opens private networks, and plain http and any port there. Returns it as it will be asked.
///
/// # Errors
/// [`BadUrl`], whose text goes on behind "the URL".
pub fn webhook_url(text: &str, private: bool) -> Result<String, BadUrl> {
    guarded::permitted(text, reach(private)).map(String::from)
}

impl PublicWebhooks {
    /// Prepares the client; `pem` holds further authorities to trust, and may be empty.
    ///
    /// # Errors
    /// [`BadSettings`] when the authorities cannot be read.
    pub fn new(private: bool, pem: &str) -> Result<Self, BadSettings> {
        let reach = reach(private);
        let pem = Some(pem).filter(|pem| !pem.trim().is_empty());
        let client = guarded::client(reach, pem, LIMIT);
        let client = client.map_err(|error| BadSettings("webhooks cannot be called", error.into()))?;
        Ok(Self { client, reach })
    }
}

impl Webhooks for PublicWebhooks {
    async fn post(&self, call: &Call) -> Result<(), Fault> {
        let url = guarded::permitted(&call.url, self.reach)
            .map_err(|error| Fault::give_up("webhook.address", format!("the webhook's URL {error}")).because(error))?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(call.body.clone());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(no_answer)?;
        let (status, headers) = (answer.status(), answer.headers());
        let text = format!("the webhook answered {}", status.as_u16());
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(Fault::give_up(
                "webhook.redirected",
                format!("{text}; redirects are not followed, name the final URL"),
            ));
        }
        if status.as_u16() == 410 {
            return Err(Fault::give_up("webhook.gone", format!("{text}: it is gone")));
        }
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = seconds.map(Duration::from_secs).unwrap_or_default().min(LONGEST);
        Err(Fault::retry(after, "webhook.refused", text))
    }
}

/// A forbidden address stays one; everything else may pass.
fn no_answer(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    if let Some(refused) = guarded::refused(&error)
        && refused.code() == "source.address_refused"
    {
        return Fault::give_up("webhook.address", format!("the webhook's URL cannot be used: {refused}"));
    }
    let text = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
    Fault::retry(Duration::ZERO, "webhook.no_answer", format!("the webhook {text}")).because(error)
}

#[cfg(test)]
mod tests;

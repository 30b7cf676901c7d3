//! The member `webhook` of an order or a change: a program that is told what people are told by e-mail.

use mailcrane_core::secret::Secret;
use mailcrane_ends::webhook_url;
use mailcrane_engine::intake::NewWebhook;
use mailcrane_lambda::access;
use mailcrane_lambda::http::{Fields, Problem};

/// Characters of a webhook's secret: 260 random bits.
const SECRET: usize = 52;

/// Reads the object `webhook`; nothing when it is missing, null or wrong. `private` opens an operator's own network.
pub(crate) fn read(fields: &Fields<'_>, private: bool) -> Option<String> {
    let webhook = fields.object("webhook")?;
    let url = webhook.need("url", 2_000).and_then(|url| {
        let read = webhook_url(&url, private);
        read.inspect_err(|error| webhook.fault("url", "field.invalid", error.to_string())).ok()
    });
    webhook.end();
    url
}

/// Makes the secret that signs what a webhook is told.
///
/// # Errors
/// When the machine gives no random octets.
pub(crate) fn new(url: String) -> Result<NewWebhook, Problem> {
    let secret = access::random(SECRET).map_err(|_| Problem::internal())?;
    Ok(NewWebhook { url, secret: Secret::new(secret) })
}

//! What a token endpoint is asked (RFC 6749 sections 4.4 and 6, RFC 7523 section 2.1).

use super::assertion;
use mailcrane_core::record::OauthSecret;
use mailcrane_core::secret::Secret;
use mailcrane_core::{Fault, Timestamp};

/// A form for a token endpoint.
pub(super) struct Form {
    /// The endpoint.
    pub(super) url: String,
    /// Names and values, in order.
    pub(super) fields: Vec<(&'static str, Secret)>,
}

/// Writes the form that asks for a token.
///
/// # Errors
/// `source.oauth_key` when a service account's private key cannot be used.
pub(super) fn form(secret: &OauthSecret, user: &str, now: Timestamp) -> Result<Form, Fault> {
    let text = |text: &str| Secret::new(text);
    Ok(match secret {
        OauthSecret::RefreshToken { token_url, client_id, client_secret, refresh_token, scope } => {
            let mut fields = vec![
                ("grant_type", text("refresh_token")),
                ("client_id", text(client_id)),
                ("refresh_token", refresh_token.clone()),
            ];
            fields.extend(client_secret.clone().map(|secret| ("client_secret", secret)));
            fields.extend(scope.as_deref().map(|scope| ("scope", text(scope))));
            Form { url: token_url.clone(), fields }
        }
        OauthSecret::ClientCredentials { token_url, client_id, client_secret, scope } => Form {
            url: token_url.clone(),
            fields: vec![
                ("grant_type", text("client_credentials")),
                ("client_id", text(client_id)),
                ("client_secret", client_secret.clone()),
                ("scope", text(scope)),
            ],
        },
        OauthSecret::ServiceAccount { token_url, client_email, private_key, scope } => {
            let claims = assertion::Claims { iss: client_email, sub: user, scope, aud: token_url, now };
            Form {
                url: token_url.clone(),
                fields: vec![
                    ("grant_type", text("urn:ietf:params:oauth:grant-type:jwt-bearer")),
                    ("assertion", assertion::signed(&claims, private_key)?),
                ],
            }
        }
    })
}

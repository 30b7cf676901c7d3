//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2), in words a user understands.

use super::request::Form;
use mailcrane_core::Fault;
use mailcrane_core::secret::Secret;
use serde::Deserialize;
use std::time::Duration;

/// How long a token lives when the server does not say.
const USUAL: Duration = Duration::from_secs(3600);

/// A token, and how long it lives from now.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: Secret,
    pub(super) lives: Duration,
}

#[derive(Deserialize)]
struct Document {
    access_token: Option<Secret>,
    expires_in: Option<Lives>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Seconds, which some servers write as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lives {
    Number(u64),
    Text(String),
}

/// Reads an answer.
///
/// # Errors
/// `source.oauth_refused`, `_client`, `_scope` or `_address` when a person must act, `_unavailable` when it may pass.
pub(super) fn read(status: u16, retry_after: Option<Duration>, body: &[u8], form: &Form) -> Result<Granted, Fault> {
    if status == 429 || status >= 500 {
        let after = retry_after.unwrap_or(Duration::from_secs(10));
        return Err(unavailable(after, &format!("the OAuth server answered {status}")));
    }
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        let text = format!("the token URL does not answer like an OAuth 2 server ({status}); check the URL");
        return Err(Fault::give_up("source.oauth_address", text));
    };
    if let (200, Some(token)) = (status, document.access_token) {
        let lives = match document.expires_in {
            Some(Lives::Number(seconds)) => Duration::from_secs(seconds),
            Some(Lives::Text(text)) => text.trim().parse().map_or(USUAL, Duration::from_secs),
            None => USUAL,
        };
        let plain = !token.expose().is_empty() && token.expose().bytes().all(|octet| octet.is_ascii_graphic());
        if plain {
            return Ok(Granted { token, lives: lives.min(Duration::from_secs(24 * 3600)) });
        }
    }
    Err(refused(&document.error, &document.error_description, form))
}

/// Says that the server may answer later.
pub(super) fn unavailable(after: Duration, what: &str) -> Fault {
    Fault::retry(after.min(Duration::from_secs(3600)), "source.oauth_unavailable", format!("{what}; it is tried again"))
}

fn refused(error: &str, description: &str, form: &Form) -> Fault {
    let (code, text) = match error {
        "invalid_grant" => (
            "source.oauth_refused",
            "the OAuth server no longer accepts this grant: it has expired or was withdrawn, or the mailbox is not \
             covered by it; grant the access again",
        ),
        "invalid_client" | "unauthorized_client" => (
            "source.oauth_client",
            "the OAuth server does not accept this application; check the client id, its secret and that an \
             administrator has allowed it",
        ),
        "invalid_scope" => ("source.oauth_scope", "the OAuth server does not know this scope; check its spelling"),
        _ => ("source.oauth_refused", "the OAuth server gave no token; check what was entered for OAuth"),
    };
    let said: String = clean(&format!("{error} {description}"), form);
    let said = if said.is_empty() { "nothing more".to_owned() } else { said };
    Fault::give_up(code, format!("{text}. The server said: {said}"))
}

/// Shortens the words of a server, and takes out secrets that it may repeat.
fn clean(text: &str, form: &Form) -> String {
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for (name, value) in &form.fields {
        if matches!(*name, "client_secret" | "refresh_token" | "assertion") && !value.expose().is_empty() {
            text = text.replace(value.expose(), "<redacted>");
        }
    }
    text.trim().chars().take(300).collect()
}

//! OAuth 2 access tokens: fetched with what the vault keeps, and kept until shortly before they expire.

mod answer;
mod assertion;
mod endpoint;
mod request;

pub(crate) use endpoint::TokenEndpoint;

use answer::Granted;
use mailcrane_core::digest::Digest;
use mailcrane_core::record::OauthSecret;
use mailcrane_core::secret::Secret;
use mailcrane_core::{Fault, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A token is fetched anew so long before it expires, so that a chunk does not lose it in the middle.
const MARGIN: Duration = Duration::from_secs(300);

/// The access tokens of one process.
pub(crate) struct Tokens {
    endpoint: TokenEndpoint,
    now: fn() -> Timestamp,
    kept: Mutex<HashMap<Digest, Kept>>,
}

#[derive(Clone)]
struct Kept {
    token: Secret,
    until: Timestamp,
}

/// A token, and whether it was kept from earlier.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) token: Secret,
    pub(crate) kept: bool,
}

impl Tokens {
    pub(crate) fn new(endpoint: TokenEndpoint, now: fn() -> Timestamp) -> Self {
        Self { endpoint, now, kept: Mutex::default() }
    }

    /// Returns a token for a mailbox: a kept one, or a new one.
    ///
    /// # Errors
    /// `source.oauth_*`: the grant is refused, or the server does not answer.
    pub(crate) async fn token(&self, secret: &OauthSecret, user: &str) -> Result<Token, Fault> {
        let (name, now) = (name(secret, user)?, (self.now)());
        let kept = self.locked().get(&name).filter(|kept| kept.until > now).cloned();
        if let Some(kept) = kept {
            return Ok(Token { token: kept.token, kept: true });
        }
        let form = request::form(secret, user, now)?;
        let Granted { token, lives } = self.endpoint.ask(&form).await?;
        let until = now.checked_add(lives.saturating_sub(MARGIN.min(lives / 5))).unwrap_or(now);
        let mut all = self.locked();
        all.retain(|_, kept| kept.until > now);
        all.insert(name, Kept { token: token.clone(), until });
        Ok(Token { token, kept: false })
    }

    /// Forgets a token that a server has refused.
    pub(crate) fn forget(&self, secret: &OauthSecret, user: &str) {
        if let Ok(name) = name(secret, user) {
            self.locked().remove(&name);
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a token by what it was fetched with; only a service account's token is for one user.
fn name(secret: &OauthSecret, user: &str) -> Result<Digest, Fault> {
    let of = match secret {
        OauthSecret::ServiceAccount { .. } => user,
        OauthSecret::RefreshToken { .. } | OauthSecret::ClientCredentials { .. } => "",
    };
    let text = serde_json::to_string(&(of, secret)).map_err(|error| {
        Fault::give_up("vault.unreadable", "the credentials cannot be read; enter them again").because(error)
    })?;
    Ok(Digest::of(text.as_bytes()))
}

#[cfg(test)]
mod tests;

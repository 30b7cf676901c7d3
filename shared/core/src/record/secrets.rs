//! The secrets of an account, as they are sealed in the vault; never an item of the main table.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// What an account signs in with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    /// The source user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_password: Option<Secret>,
    /// The source's administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_admin_user: Option<String>,
    /// The source administrator's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_admin_password: Option<Secret>,
    /// What an OAuth 2 access token is fetched with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_oauth: Option<OauthSecret>,
    /// The destination user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_password: Option<Secret>,
}

/// The kind of what an OAuth 2 access token is fetched with; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthKind {
    /// A user's refresh token, which opens one mailbox.
    RefreshToken,
    /// An application that signs in by itself.
    ClientCredentials,
    /// A Google service account with domain-wide delegation.
    ServiceAccount,
}

/// What an OAuth 2 access token is fetched with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OauthSecret {
    /// A user's refresh token (RFC 6749 section 6).
    RefreshToken {
        /// Where tokens are fetched.
        token_url: String,
        /// The client.
        client_id: String,
        /// The client's secret, for clients that have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_secret: Option<Secret>,
        /// The refresh token.
        refresh_token: Secret,
        /// The scope, when the server wants it named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
    /// An application that signs in by itself (RFC 6749 section 4.4): Microsoft 365 app-only.
    ClientCredentials {
        /// Where tokens are fetched.
        token_url: String,
        /// The client.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// The scope.
        scope: String,
    },
    /// A Google service account with domain-wide delegation (RFC 7523).
    ServiceAccount {
        /// Where tokens are fetched.
        token_url: String,
        /// The service account's address.
        client_email: String,
        /// Its private key, PEM (PKCS #8).
        private_key: Secret,
        /// The scope.
        scope: String,
    },
}

impl OauthSecret {
    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> OauthKind {
        match self {
            Self::RefreshToken { .. } => OauthKind::RefreshToken,
            Self::ClientCredentials { .. } => OauthKind::ClientCredentials,
            Self::ServiceAccount { .. } => OauthKind::ServiceAccount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_kind_is_called_as_the_secret_calls_it() {
        let all = json!({"token_url": "u", "client_id": "c", "client_secret": "s", "refresh_token": "r", "scope": "o",
            "client_email": "e", "private_key": "p"});
        for kind in ["refresh_token", "client_credentials", "service_account"] {
            let mut secret = all.clone();
            secret["kind"] = Value::from(kind);
            let secret: OauthSecret = serde_json::from_value(secret).unwrap();
            assert_eq!(serde_json::to_value(secret.kind()).unwrap(), kind);
        }
    }
}

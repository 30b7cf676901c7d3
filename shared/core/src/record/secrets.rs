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

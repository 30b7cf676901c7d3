//! A mail provider: where its IMAP server listens and how one signs in there.

use mailcrane_core::ports::source::{Endpoint, Security};
use serde::{Deserialize, Serialize};

/// What a provider is known for; one entry of `providers.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// A stable name in small letters, digits and `_`.
    pub id: String,
    /// The name that people know.
    pub name: String,
    /// The IMAP server.
    pub host: String,
    /// Other names of the same server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// What the user name is.
    pub username: UsernameForm,
    /// Domains of its addresses; `*.example.org` means every domain under `example.org`.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Ends of the names of its mail exchangers, for customers with a domain of their own.
    #[serde(default)]
    pub mx: Vec<String>,
    /// The ways to sign in, the one to recommend first.
    pub auth: Vec<Auth>,
    /// What the user does before, in a sentence or two.
    pub hint: Hint,
    /// Further words that people search for.
    #[serde(default, skip_serializing)]
    pub words: Vec<String>,
    /// How many connections to one mailbox it allows at a time, where it says so.
    #[serde(default)]
    pub max_connections: Option<u16>,
    /// How many octets of one mailbox may be read in a day, where it says so.
    #[serde(default)]
    pub daily_bytes: Option<u64>,
    /// Whether folders are labels and the server speaks X-GM-EXT-1.
    #[serde(default)]
    pub gmail: bool,
    /// How an administrator opens the mailboxes of others, where that is offered.
    #[serde(default)]
    pub admin: Option<Admin>,
    /// Where OAuth 2 tokens are fetched, where that is known.
    #[serde(default)]
    pub oauth: Option<Oauth>,
}

/// Where OAuth 2 tokens of a provider are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth {
    /// The token endpoint; `{tenant}` stands for the customer's directory.
    pub token_url: String,
    /// The tenant when none is named.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The scope of a user's refresh token.
    pub user_scope: String,
    /// The scope of an application or service account, where there is such a thing.
    #[serde(default)]
    pub application_scope: Option<String>,
}

impl Oauth {
    /// Returns the token endpoint of a tenant, or the one for everybody.
    #[must_use]
    pub fn token_url(&self, tenant: Option<&str>) -> String {
        let tenant = tenant.or(self.tenant.as_deref()).unwrap_or_default();
        self.token_url.replace("{tenant}", tenant)
    }
}

/// What the user name of a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsernameForm {
    /// The e-mail address.
    #[default]
    Email,
    /// The part before the `@`.
    Local,
    /// Either of them.
    Either,
}

impl UsernameForm {
    /// Makes the user name that belongs to an address.
    #[must_use]
    pub fn of(self, email: &str) -> String {
        match self {
            Self::Email | Self::Either => email.to_owned(),
            Self::Local => email.rsplit_once('@').map_or(email, |(local, _)| local).to_owned(),
        }
    }
}

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// The mailbox's own password.
    Password,
    /// A password that the user makes for this one program.
    AppPassword,
    /// An OAuth 2 token.
    Oauth2,
}

/// How an administrator opens the mailboxes of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admin {
    /// A Google service account with domain-wide delegation.
    GoogleServiceAccount,
    /// A Microsoft application with the permission IMAP.AccessAsApp.
    MicrosoftApp,
    /// AUTHENTICATE PLAIN with an authorization identity (RFC 4616).
    Authzid,
    /// LOGIN `user*admin`.
    Master,
    /// LOGIN `domain\admin\alias`.
    Exchange,
}

/// What the user does before, in the languages of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// In English.
    pub en: String,
    /// In German.
    pub de: String,
}

impl Provider {
    /// Returns where its server listens.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { host: self.host.clone(), port: self.port, security: self.security, fingerprint: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_the_address_or_its_first_part() {
        assert_eq!(UsernameForm::Email.of("anna@example.org"), "anna@example.org");
        assert_eq!(UsernameForm::Local.of("anna@example.org"), "anna");
        assert_eq!(UsernameForm::Either.of("anna@example.org"), "anna@example.org");
    }
}

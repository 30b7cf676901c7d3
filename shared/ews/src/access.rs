//! The three ways into a mailbox: as its user, as the migration administrator, by impersonation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailcrane_core::fault::Fault;
use mailcrane_core::secret::Secret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::soap::FolderRef;
use crate::soap::folder::Distinguished;

/// Gives a new impersonation token each time it is called (`AssumeImpersonationRole`, valid for 15 minutes).
pub type TokenSource = Arc<dyn Fn() -> TokenFuture + Send + Sync>;

/// What a [`TokenSource`] returns.
pub type TokenFuture = Pin<Box<dyn Future<Output = Result<Secret, Fault>> + Send>>;

/// How to get into one mailbox.
#[derive(Clone)]
pub enum Access {
    /// As the user of the mailbox (Basic).
    User {
        /// Primary e-mail address.
        email: String,
        /// Password or personal access token.
        password: Secret,
    },
    /// As a user who has permission on the mailbox (Basic, folders named with the mailbox).
    Administrator {
        /// The administrator's e-mail address.
        email: String,
        /// The administrator's password.
        password: Secret,
        /// Primary address of the mailbox to open.
        mailbox: String,
    },
    /// By an impersonation role (Bearer, `ExchangeImpersonation`), without any password.
    Impersonation {
        /// Where tokens come from.
        token: TokenSource,
        /// Primary address of the mailbox to open.
        mailbox: String,
    },
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User { .. } => "User",
            Self::Administrator { .. } => "Administrator",
            Self::Impersonation { .. } => "Impersonation",
        })
    }
}

impl Access {
    /// Gives the address of the mailbox that is opened.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        match self {
            Self::User { email, .. } => email,
            Self::Administrator { mailbox, .. } | Self::Impersonation { mailbox, .. } => mailbox,
        }
    }

    /// Gives whom the request header impersonates.
    pub(crate) fn impersonates(&self) -> Option<&str> {
        match self {
            Self::Impersonation { mailbox, .. } => Some(mailbox),
            Self::User { .. } | Self::Administrator { .. } => None,
        }
    }

    /// Gives the reference to a distinguished folder of the mailbox.
    pub(crate) fn folder(&self, which: Distinguished) -> FolderRef {
        let named = match self {
            Self::Administrator { mailbox, .. } => Some(mailbox.clone()),
            Self::User { .. } | Self::Impersonation { .. } => None,
        };
        FolderRef::Distinguished(which, named)
    }
}

/// A token is replaced at this age; it is valid for two minutes more.
const TOKEN_AGE: Duration = Duration::from_secs(13 * 60);

/// Makes the `Authorization` header and keeps the token of an impersonation.
#[derive(Debug)]
pub(crate) struct Authorizer {
    access: Access,
    token: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    since: Instant,
    number: u64,
}

/// A header value and the number of the token in it.
#[derive(Debug)]
pub(crate) struct Authorization {
    pub(crate) header: Secret,
    number: u64,
}

impl Authorizer {
    pub(crate) fn new(access: Access) -> Self {
        Self { access, token: Mutex::new(None) }
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Gives the header to send.
    pub(crate) async fn authorization(&self) -> Result<Authorization, Fault> {
        match &self.access {
            Access::User { email, password } | Access::Administrator { email, password, .. } => {
                Ok(Authorization { header: basic(email, password), number: 0 })
            }
            Access::Impersonation { token, .. } => self.bearer(token, None).await,
        }
    }

    /// Gives another header after `refused` was answered with 401; `None` when there is no other.
    pub(crate) async fn another(&self, refused: &Authorization) -> Option<Result<Authorization, Fault>> {
        match &self.access {
            Access::User { .. } | Access::Administrator { .. } => None,
            Access::Impersonation { token, .. } => Some(self.bearer(token, Some(refused.number)).await),
        }
    }

    /// Requests that were refused at the same time share one new token.
    async fn bearer(&self, source: &TokenSource, refused: Option<u64>) -> Result<Authorization, Fault> {
        let mut kept = self.token.lock().await;
        let mut number = 1;
        if let Some(kept) = kept.as_ref() {
            if refused.is_none_or(|refused| refused != kept.number) && kept.since.elapsed() < TOKEN_AGE {
                return Ok(Authorization { header: bearer(&kept.token), number: kept.number });
            }
            number = kept.number.saturating_add(1);
        }
        let token = source().await?;
        let header = bearer(&token);
        *kept = Some(Kept { token, since: Instant::now(), number });
        Ok(Authorization { header, number })
    }
}

fn basic(email: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{email}:{}", password.expose()))))
}

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.expose()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counting() -> (Authorizer, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&count);
        let token: TokenSource = Arc::new(move || {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Ok(Secret::new(format!("token-{n}"))) })
        });
        (Authorizer::new(Access::Impersonation { token, mailbox: "anna@example.org".into() }), count)
    }

    #[tokio::test]
    async fn one_token_serves_many_requests() {
        let (authorizer, count) = counting();
        for _ in 0..3 {
            let header = authorizer.authorization().await.expect("a token").header;
            assert_eq!(header.expose(), "Bearer token-0");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn requests_refused_at_the_same_time_share_one_new_token() {
        let (authorizer, count) = counting();
        let first = authorizer.authorization().await.expect("a token");
        let second = authorizer.authorization().await.expect("a token");
        let one = authorizer.another(&first).await.expect("another").expect("a token");
        let two = authorizer.another(&second).await.expect("another").expect("a token");
        assert_eq!((one.header.expose(), two.header.expose()), ("Bearer token-1", "Bearer token-1"));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_before_it_runs_out() {
        let (authorizer, count) = counting();
        authorizer.authorization().await.expect("a token");
        tokio::time::advance(TOKEN_AGE).await;
        authorizer.authorization().await.expect("a token");
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_wrong_password_has_no_second_try() {
        let access = Access::User { email: "anna@example.org".into(), password: Secret::new("geheim ü") };
        let authorizer = Authorizer::new(access);
        let header = authorizer.authorization().await.expect("a header");
        assert_eq!(header.header.expose(), "Basic YW5uYUBleGFtcGxlLm9yZzpnZWhlaW0gw7w=");
        assert!(authorizer.another(&header).await.is_none());
    }
}

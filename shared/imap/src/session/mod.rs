//! A signed-in session that reads one mailbox.

pub mod fetch;
mod folders;
pub mod link;
mod open;
pub mod opening;
mod roles;
mod scan;

use crate::connect::{Network, TlsSettings};
use crate::failure::Failure;
use crate::transport::Verbs;
use crate::wire::capability::Capabilities;
use link::Link;
use mailcrane_core::Fault;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::source::{Credentials, Endpoint, Examined, FetchFeed, Filing, ScanDepth, Source, Sources};
use mailcrane_core::uid::{UidRange, UidValidity};
use opening::Opening;
use std::time::Duration;
use tokio::time::timeout;

/// Opens sessions at IMAP servers.
#[derive(Clone)]
pub struct ImapSources {
    opening: Opening,
    /// How many UID FETCH commands are in flight at a time.
    depth: usize,
}

impl ImapSources {
    /// Takes over how sessions are opened; two commands are in flight at a time.
    #[must_use]
    pub fn new(opening: Opening) -> Self {
        Self { opening, depth: 2 }
    }

    /// Sources over TCP, as a service uses them.
    ///
    /// # Errors
    /// When the further authorities cannot be read.
    pub fn over_tcp(network: Network, tls: &TlsSettings) -> Result<Self, Failure> {
        Ok(Self::new(Opening::over_tcp(network, tls, Verbs::Source)?))
    }

    /// Changes how many UID FETCH commands are in flight at a time, 1 to 4.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        self.depth = depth.clamp(1, 4);
        self
    }
}

impl Sources for ImapSources {
    type Session = ImapSession;

    async fn open(&self, endpoint: &Endpoint, credentials: &Credentials) -> Result<ImapSession, Fault> {
        Ok(ImapSession::open(self.opening.clone(), endpoint, credentials, self.depth).await?)
    }
}

/// One signed-in session.
pub struct ImapSession {
    opening: Opening,
    endpoint: Endpoint,
    credentials: Credentials,
    depth: usize,
    pub(crate) link: Link,
    pub(crate) capabilities: Capabilities,
    greeting: String,
    pub(crate) current: Option<(WireName, Examined)>,
}

impl ImapSession {
    pub(crate) async fn open(
        opening: Opening,
        endpoint: &Endpoint,
        credentials: &Credentials,
        depth: usize,
    ) -> Result<Self, Failure> {
        let opened = Box::pin(opening.open(endpoint, credentials)).await?;
        let mut session = Self {
            opening,
            endpoint: endpoint.clone(),
            credentials: credentials.clone(),
            depth,
            link: opened.link,
            capabilities: opened.capabilities,
            greeting: opened.greeting,
            current: None,
        };
        session.introduce().await?;
        Ok(session)
    }

    /// Says who we are where the server wants to know (163.com gives nothing without). Nobody waits for the answer: it
    /// comes before that of the next command, and a refusal counts for nothing.
    async fn introduce(&mut self) -> Result<(), Failure> {
        if self.capabilities.has("ID") {
            let command = format!("ID (\"name\" \"Mailcrane\" \"version\" \"{}\")", env!("CARGO_PKG_VERSION"));
            self.link.send(&command).await?;
        }
        Ok(())
    }

    /// Opens a new connection in place of a broken one, and the same folder on it.
    async fn reopen(&mut self) -> Result<(), Failure> {
        let opened = Box::pin(self.opening.open(&self.endpoint, &self.credentials)).await;
        let opened = opened.map_err(|failure| match failure {
            // It let us in before: whoever opens the next session fetches another token.
            Failure::TokenRefused { text } => Failure::TokenExpired { text },
            other => other,
        })?;
        self.link = opened.link;
        self.capabilities = opened.capabilities;
        self.introduce().await?;
        if let Some((folder, before)) = self.current.clone() {
            let now = self.open_folder(&folder).await?;
            if now.uidvalidity != before.uidvalidity {
                return Err(Failure::Renumbered);
            }
        }
        Ok(())
    }

    /// Tells whether the server speaks Gmail's extensions.
    #[must_use]
    pub fn is_gmail(&self) -> bool {
        self.capabilities.has("X-GM-EXT-1")
    }
}

impl Source for ImapSession {
    fn filing(&self) -> Filing {
        if self.is_gmail() { Filing::Labels } else { Filing::Folders }
    }

    async fn folders(&mut self) -> Result<Vec<SourceFolder>, Fault> {
        Ok(self.list_folders().await?)
    }

    async fn examine(&mut self, folder: &WireName) -> Result<Examined, Fault> {
        self.current = None;
        let examined = self.open_folder(folder).await?;
        self.current = Some((folder.clone(), examined));
        Ok(examined)
    }

    async fn scan(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
        Ok(self.scan_range(range, depth).await?)
    }

    async fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Fault> {
        Ok(self.fetch_all(feed).await?)
    }

    async fn fetch_of<F: FetchFeed>(
        &mut self,
        folder: &WireName,
        uidvalidity: UidValidity,
        feed: &mut F,
    ) -> Result<bool, Fault> {
        Ok(self.open_and_fetch(folder, uidvalidity, feed).await?)
    }

    async fn close(self) {
        if timeout(Duration::from_secs(5), self.link.logout()).await.is_err() {
            tracing::debug!("the server did not answer LOGOUT in time");
        }
    }
}

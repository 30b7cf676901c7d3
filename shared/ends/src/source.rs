//! The adapters of a source, one of which is chosen at run time.

use mailcrane_core::Fault;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::source::{Examined, FetchFeed, Filing, ScanDepth, Source};
use mailcrane_core::uid::{UidRange, UidValidity};
use mailcrane_ews::WorkMailSource;
use mailcrane_imap::ImapSession;

/// A session at one of the sources that we can read.
#[allow(clippy::large_enum_variant, reason = "one value per lane; it is not moved about")]
pub enum AnySource {
    /// An IMAP server.
    Imap(ImapSession),
    /// Amazon WorkMail over EWS.
    Workmail(WorkMailSource),
}

impl Source for AnySource {
    fn filing(&self) -> Filing {
        match self {
            Self::Imap(session) => session.filing(),
            Self::Workmail(mailbox) => mailbox.filing(),
        }
    }

    async fn folders(&mut self) -> Result<Vec<SourceFolder>, Fault> {
        match self {
            Self::Imap(session) => session.folders().await,
            Self::Workmail(mailbox) => mailbox.folders().await,
        }
    }

    async fn examine(&mut self, folder: &WireName) -> Result<Examined, Fault> {
        match self {
            Self::Imap(session) => session.examine(folder).await,
            Self::Workmail(mailbox) => mailbox.examine(folder).await,
        }
    }

    async fn scan(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
        match self {
            Self::Imap(session) => session.scan(range, depth).await,
            Self::Workmail(mailbox) => mailbox.scan(range, depth).await,
        }
    }

    async fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Fault> {
        match self {
            Self::Imap(session) => session.fetch(feed).await,
            Self::Workmail(mailbox) => mailbox.fetch(feed).await,
        }
    }

    async fn fetch_of<F: FetchFeed>(
        &mut self,
        folder: &WireName,
        uidvalidity: UidValidity,
        feed: &mut F,
    ) -> Result<bool, Fault> {
        match self {
            Self::Imap(session) => session.fetch_of(folder, uidvalidity, feed).await,
            Self::Workmail(mailbox) => mailbox.fetch_of(folder, uidvalidity, feed).await,
        }
    }

    async fn close(self) {
        match self {
            Self::Imap(session) => session.close().await,
            Self::Workmail(mailbox) => mailbox.close().await,
        }
    }
}

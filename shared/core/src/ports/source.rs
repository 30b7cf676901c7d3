//! A source: one signed-in session that reads one mailbox and never alters it.

use crate::fault::Fault;
use crate::folder::{SourceFolder, WireName};
use crate::message::{FetchOutcome, Fetched, ScanRow};
use crate::secret::Secret;
use crate::uid::{Uid, UidRange, UidValidity};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// How a connection to a server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first octet (port 993).
    #[default]
    Tls,
    /// TLS after STARTTLS (port 143); never silently without.
    Starttls,
    /// No protection; only when asked for by name.
    None,
}

/// Where a mail server listens, as a user entered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name or an address; vetted by the adapter before it connects.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The protection.
    #[serde(default)]
    pub security: Security,
    /// The SHA-256 of the certificate that is accepted although no authority vouches for it: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// How to prove who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credentials {
    /// User and password: LOGIN, or AUTHENTICATE PLAIN where the text needs it.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An administrator signs in for a user.
    Administrator {
        /// The mailbox's user.
        user: String,
        /// The administrator.
        admin_user: String,
        /// The administrator's password.
        admin_password: Secret,
        /// How the server wants to be told.
        scheme: AdminScheme,
    },
    /// An OAuth 2 access token: XOAUTH2, or OAUTHBEARER where only that is offered.
    Token {
        /// The user.
        user: String,
        /// The access token.
        token: Secret,
    },
}

/// How an administrator names the mailbox to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminScheme {
    /// Tries PLAIN with an authorization identity, then `user*admin`.
    #[default]
    Auto,
    /// AUTHENTICATE PLAIN with the user as the authorization identity (RFC 4616).
    Authzid,
    /// LOGIN `user*admin` (Dovecot master users).
    Master,
    /// LOGIN `domain\admin\alias` (Exchange on premises).
    Exchange,
}

/// What a folder looks like when it is opened for reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Examined {
    /// UIDVALIDITY; 0 when the server names none.
    pub uidvalidity: UidValidity,
    /// UIDNEXT, computed by the adapter when the server names none.
    pub uidnext: Uid,
    /// How many messages the folder holds.
    pub exists: u64,
}

/// What the folders of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filing {
    /// Places: a message is in one of them.
    #[default]
    Folders,
    /// Labels (Gmail, X-GM-EXT-1): a message is in each that it has, and in the folder of all messages. Scans tell
    /// [`ScanRow::gmail_id`] and the labels.
    Labels,
}

/// How much a scan asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanDepth {
    /// UID, flags, INTERNALDATE and size.
    Plain,
    /// The same and the Message-ID header.
    MessageId,
}

/// Whether a body is worth its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Read and keep it.
    Keep,
    /// Read it through without keeping it; its digest is made on the way.
    Drain,
}

/// The other side of a fetch: gives out what is to be read and takes what was read.
///
/// The adapter pulls the next batch whenever it may send another command, so a feed that has no more stops
/// the fetch without breaking the connection. For every UID it gave out the feed gets exactly one
/// [`Fetched`], unless the fetch ends in a fault. [`FetchFeed::admit`] comes before the body is read and may
/// wait for memory; that is what holds back the server. `next_batch` must not wait for a `put`.
pub trait FetchFeed: Send {
    /// Gives the next UIDs to read, ascending, at most about 200 messages or 8 MiB; nothing when all are given out.
    fn next_batch(&mut self) -> impl Future<Output = Option<Vec<Uid>>> + Send;

    /// Decides on a body of exactly that many octets. Called once for each literal, also when the UID is not known yet.
    fn admit(&mut self, octets: u64) -> impl Future<Output = Admission> + Send;

    /// Takes a piece of a body that is read through, with its UID where the server has told it. The pieces of a body come
    /// in order and without a gap; after another `admit` they are those of another body.
    fn pass(&mut self, _uid: Option<Uid>, _piece: &Bytes) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Takes over the outcome of one UID.
    fn put(&mut self, fetched: Fetched) -> impl Future<Output = ()> + Send;
}

/// One signed-in session. After a fault with the remedy `RetryAfter` the session is not used again, a new one
/// is opened; after other faults it may be used on.
pub trait Source: Send {
    /// Tells what its folders are.
    fn filing(&self) -> Filing {
        Filing::Folders
    }

    /// Lists every folder, parents before children, INBOX first; never twice the same wire name.
    fn folders(&mut self) -> impl Future<Output = Result<Vec<SourceFolder>, Fault>> + Send;

    /// Opens a folder with EXAMINE. The folder stays open for scans and fetches until the next call.
    ///
    /// A folder that is gone is a fault with the code `source.folder_gone`; one that is there and cannot be opened has
    /// `source.folder_refused`.
    fn examine(&mut self, folder: &WireName) -> impl Future<Output = Result<Examined, Fault>> + Send;

    /// Lists the messages of the open folder in the range, ascending and without repetition. The caller keeps the
    /// range small enough for memory. A tagged NO is a fault, never an empty list.
    fn scan(&mut self, range: UidRange, depth: ScanDepth) -> impl Future<Output = Result<Vec<ScanRow>, Fault>> + Send;

    /// Reads messages of the open folder, with two or three commands in flight.
    ///
    /// An asked UID that the server does not answer is looked for again alone; it ends as `Vanished` or `Unreadable`,
    /// never in silence. On a fault the UIDs not yet put are unknown to the caller, who asks for them again.
    fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Opens a folder and reads messages of it, if it has that UIDVALIDITY; tells whether it has.
    ///
    /// A session may ask for the first messages before it knows. After `false`, and after any fault, it is not used again.
    fn fetch_of<F: FetchFeed>(
        &mut self,
        folder: &WireName,
        uidvalidity: UidValidity,
        feed: &mut F,
    ) -> impl Future<Output = Result<bool, Fault>> + Send {
        async move {
            if self.examine(folder).await?.uidvalidity != uidvalidity {
                return Ok(false);
            }
            self.fetch(feed).await.map(|()| true)
        }
    }

    /// Signs out, best effort.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Opens sessions.
pub trait Sources: Send + Sync {
    /// The sessions it opens.
    type Session: Source;

    /// Connects and signs in. Faults carry the codes `source.*` and messages that tell a user what to do.
    fn open(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<Self::Session, Fault>> + Send;
}

impl FetchOutcome {
    /// Returns how many octets of memory the outcome holds.
    #[must_use]
    pub fn held(&self) -> u64 {
        match self {
            Self::Message(message) => message.raw.len() as u64,
            Self::Drained { .. } | Self::Vanished | Self::Unreadable { .. } => 0,
        }
    }
}

//! An IMAP server as destination: APPEND, CREATE and UID EXPUNGE, and nothing else that alters.
//!
//! Messages keep no key of ours and some servers change their UIDs, so what an unanswered APPEND did is found
//! out by listing the folder.

mod append;
mod delete;
mod item;
mod line;
mod place;

use crate::failure::Failure;
use crate::session::ImapSession;
use crate::session::opening::Opening;
use crate::transport::Verbs;
use append::Storing;
use item::Location;
use line::{Line, Shared};
use mailcrane_core::Fault;
use mailcrane_core::folder::{DestinationFolder, FolderId, Role, WireName};
use mailcrane_core::key::KeyPrefix;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Deleted, Destination, Features, ItemId, ListPage, ListedItem, Stored};
use mailcrane_core::ports::source::{Credentials, Endpoint, ScanDepth, Source as _};
use mailcrane_core::uid::{Uid, UidRange};
use std::time::Duration;
use tokio::time::timeout;

/// How many UIDs one page of a listing spans.
const PAGE: u32 = 5_000;
/// What a server without APPENDLIMIT is believed to take.
const MAX_MESSAGE: u64 = 40 * 1024 * 1024;

/// One mailbox at an IMAP server that messages are stored into, over one connection with several requests in flight.
pub struct ImapDestination {
    opening: Opening,
    endpoint: Endpoint,
    credentials: Credentials,
    features: Features,
    /// Whether several messages may go in one command.
    several: bool,
    shared: Shared,
}

impl ImapDestination {
    /// Connects and signs in.
    ///
    /// # Errors
    /// As a source does, with codes `destination.*`.
    pub async fn open(opening: &Opening, endpoint: &Endpoint, credentials: &Credentials) -> Result<Self, Fault> {
        let opening = Opening { verbs: Verbs::Destination, ..opening.clone() };
        let session = ImapSession::open(opening.clone(), endpoint, credentials, 1).await.map_err(fault)?;
        let limit = session.capabilities.words().find_map(|word| word.strip_prefix("APPENDLIMIT=")?.parse().ok());
        let features = Features {
            find_by_key: false,
            keeps_key: false,
            parallel: false,
            stable_ids: session.capabilities.has("UIDPLUS"),
            max_message: limit.unwrap_or(MAX_MESSAGE),
            max_attachment: u64::MAX,
            max_batch_items: 50,
            max_batch_octets: 4 * 1024 * 1024,
            request_limit: Duration::from_secs(120),
            search_lag: Duration::ZERO,
            not_kept: Vec::new(),
        };
        let several = session.capabilities.has("MULTIAPPEND");
        let (endpoint, credentials) = (endpoint.clone(), credentials.clone());
        Ok(Self { opening, endpoint, credentials, features, several, shared: Shared::new(session) })
    }

    /// Signs out, best effort.
    pub async fn close(self) {
        if let Some(session) = self.shared.into_inner() {
            session.close().await;
        }
    }

    /// Takes the connection, a new one when the last broke. Who does not put it back lets it go, and with it every
    /// request that is not answered.
    async fn take(&self, slot: &mut Option<Line>) -> Result<Line, Failure> {
        match slot.take() {
            Some(line) => Ok(line),
            None => {
                let session = ImapSession::open(self.opening.clone(), &self.endpoint, &self.credentials, 1).await?;
                Ok(Line::new(session))
            }
        }
    }

    /// Runs one call within the request limit, once every request before it is answered; a session that broke, or was
    /// cut off, is not used again.
    async fn call<T>(&self, run: impl AsyncCall<T>) -> Result<T, Fault> {
        let whole = async {
            let mut slot = self.shared.turn().await;
            let mut line = self.take(&mut slot).await?;
            line.quiet().await?;
            let outcome = run.run(&mut line.session).await;
            if !outcome.as_ref().is_err_and(Failure::breaks_connection) {
                *slot = Some(line);
            }
            outcome
        };
        match timeout(self.features.request_limit, whole).await {
            Ok(outcome) => outcome.map_err(fault),
            Err(_elapsed) => Err(late()),
        }
    }
}

/// One request to a session.
trait AsyncCall<T>: Send {
    /// Makes the request.
    fn run(self, session: &mut ImapSession) -> impl Future<Output = Result<T, Failure>> + Send;
}

struct ListFolders;

impl AsyncCall<Vec<DestinationFolder>> for ListFolders {
    async fn run(self, session: &mut ImapSession) -> Result<Vec<DestinationFolder>, Failure> {
        Ok(place::folders(&session.list_folders().await?))
    }
}

struct Create<'a> {
    parent: Option<&'a FolderId>,
    name: &'a str,
    role: Option<Role>,
}

impl AsyncCall<FolderId> for Create<'_> {
    async fn run(self, session: &mut ImapSession) -> Result<FolderId, Failure> {
        session.create_folder(self.parent, self.name, self.role).await
    }
}

struct List<'a> {
    folder: &'a FolderId,
    from: Uid,
}

impl AsyncCall<ListPage> for List<'_> {
    async fn run(self, session: &mut ImapSession) -> Result<ListPage, Failure> {
        let wire = place::wire(self.folder);
        let last = Uid::new(self.from.get().saturating_add(PAGE - 1)).unwrap_or(Uid::MAX);
        let range = UidRange::new(self.from, last).unwrap_or(UidRange::ALL);
        let (examined, rows) = match &session.current {
            // Further pages are those of the folder as the first one found it.
            Some((folder, examined)) if *folder == wire && self.from > Uid::MIN => {
                (*examined, session.scan_range(range, ScanDepth::MessageId).await?)
            }
            _ => session.open_and_scan(&wire, range, ScanDepth::MessageId).await?,
        };
        if examined.exists == 0 {
            return Ok(ListPage::default());
        }
        let listed = |row: mailcrane_core::message::ScanRow| ListedItem {
            id: Location::new(&wire, examined.uidvalidity, row.uid).id(),
            folder: Some(self.folder.clone()),
            key: None,
            message_id: row.message_id,
            size: Some(row.size),
            received: row.received,
            touched: false,
        };
        let more = last < examined.uidnext && last < Uid::MAX;
        let next = more.then(|| last.get().saturating_add(1).to_string());
        Ok(ListPage { items: rows.into_iter().map(listed).collect(), next })
    }
}

impl Destination for ImapDestination {
    fn features(&self) -> &Features {
        &self.features
    }

    async fn folders(&self) -> Result<Vec<DestinationFolder>, Fault> {
        Box::pin(self.call(ListFolders)).await
    }

    async fn create_folder(
        &self,
        parent: Option<&FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        Box::pin(self.call(Create { parent, name, role })).await
    }

    async fn store(&self, folder: &FolderId, items: &[NewItem]) -> Vec<Stored> {
        let wire: WireName = place::wire(folder);
        let mut storing = Storing::of(items.len());
        let whole = self.append_all(&wire, items, &mut storing);
        let ended = Box::pin(timeout(self.features.request_limit, whole)).await;
        storing.end(|| match &ended {
            Ok(Err(failure)) => describe(failure),
            _ => late(),
        })
    }

    async fn list(&self, folder: &FolderId, page: Option<&str>) -> Result<ListPage, Fault> {
        let from = page.and_then(|page| page.parse().ok()).and_then(Uid::new).unwrap_or(Uid::MIN);
        Box::pin(self.call(List { folder, from })).await
    }

    async fn find(&self, _prefix: KeyPrefix, _range: UidRange) -> Result<Vec<ListedItem>, Fault> {
        Err(Fault::give_up("destination.no_search", "This destination keeps no keys; its folders are listed instead."))
    }

    async fn delete(&self, items: &[ItemId]) -> Vec<Deleted> {
        let mut outcomes = Vec::new();
        for item in items {
            outcomes.push(match Box::pin(self.call(delete::Delete(item))).await {
                Ok(deleted) => deleted,
                Err(fault) => Deleted::Kept(fault),
            });
        }
        outcomes
    }
}

/// Names the destination in the code of a failure.
fn fault(failure: Failure) -> Fault {
    describe(&failure).because(failure)
}

fn describe(failure: &Failure) -> Fault {
    let code = failure.code().replacen("source.", "destination.", 1);
    match failure.retry_after() {
        Some(after) => Fault::retry(after, code, failure.to_string()),
        None => Fault::give_up(code, failure.to_string()),
    }
}

fn late() -> Fault {
    let after = Duration::from_secs(5);
    Fault::retry(after, "destination.silent", "The destination did not answer within the request's time limit.")
}

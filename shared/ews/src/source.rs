//! The source port over EWS: WorkMail is read by its items, because its IMAP renumbers every session.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use mailcrane_core::digest::Digest;
use mailcrane_core::fault::Fault;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::{FetchOutcome, Fetched, RawMessage, ScanRow};
use mailcrane_core::ports::source::{Admission, Examined, FetchFeed, ScanDepth, Source};
use mailcrane_core::uid::{Uid, UidRange};

use crate::access::Access;
use crate::failure::{Effect, Failure};
use crate::folders::{self, Known};
use crate::gate::Gate;
use crate::listing;
use crate::numbering::Numbered;
use crate::session::{Session, Settings};
use crate::soap::answer::Refusal;
use crate::soap::get_item::{GetItem, Mime, STATE};
use crate::soap::{Class, Item, ItemId, Reply, Version};
use crate::transport::Endpoint;

/// Items read by one request.
const ITEMS: usize = 20;
/// Octets read by one request; a larger item is read alone.
const OCTETS: u64 = 4 << 20;

/// How a mailbox is to be opened for reading.
#[derive(Debug, Clone)]
pub struct SourceOpening {
    /// Where EWS listens.
    pub endpoint: Endpoint,
    /// The way in.
    pub access: Access,
    /// The gate of the principal that signs in.
    pub gate: Arc<Gate>,
    /// Durations.
    pub settings: Settings,
    /// Items made at this time or later are not seen: the beginning of the pass, so that mail which arrives meanwhile
    /// does not renumber its folder. `None`: all are seen.
    pub horizon: Option<Timestamp>,
}

/// One `WorkMail` mailbox, opened for reading. Nothing that it sends alters the mailbox.
#[derive(Debug)]
pub struct WorkMailSource {
    session: Session,
    known: Known,
    horizon: Option<Timestamp>,
    open: Option<Numbered>,
}

impl WorkMailSource {
    /// Signs in and asks for the system folders.
    ///
    /// # Errors
    /// A fault with a code `source.*`, as [`crate::WorkMail::open`] has them with `destination.*`.
    pub async fn open(opening: SourceOpening) -> Result<Self, Fault> {
        let SourceOpening { endpoint, access, gate, settings, horizon } = opening;
        let session = Session::new(&endpoint, access, gate, settings, Version::NEWEST)
            .map_err(|e| Fault::give_up("source.set_up", "The connection to WorkMail cannot be set up").because(e))?;
        let known = Known::ask(&session).await.map_err(|e| as_source(session.fault(e)))?;
        Ok(Self { session, known, horizon, open: None })
    }

    fn fault(&self, failure: Failure) -> Fault {
        as_source(self.session.fault(failure))
    }

    fn numbered(&self) -> Result<&Numbered, Fault> {
        self.open.as_ref().ok_or_else(|| Fault::give_up("source.no_folder", "No folder is open"))
    }

    /// Reads some items; what is refused alone ends as vanished or unreadable.
    async fn read(&self, ids: &[ItemId]) -> Result<Vec<Result<Item, FetchOutcome>>, Fault> {
        let replies = match self.ask(ids).await {
            Ok(replies) if replies.len() == ids.len() => replies,
            Ok(_) => Vec::new(),
            Err(failure) => {
                let verdict = self.session.judge(failure);
                if matches!(verdict.effect, Effect::None | Effect::Unknown) {
                    return Err(as_source(verdict.fault));
                }
                Vec::new()
            }
        };
        let mut replies = replies.into_iter();
        let mut read = Vec::with_capacity(ids.len());
        for id in ids {
            let outcome = match replies.next() {
                Some(Reply::Done(item)) if item.mime.is_some() => Ok(item),
                Some(Reply::Refused(refusal)) if refusal.code.class() == Class::ItemGone => Err(FetchOutcome::Vanished),
                _ => self.read_alone(id).await?,
            };
            read.push(outcome);
        }
        Ok(read)
    }

    async fn read_alone(&self, id: &ItemId) -> Result<Result<Item, FetchOutcome>, Fault> {
        let unreadable = |reason: String| Ok(Err(FetchOutcome::Unreadable { reason }));
        let reply = match self.ask(std::slice::from_ref(id)).await {
            Ok(mut replies) if replies.len() == 1 => replies.remove(0),
            Ok(_) => return unreadable("WorkMail left the item out of its answer".into()),
            Err(failure) => {
                let verdict = self.session.judge(failure);
                return match verdict.effect {
                    Effect::None | Effect::Unknown => Err(as_source(verdict.fault)),
                    Effect::Refused | Effect::Smaller | Effect::Internal => unreadable(verdict.fault.message),
                };
            }
        };
        match reply.done() {
            Ok(item) if item.mime.is_some() => Ok(Ok(item)),
            Ok(_) => unreadable("WorkMail gave no MIME for the item".into()),
            Err(refusal) if refusal.code.class() == Class::ItemGone => Ok(Err(FetchOutcome::Vanished)),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Result<Result<Item, FetchOutcome>, Fault> {
        self.session.report_item(refusal);
        let verdict = self.session.judge_item(refusal);
        match verdict.effect {
            Effect::None | Effect::Unknown => Err(as_source(verdict.fault)),
            Effect::Refused | Effect::Smaller | Effect::Internal => Ok(Err(FetchOutcome::Unreadable {
                reason: format!("WorkMail does not give the item out ({})", refusal.code),
            })),
        }
    }

    async fn ask(&self, ids: &[ItemId]) -> Result<Vec<Reply<Item>>, Failure> {
        let request = GetItem { items: ids, fields: &STATE, mime: Mime::Include };
        self.session.call(&request, self.session.deadline()).await
    }
}

impl Source for WorkMailSource {
    async fn folders(&mut self) -> Result<Vec<SourceFolder>, Fault> {
        let all = folders::all(&self.session, self.session.deadline()).await.map_err(|e| self.fault(e))?;
        let mut folders: Vec<SourceFolder> = folders::paths(&all, &self.known)
            .into_iter()
            .map(|(folder, path)| SourceFolder {
                wire: self.known.wire(folder),
                path,
                role: self.known.role_of(folder),
                selectable: true,
                skip: match folder.holds_mail() {
                    false => Some("it holds no e-mail".to_owned()),
                    true if self.known.is_outbox(folder) => Some("it holds what is about to be sent".to_owned()),
                    true => None,
                },
            })
            .collect();
        folders.sort_by_key(|f| (!f.wire.is_inbox(), f.path.len()));
        Ok(folders)
    }

    async fn examine(&mut self, folder: &WireName) -> Result<Examined, Fault> {
        self.open = None;
        let gone = || Fault::skip("source.folder_gone", "The folder is gone");
        let place = self.known.place(folder).ok_or_else(gone)?;
        let items = match listing::whole(&self.session, &place, &STATE).await {
            Ok(items) => items,
            Err(Failure::Fault(fault)) if is_no_folder(&fault.code) => return Err(gone()),
            Err(failure) => return Err(self.fault(failure)),
        };
        let numbered = Numbered::new(items, self.horizon);
        let exists = numbered.len() as u64;
        let examined = Examined { uidvalidity: numbered.validity(), uidnext: numbered.next(), exists };
        self.open = Some(numbered);
        Ok(examined)
    }

    async fn scan(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
        let row = |(uid, item): (Uid, &Item)| ScanRow {
            uid,
            size: item.size.unwrap_or(1),
            flags: flags(item),
            received: item.received,
            message_id: item
                .message_id
                .as_ref()
                .filter(|_| depth == ScanDepth::MessageId)
                .map(|id| id.split_whitespace().collect()),
            gmail_id: None,
            gmail_labels: Vec::new(),
        };
        Ok(self.numbered()?.within(range).map(row).collect())
    }

    async fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Fault> {
        while let Some(uids) = feed.next_batch().await {
            for group in self.groups(&uids)? {
                let (uids, ids): (Vec<Uid>, Vec<ItemId>) = group.into_iter().unzip();
                for (uid, read) in uids.into_iter().zip(self.read(&ids).await?) {
                    let outcome = match read {
                        Ok(item) => admitted(uid, item, feed).await,
                        Err(outcome) => outcome,
                    };
                    feed.put(Fetched { uid, outcome }).await;
                }
            }
            let numbered = self.numbered()?;
            let absent: Vec<Uid> = uids.into_iter().filter(|uid| numbered.get(*uid).is_none()).collect();
            for uid in absent {
                feed.put(Fetched { uid, outcome: FetchOutcome::Vanished }).await;
            }
        }
        Ok(())
    }

    async fn close(self) {}
}

impl WorkMailSource {
    /// Cuts UIDs that are there into requests: at most so many and so large, a large item alone.
    fn groups(&self, uids: &[Uid]) -> Result<Vec<Vec<(Uid, ItemId)>>, Fault> {
        let numbered = self.numbered()?;
        let mut groups: Vec<Vec<(Uid, ItemId)>> = Vec::new();
        let mut octets = 0u64;
        for (uid, item) in uids.iter().filter_map(|uid| Some((*uid, numbered.get(*uid)?))) {
            let (entry, size) = ((uid, ItemId::new(&item.id.id)), item.size.unwrap_or(OCTETS));
            octets = octets.saturating_add(size);
            match groups.last_mut() {
                Some(group) if group.len() < ITEMS && octets <= OCTETS => group.push(entry),
                _ => {
                    groups.push(vec![entry]);
                    octets = size;
                }
            }
        }
        Ok(groups)
    }
}

async fn admitted<F: FetchFeed>(uid: Uid, item: Item, feed: &mut F) -> FetchOutcome {
    let (flags, received) = (flags(&item), item.received);
    let raw = Bytes::from(item.mime.unwrap_or_default());
    let octets = raw.len() as u64;
    match feed.admit(octets).await {
        Admission::Keep => FetchOutcome::Message(RawMessage { raw, flags, received, gmail_labels: Vec::new() }),
        Admission::Drain => {
            feed.pass(Some(uid), &raw).await;
            FetchOutcome::Drained { octets, digest: Digest::of(&raw), flags, received, gmail_labels: Vec::new() }
        }
    }
}

/// Maps what the item says of its state; categories become keywords.
fn flags(item: &Item) -> Flags {
    let mut flags = Flags {
        seen: item.read == Some(true),
        answered: matches!(item.last_verb, Some(102 | 103)),
        forwarded: item.last_verb == Some(104) || item.icon == Some(262),
        flagged: item.flag_status == Some(2),
        draft: item.draft == Some(true),
        ..Flags::default()
    };
    flags.keywords.extend(item.categories.iter().cloned());
    flags
}

/// Says whether a code means that a folder is not there (any more), also by an id that is none.
fn is_no_folder(code: &crate::soap::ResponseCode) -> bool {
    let malformed = [
        "ErrorInvalidId",
        "ErrorInvalidIdMalformed",
        "ErrorInvalidIdEmpty",
        "ErrorInvalidFolderId",
        "ErrorItemNotFound",
    ];
    code.class() == Class::FolderGone || malformed.contains(&code.as_str())
}

/// Renames the code of a fault for the source.
fn as_source(mut fault: Fault) -> Fault {
    if let Some(name) = fault.code.strip_prefix("destination.") {
        fault.code = format!("source.{name}").into();
    }
    fault
}

//! Lists the messages of the open folder without their bodies.

use super::ImapSession;
use super::link::{refused, tagged};
use crate::failure::Failure;
use crate::wire::fetch::{self, Attributes};
use crate::wire::status::Word;
use mailcrane_core::folder::WireName;
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::source::{Examined, ScanDepth};
use mailcrane_core::uid::{Uid, UidRange};
use std::collections::BTreeMap;

/// How many refused parts of a range are cut in halves before the whole scan counts as refused.
const MAX_REFUSALS: usize = 80;

impl ImapSession {
    /// Lists a range. A part that the server refuses is cut in halves until the refused message stands alone; that
    /// one is listed without its attributes, so that its fetch names it. So is every message that the server finds in
    /// the range and leaves out of the list, or names in a line that cannot be read.
    pub(crate) async fn scan_range(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Failure> {
        let Some((_, examined)) = self.current else { return Err(Failure::Protocol("no folder is open")) };
        if examined.exists == 0 {
            return Ok(Vec::new());
        }
        let mut rows = BTreeMap::new();
        let mut todo = vec![range];
        let (mut refusals, mut unread) = (0, 0);
        while let Some(part) = todo.pop() {
            let failure = match self.scan_part(part, depth, &mut rows).await {
                Ok(lines) => {
                    unread += lines;
                    continue;
                }
                Err(failure @ Failure::Refused { .. }) => failure,
                Err(failure) => return Err(failure),
            };
            refusals += 1;
            if refusals > MAX_REFUSALS {
                return Err(failure);
            }
            match halves(part, examined.uidnext) {
                Some((low, high)) => todo.extend([high, low]),
                None if self.exists(part.first()).await? => {
                    rows.entry(part.first()).or_default();
                }
                None => {}
            }
        }
        self.listed(range, unread, rows, examined).await
    }

    /// Returns the rows of a range, with those that the server left out of its list.
    async fn listed(
        &mut self,
        range: UidRange,
        unread: usize,
        mut rows: BTreeMap<Uid, Attributes>,
        examined: Examined,
    ) -> Result<Vec<ScanRow>, Failure> {
        if unread > 0 || !complete(range, rows.len() as u64, examined) {
            self.add_left_out(range, unread, &mut rows).await?;
        }
        Ok(rows.into_iter().map(|(uid, attributes)| row(uid, attributes)).collect())
    }

    /// Opens a folder and lists a range of it in one round trip.
    pub(crate) async fn open_and_scan(
        &mut self,
        folder: &WireName,
        range: UidRange,
        depth: ScanDepth,
    ) -> Result<(Examined, Vec<ScanRow>), Failure> {
        self.current = None;
        let opening = self.ask_to_open(folder).await?;
        let scanning = self.link.send(&self.scan_command(range, depth)).await?;
        let mut early = Vec::new();
        let opened = self.opened(&opening, folder, &mut early).await;
        let mut rows = BTreeMap::new();
        let scanned = match &opened {
            _ if early.contains(&scanning) => Ok(None),
            Err(failure) if failure.breaks_connection() => Ok(None),
            _ => self.scanned(&scanning, range, &mut rows).await.map(Some),
        };
        let examined = self.examined(&opened?).await?;
        self.current = Some((folder.clone(), examined));
        let rows = match scanned {
            _ if examined.exists == 0 => Vec::new(),
            Ok(Some(unread)) => self.listed(range, unread, rows, examined).await?,
            Ok(None) | Err(Failure::Refused { .. }) => self.scan_range(range, depth).await?,
            Err(failure) => return Err(failure),
        };
        Ok((examined, rows))
    }

    /// Adds the messages that a search finds and the list does not have. A server that does not search is believed,
    /// unless a line of its list could not be read.
    async fn add_left_out(
        &mut self,
        range: UidRange,
        unread: usize,
        rows: &mut BTreeMap<Uid, Attributes>,
    ) -> Result<(), Failure> {
        let last = last_of(range);
        match self.search(&format!("UID {}:{last}", range.first())).await {
            Ok(found) => {
                for uid in found.iter().filter(|uid| range.contains(*uid)) {
                    rows.entry(uid).or_default();
                }
                Ok(())
            }
            Err(Failure::Refused { text, .. }) if unread == 0 => {
                tracing::warn!(text, "The server does not search; its list of messages is believed");
                Ok(())
            }
            Err(Failure::Refused { .. }) => Err(Failure::Protocol("a line of the list of messages cannot be read")),
            Err(failure) => Err(failure),
        }
    }

    /// Lists a part; gives how many lines of the list could not be read.
    async fn scan_part(
        &mut self,
        range: UidRange,
        depth: ScanDepth,
        rows: &mut BTreeMap<Uid, Attributes>,
    ) -> Result<usize, Failure> {
        let tag = self.link.send(&self.scan_command(range, depth)).await?;
        self.scanned(&tag, range, rows).await
    }

    fn scan_command(&self, range: UidRange, depth: ScanDepth) -> String {
        let last = last_of(range);
        let header = match depth {
            ScanDepth::Plain => "",
            ScanDepth::MessageId => " BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]",
        };
        let gmail = if self.is_gmail() { " X-GM-MSGID X-GM-LABELS" } else { "" };
        format!("UID FETCH {}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE{gmail}{header})", range.first())
    }

    /// Reads the answer to the command with that tag; gives how many lines could not be read.
    async fn scanned(
        &mut self,
        tag: &str,
        range: UidRange,
        rows: &mut BTreeMap<Uid, Attributes>,
    ) -> Result<usize, Failure> {
        let mut unread = 0;
        loop {
            let response = self.link.response().await?;
            if let Some(status) = tagged(&response, tag) {
                return if status.word == Word::Ok {
                    Ok(unread)
                } else {
                    Err(refused("the list of messages", &status))
                };
            }
            match fetch::parse(&response) {
                // Flags that changed are told without a UID; whatever was asked for is not.
                Some(told) if told.uid.is_none() => unread += usize::from(told.size.is_some()),
                Some(told) => {
                    if let Some(uid) = told.uid.filter(|uid| range.contains(*uid)) {
                        merge(rows.entry(uid).or_default(), told);
                    }
                }
                None => unread += usize::from(fetch::is_fetch(&response)),
            }
        }
    }

    /// Tells whether the server knows a UID, by FETCH or else by SEARCH.
    pub(super) async fn exists(&mut self, uid: Uid) -> Result<bool, Failure> {
        match self.link.call(&format!("UID FETCH {uid} (UID)"), "UID FETCH").await {
            Ok(answer) => {
                let uids = answer.lines.iter().filter_map(|line| fetch::parse(line)?.uid);
                Ok(uids.into_iter().any(|found| found == uid))
            }
            Err(Failure::Refused { .. }) => match self.search(&format!("UID {uid}")).await {
                Ok(found) => Ok(found.contains(uid)),
                Err(Failure::Refused { .. }) => Ok(true),
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }
}

fn last_of(range: UidRange) -> String {
    if range.last() == Uid::MAX { "*".to_owned() } else { range.last().to_string() }
}

/// Tells whether so many rows are all that can be in a range: one for every UID, or for every message of the folder.
fn complete(range: UidRange, rows: u64, examined: Examined) -> bool {
    let last = range.last().get().min(examined.uidnext.get().saturating_sub(1));
    let uids = u64::from(last).saturating_sub(u64::from(range.first().get())).saturating_add(1);
    rows >= uids || rows >= examined.exists
}

/// Cuts a range in two; beyond the last known message first, in the middle else.
fn halves(range: UidRange, uidnext: Uid) -> Option<(UidRange, UidRange)> {
    let (first, last) = (range.first().get(), range.last().get());
    let middle = if first < uidnext.get() && uidnext.get() < last {
        uidnext.get()
    } else {
        first + last.saturating_sub(first) / 2
    };
    let low = UidRange::new(range.first(), Uid::new(middle)?)?;
    let high = UidRange::new(Uid::new(middle.checked_add(1)?)?, range.last())?;
    Some((low, high))
}

/// Adds what a further response tells of the same message.
pub(super) fn merge(known: &mut Attributes, more: Attributes) {
    known.uid = more.uid.or(known.uid);
    known.received = more.received.or(known.received);
    known.size = more.size.or(known.size);
    known.gmail_id = more.gmail_id.or(known.gmail_id);
    if more.flags.is_some() {
        known.flags = more.flags;
    }
    if more.header.is_some() {
        known.header = more.header;
    }
    if !more.gmail_labels.is_empty() {
        known.gmail_labels = more.gmail_labels;
    }
}

fn row(uid: Uid, attributes: Attributes) -> ScanRow {
    ScanRow {
        uid,
        size: attributes.size.unwrap_or(0),
        message_id: attributes.message_id(),
        flags: attributes.flags.unwrap_or_default(),
        received: attributes.received,
        gmail_id: attributes.gmail_id,
        gmail_labels: attributes.gmail_labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> UidRange {
        UidRange::new(Uid::new(first).unwrap(), Uid::new(last).unwrap()).unwrap()
    }

    #[test]
    fn a_refused_range_is_cut_where_the_messages_are() {
        let uidnext = Uid::new(100).unwrap();
        let (low, high) = halves(range(1, u32::MAX), uidnext).unwrap();
        assert_eq!((low.to_string(), high.to_string()), ("1:100".to_owned(), "101:4294967295".to_owned()));
        let (low, high) = halves(range(1, 100), uidnext).unwrap();
        assert_eq!((low.to_string(), high.to_string()), ("1:50".to_owned(), "51:100".to_owned()));
        assert_eq!(halves(range(7, 7), uidnext), None);
    }
}

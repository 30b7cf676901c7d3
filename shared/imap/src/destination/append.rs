//! APPEND: one message a command, or several where the server has MULTIAPPEND (RFC 3502). No command waits for the
//! answer to the one before, unless its literal must be asked for (no LITERAL+, RFC 7888).

use super::item::Location;
use super::line::{Answer, Line};
use super::{ImapDestination, describe};
use crate::failure::Failure;
use crate::wire::date;
use crate::wire::quote::Argument;
use crate::wire::status::Status;
use mailcrane_core::Fault;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::WireName;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{ItemId, Stored};
use mailcrane_core::uid::{Uid, UidSet, UidValidity};
use std::ops::Range;

/// The longest literal that LITERAL- sends without asking (RFC 7888).
const LITERAL_MINUS: usize = 4096;

/// What became of the messages of a call, as far as it is known.
#[derive(Debug)]
pub(super) struct Storing {
    outcomes: Vec<Option<Stored>>,
    /// Whose last octet was handed over, and whose answer is not there.
    sent: Vec<bool>,
}

impl Storing {
    pub(super) fn of(messages: usize) -> Self {
        Self { outcomes: std::iter::repeat_with(|| None).take(messages).collect(), sent: vec![false; messages] }
    }

    fn mark(&mut self, messages: Range<usize>, sent: bool) {
        self.sent.get_mut(messages).unwrap_or_default().fill(sent);
    }

    fn put(&mut self, at: usize, outcome: Stored) {
        if let Some(slot) = self.outcomes.get_mut(at) {
            *slot = Some(outcome);
        }
    }

    /// Gives every message an outcome: what was sent without an answer may be there, the rest was never sent.
    pub(super) fn end(self, why: impl Fn() -> Fault) -> Vec<Stored> {
        let without = |sent: bool| if sent { Stored::Unknown(why()) } else { Stored::NotTried(why()) };
        self.outcomes
            .into_iter()
            .zip(self.sent)
            .map(|(outcome, sent)| outcome.unwrap_or_else(|| without(sent)))
            .collect()
    }
}

impl ImapDestination {
    /// Stores messages. A failure of the connection leaves those without an outcome that it concerns.
    pub(super) async fn append_all(
        &self,
        folder: &WireName,
        items: &[NewItem],
        storing: &mut Storing,
    ) -> Result<(), Failure> {
        if self.several && items.len() > 1 {
            match self.append(folder, items, Keywords::With, 0, storing).await {
                Ok(status) => {
                    let created = ids(&status, folder, items).into_iter().map(Stored::Created);
                    created.enumerate().for_each(|(at, created)| storing.put(at, created));
                    return Ok(());
                }
                // Several are stored together or not at all; one by one shows which is not wanted.
                Err(Failure::Refused { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut answers = Vec::new();
        for (at, one) in items.chunks(1).enumerate() {
            let answer = self.send(folder, one, Keywords::With, at, storing).await;
            let goes_on = matches!(answer, Ok(_) | Err(Failure::Refused { .. }));
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        let mut failed = None;
        for ((at, one), answer) in items.chunks(1).enumerate().zip(answers) {
            let mut outcome = match answer {
                Ok(answer) => self.answered(answer, at, one, storing).await,
                Err(failure) => Err(failure),
            };
            // A server that takes no new keywords takes the message without.
            let keywords = one.iter().flat_map(keywords).next().is_some();
            if keywords && matches!(outcome, Err(Failure::Refused { .. })) {
                outcome = self.append(folder, one, Keywords::Without, at, storing).await;
            }
            match outcome {
                Ok(status) => ids(&status, folder, one).into_iter().for_each(|id| storing.put(at, Stored::Created(id))),
                Err(Failure::Refused { text, code, .. }) => {
                    storing.put(at, Stored::Refused(refusal(&text, code.as_deref())));
                }
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Sends one APPEND for the messages from number `at` on and waits for its answer.
    async fn append(
        &self,
        folder: &WireName,
        items: &[NewItem],
        which: Keywords,
        at: usize,
        storing: &mut Storing,
    ) -> Result<Status, Failure> {
        let answer = self.send(folder, items, which, at, storing).await?;
        self.answered(answer, at, items, storing).await
    }

    /// Sends one APPEND for the messages from number `at` on.
    async fn send(
        &self,
        folder: &WireName,
        items: &[NewItem],
        which: Keywords,
        at: usize,
        storing: &mut Storing,
    ) -> Result<Answer, Failure> {
        let mut slot = self.shared.turn().await;
        let mut line = self.take(&mut slot).await?;
        let sent = line.append(folder, items, which, || storing.mark(at..at + items.len(), true)).await;
        let answer = match sent {
            Ok(tag) => Ok(line.await_answer(tag)),
            Err(failure) => Err(failure),
        };
        if !answer.as_ref().is_err_and(Failure::breaks_connection) {
            *slot = Some(line);
        }
        answer
    }

    /// Waits for the answer to an APPEND of the messages from number `at` on.
    async fn answered(
        &self,
        answer: Answer,
        at: usize,
        items: &[NewItem],
        storing: &mut Storing,
    ) -> Result<Status, Failure> {
        let answer = self.shared.answer(answer).await;
        if answer.as_ref().is_err_and(|failure| !failure.breaks_connection()) {
            storing.mark(at..at + items.len(), false);
        }
        answer
    }
}

impl Line {
    /// Writes one APPEND; gives its tag. `handed` is called right before its last octets are handed over.
    async fn append(
        &mut self,
        folder: &WireName,
        items: &[NewItem],
        which: Keywords,
        handed: impl FnOnce(),
    ) -> Result<String, Failure> {
        let capabilities = &self.session.capabilities;
        let (plus, minus) = (capabilities.has("LITERAL+"), capabilities.has("LITERAL-"));
        let at_once = |item: &NewItem| plus || (minus && item.raw.len() <= LITERAL_MINUS);
        // Where the server is to say that it goes on, nothing else may be in flight.
        if !items.iter().all(at_once) || matches!(Argument::new(folder.as_bytes()), Argument::Literal(_)) {
            self.quiet().await?;
        }
        self.session.current = None;
        let link = &mut self.session.link;
        let mut tag = String::new();
        for (number, item) in items.iter().enumerate() {
            let sign = if at_once(item) { "+" } else { "" };
            let head =
                format!(" ({}) {} {{{}{sign}}}", flags(item, which), date::date_time(item.received), item.raw.len());
            if number == 0 {
                tag = link.send_with("APPEND", folder.as_bytes(), &head).await?;
            } else {
                link.write(format!("{head}\r\n").as_bytes()).await?;
            }
            if !at_once(item) {
                link.go_ahead(&tag).await?;
            }
            link.write(&item.raw).await?;
        }
        handed();
        link.write(b"\r\n").await?;
        Ok(tag)
    }
}

/// Whether the user's keywords go along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keywords {
    With,
    Without,
}

/// The user's keywords that can be sent: atoms (RFC 3501 section 9).
fn keywords(item: &NewItem) -> impl Iterator<Item = &str> {
    let special = |b: u8| b <= b' ' || b >= 0x7f || b"(){%*\"]\\".contains(&b);
    item.categories.iter().map(String::as_str).filter(move |word| !word.is_empty() && !word.bytes().any(special))
}

/// The flags of an APPEND; \Deleted is not carried over.
fn flags(item: &NewItem, which: Keywords) -> String {
    let flags: &Flags = &item.flags;
    let names = [
        (flags.seen, "\\Seen"),
        (flags.answered, "\\Answered"),
        (flags.flagged, "\\Flagged"),
        (flags.draft, "\\Draft"),
        (flags.forwarded, "$Forwarded"),
    ];
    let system = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name);
    let own = keywords(item).filter(|_| which == Keywords::With);
    system.chain(own).collect::<Vec<_>>().join(" ")
}

/// Reads `APPENDUID 38505 3955,3957` (RFC 4315); without it only the folder is known.
fn ids(status: &Status, folder: &WireName, items: &[NewItem]) -> Vec<ItemId> {
    let named = uids(status, items.len());
    let id = |(number, item): (usize, &NewItem)| match named
        .as_ref()
        .and_then(|(epoch, uids)| Some((epoch, uids.get(number)?)))
    {
        Some((epoch, uid)) => Location { folder: folder.clone(), uidvalidity: *epoch, uid: *uid }.id(),
        None => unplaced(folder, item),
    };
    items.iter().enumerate().map(id).collect()
}

fn uids(status: &Status, count: usize) -> Option<(UidValidity, Vec<Uid>)> {
    let (epoch, set) = status.code_value("APPENDUID")?.split_once(' ')?;
    let set = UidSet::try_from(set.trim().to_owned()).ok().filter(|set| set.len() == count as u64)?;
    Some((UidValidity(epoch.parse().ok()?), set.iter().collect()))
}

/// An identity that only tells messages apart.
fn unplaced(folder: &WireName, item: &NewItem) -> ItemId {
    ItemId(format!("-:{}:{}", item.key, String::from(folder.clone())))
}

/// Explains why a server does not want a message.
fn refusal(text: &str, code: Option<&str>) -> Fault {
    let lower = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if code == Some("OVERQUOTA") || says(&["quota", "mailbox is full", "mailbox full"]) {
        let message = format!("The destination mailbox is full. Make room or raise its limit. The server said: {text}");
        return Fault::give_up("destination.full", message);
    }
    if matches!(code, Some("TOOBIG" | "LIMIT")) || says(&["too large", "too big", "exceeds"]) {
        let message = format!("The message is larger than the destination takes. The server said: {text}");
        return Fault::skip("destination.too_large", message);
    }
    if matches!(code, Some("TRYCREATE" | "NONEXISTENT")) {
        return describe(&Failure::FolderGone { text: text.to_owned() });
    }
    if code == Some("NOPERM") {
        return describe(&Failure::NoRight { text: text.to_owned() });
    }
    Fault::skip("destination.refused", format!("The destination refused the message. The server said: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::Remedy;
    use mailcrane_core::key::{KeyPrefix, MessageKey};

    fn named(line: &str, count: usize) -> Option<Vec<u32>> {
        let (_, uids) = uids(&Status::parse(line.as_bytes()).unwrap(), count)?;
        Some(uids.into_iter().map(Uid::get).collect())
    }

    #[test]
    fn appenduid_gives_each_message_its_uid_or_none_at_all() {
        assert_eq!(named("A1 OK [APPENDUID 38505 3955,3957:3958] done", 3), Some(vec![3955, 3957, 3958]));
        assert_eq!(named("A1 OK [APPENDUID 38505 3955] done", 2), None);
        assert_eq!(named("A1 OK done", 1), None);
    }

    #[test]
    fn flags_and_keywords_are_carried_over_without_deleted() {
        let flags_of = Flags { seen: true, deleted: true, forwarded: true, ..Flags::default() };
        let prefix = KeyPrefix::try_from("0123456789abcdef".to_owned()).unwrap();
        let item = NewItem {
            key: MessageKey { prefix, uid: Uid::MIN },
            raw: bytes::Bytes::new(),
            flags: flags_of,
            categories: ["Travel", "two words", "a\"b", "Ärger"].map(str::to_owned).to_vec(),
            received: mailcrane_core::Timestamp::UNIX_EPOCH,
            sent: None,
            signed: false,
        };
        assert_eq!(flags(&item, Keywords::With), "\\Seen $Forwarded Travel");
        assert_eq!(flags(&item, Keywords::Without), "\\Seen $Forwarded");
    }

    #[test]
    fn a_full_mailbox_ends_the_account_and_a_large_message_only_itself() {
        assert_eq!(refusal("Quota exceeded", Some("OVERQUOTA")).remedy, Remedy::GiveUp);
        assert_eq!(refusal("no", Some("TOOBIG")).remedy, Remedy::SkipMessage);
        assert_eq!(refusal("bare LF", None).remedy, Remedy::SkipMessage);
    }
}

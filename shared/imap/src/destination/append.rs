//! APPEND: one message a command, or several where the server has MULTIAPPEND (RFC 3502).

use super::describe;
use super::item::Location;
use crate::failure::Failure;
use crate::session::ImapSession;
use crate::wire::date;
use crate::wire::status::Status;
use mailcrane_core::Fault;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::WireName;
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{ItemId, Stored};
use mailcrane_core::uid::{Uid, UidSet, UidValidity};

/// The longest literal that LITERAL- sends without asking (RFC 7888).
const LITERAL_MINUS: usize = 4096;

/// How far a request came.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How many messages, from the first on, may have had an effect.
    pub(super) whole: usize,
}

impl ImapSession {
    /// Stores messages; adds an outcome for each that has one. A failure leaves the others without.
    pub(super) async fn append_all(
        &mut self,
        folder: &WireName,
        items: &[NewItem],
        outcomes: &mut Vec<Stored>,
        sent: &mut Sent,
    ) -> Result<(), Failure> {
        self.current = None;
        if self.capabilities.has("MULTIAPPEND") && items.len() > 1 {
            match self.append(folder, items, Keywords::With, 0, sent).await {
                Ok(ids) => {
                    outcomes.extend(ids.into_iter().map(Stored::Created));
                    return Ok(());
                }
                // Several are stored together or not at all; one by one shows which is not wanted.
                Err(Failure::Refused { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        for item in items {
            outcomes.push(self.append_one(folder, item, outcomes.len(), sent).await?);
        }
        Ok(())
    }

    async fn append_one(
        &mut self,
        folder: &WireName,
        item: &NewItem,
        at: usize,
        sent: &mut Sent,
    ) -> Result<Stored, Failure> {
        let one = std::slice::from_ref(item);
        let mut outcome = self.append(folder, one, Keywords::With, at, sent).await;
        // A server that takes no new keywords takes the message without.
        if matches!(outcome, Err(Failure::Refused { .. })) && keywords(item).next().is_some() {
            outcome = self.append(folder, one, Keywords::Without, at, sent).await;
        }
        match outcome {
            Ok(ids) => Ok(Stored::Created(ids.into_iter().next().unwrap_or_else(|| unplaced(folder, item)))),
            Err(Failure::Refused { text, code, .. }) => Ok(Stored::Refused(refusal(&text, code.as_deref()))),
            Err(failure) => Err(failure),
        }
    }

    /// Sends one APPEND for the messages from number `at` on; gives the identity of each.
    async fn append(
        &mut self,
        folder: &WireName,
        items: &[NewItem],
        which: Keywords,
        at: usize,
        sent: &mut Sent,
    ) -> Result<Vec<ItemId>, Failure> {
        let plus = self.capabilities.has("LITERAL+");
        let minus = self.capabilities.has("LITERAL-");
        let mut tag = String::new();
        for (number, item) in items.iter().enumerate() {
            let at_once = plus || (minus && item.raw.len() <= LITERAL_MINUS);
            let sign = if at_once { "+" } else { "" };
            let head =
                format!(" ({}) {} {{{}{sign}}}", flags(item, which), date::date_time(item.received), item.raw.len());
            if number == 0 {
                tag = self.link.send_with("APPEND", folder.as_bytes(), &head).await?;
            } else {
                self.link.write(format!("{head}\r\n").as_bytes()).await?;
            }
            if !at_once {
                self.link.go_ahead(&tag).await?;
            }
            self.link.write(&item.raw).await?;
        }
        sent.whole = at + items.len();
        self.link.write(b"\r\n").await?;
        let answer = self.link.answer(&tag, "APPEND").await;
        if answer.as_ref().is_err_and(|failure| !failure.breaks_connection()) {
            sent.whole = at;
        }
        Ok(ids(&answer?.status, folder, items))
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

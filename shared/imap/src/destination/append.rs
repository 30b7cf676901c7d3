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
use mailcrane_core::ports::destination::Stored;
use mailcrane_core::uid::{UidSet, UidValidity};

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
            match self.append(folder, items, 0, sent).await {
                Ok(ids) => {
                    outcomes.extend(ids.into_iter().map(|location| Stored::Created(location.id())));
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
        let mut outcome = self.append(folder, std::slice::from_ref(item), at, sent).await;
        if matches!(&outcome, Err(Failure::Refused { code: Some(code), .. }) if code == "TRYCREATE") {
            let tag = self.link.send_with("CREATE", folder.as_bytes(), "").await?;
            self.link.answer(&tag, "CREATE").await?;
            outcome = self.append(folder, std::slice::from_ref(item), at, sent).await;
        }
        match outcome {
            Ok(places) => {
                let place = places.into_iter().next().unwrap_or_else(|| unknown(folder));
                Ok(Stored::Created(place.id()))
            }
            Err(Failure::Refused { text, code, .. }) => Ok(Stored::Refused(refusal(&text, code.as_deref()))),
            Err(failure) => Err(failure),
        }
    }

    /// Sends one APPEND for the messages from number `at` on; gives the place of each.
    async fn append(
        &mut self,
        folder: &WireName,
        items: &[NewItem],
        at: usize,
        sent: &mut Sent,
    ) -> Result<Vec<Location>, Failure> {
        let plus = self.capabilities.has("LITERAL+");
        let minus = self.capabilities.has("LITERAL-");
        let mut tag = String::new();
        for (number, item) in items.iter().enumerate() {
            let at_once = plus || (minus && item.raw.len() <= LITERAL_MINUS);
            let sign = if at_once { "+" } else { "" };
            let head =
                format!(" ({}) {} {{{}{sign}}}", flags(&item.flags), date::date_time(item.received), item.raw.len());
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
        Ok(places(&answer?.status, folder, items.len()))
    }
}

/// The flags of an APPEND; \Deleted is not carried over, nor are keywords that a server may refuse.
fn flags(flags: &Flags) -> String {
    let names = [
        (flags.seen, "\\Seen"),
        (flags.answered, "\\Answered"),
        (flags.flagged, "\\Flagged"),
        (flags.draft, "\\Draft"),
        (flags.forwarded, "$Forwarded"),
    ];
    names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

/// Reads `APPENDUID 38505 3955,3957` (RFC 4315); without it only the folder is known.
fn places(status: &Status, folder: &WireName, count: usize) -> Vec<Location> {
    let named = status.code_value("APPENDUID").and_then(|value| {
        let (validity, set) = value.split_once(' ')?;
        let uids = UidSet::try_from(set.trim().to_owned()).ok()?;
        let uidvalidity = UidValidity(validity.parse().ok()?);
        let all: Vec<Location> = uids.iter().take(count).map(|uid| Location::new(folder, uidvalidity, uid)).collect();
        (all.len() == count && uids.len() == count as u64).then_some(all)
    });
    named.unwrap_or_else(|| vec![unknown(folder); count])
}

fn unknown(folder: &WireName) -> Location {
    Location { folder: folder.clone(), uidvalidity: UidValidity(0), uid: None }
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
    if matches!(code, Some("NOPERM" | "TRYCREATE")) {
        let failure = Failure::NoRight { text: text.to_owned() };
        return describe(&failure);
    }
    Fault::skip("destination.refused", format!("The destination refused the message. The server said: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::Remedy;

    fn uids(line: &str, count: usize) -> Vec<u32> {
        let folder = WireName::from("INBOX");
        let status = Status::parse(line.as_bytes()).unwrap();
        places(&status, &folder, count).iter().map(|place| place.uid.map_or(0, |uid| uid.get())).collect()
    }

    #[test]
    fn appenduid_gives_each_message_its_uid_or_none_at_all() {
        assert_eq!(uids("A1 OK [APPENDUID 38505 3955,3957:3958] done", 3), [3955, 3957, 3958]);
        assert_eq!(uids("A1 OK [APPENDUID 38505 3955] done", 2), [0, 0]);
        assert_eq!(uids("A1 OK done", 1), [0]);
    }

    #[test]
    fn flags_are_carried_over_without_deleted() {
        let some = Flags { seen: true, deleted: true, forwarded: true, ..Flags::default() };
        assert_eq!(flags(&some), "\\Seen $Forwarded");
    }

    #[test]
    fn a_full_mailbox_ends_the_account_and_a_large_message_only_itself() {
        assert_eq!(refusal("Quota exceeded", Some("OVERQUOTA")).remedy, Remedy::GiveUp);
        assert_eq!(refusal("no", Some("TOOBIG")).remedy, Remedy::SkipMessage);
        assert_eq!(refusal("bare LF", None).remedy, Remedy::SkipMessage);
    }
}

//! EXAMINE, and what a server leaves out of its answer.

use super::ImapSession;
use crate::failure::Failure;
use crate::signin::classify;
use crate::wire::date;
use crate::wire::fetch;
use crate::wire::select::Opened;
use crate::wire::status::{Status, Word};
use jiff::civil::Date;
use mailcrane_core::Fault;
use mailcrane_core::folder::WireName;
use mailcrane_core::ports::source::Examined;
use mailcrane_core::uid::{Uid, UidSet};

impl ImapSession {
    /// Opens a folder for reading.
    pub(crate) async fn open_folder(&mut self, folder: &WireName) -> Result<Examined, Failure> {
        let tag = self.ask_to_open(folder).await?;
        let opened = self.opened(&tag, folder, &mut Vec::new()).await?;
        self.examined(&opened).await
    }

    /// Sends EXAMINE; gives its tag.
    pub(super) async fn ask_to_open(&mut self, folder: &WireName) -> Result<String, Failure> {
        self.link.send_with("EXAMINE", folder.as_bytes(), "").await
    }

    /// Reads the answer to an EXAMINE. Commands behind it that the server has answered before it, by refusing them say, are
    /// added to `early`: what came of them is not of this folder.
    pub(super) async fn opened(
        &mut self,
        tag: &str,
        folder: &WireName,
        early: &mut Vec<String>,
    ) -> Result<Opened, Failure> {
        let mut opened = Opened::default();
        loop {
            let response = self.link.response().await?;
            opened.take(&response);
            match Status::parse(&response) {
                Some(status) if status.tag == tag => {
                    opened_or_refused(&status, folder)?;
                    return Ok(opened);
                }
                Some(status) => early.push(status.tag),
                None => {}
            }
        }
    }

    /// Adds what the server left out of its answer; nothing else may be in flight.
    pub(super) async fn examined(&mut self, opened: &Opened) -> Result<Examined, Failure> {
        let exists = opened.messages()?;
        let uidnext = match opened.uidnext.and_then(Uid::new) {
            Some(uidnext) => uidnext,
            None if exists == 0 => Uid::MIN,
            None => self.compute_uidnext().await?,
        };
        Ok(Examined { uidvalidity: opened.validity(), uidnext, exists })
    }

    /// Finds the highest UID and adds one.
    async fn compute_uidnext(&mut self) -> Result<Uid, Failure> {
        let answer = self.link.call("UID FETCH * (UID)", "UID FETCH").await?;
        let fetched = answer.lines.iter().filter_map(|line| fetch::parse(line)?.uid).max();
        let highest = match fetched {
            Some(uid) => Some(uid),
            None => self.search("ALL").await?.last(),
        };
        let next = highest.and_then(|uid| Uid::new(uid.get().saturating_add(1)));
        Ok(next.unwrap_or(Uid::MIN))
    }

    /// Finds the messages of the open folder that arrived on that day or later, by the server's own clock and zone.
    ///
    /// Ask for one day more than needed, and filter on the received date.
    ///
    /// # Errors
    /// When no folder is open, the server refuses or the connection breaks.
    pub async fn since(&mut self, day: Date) -> Result<UidSet, Fault> {
        if self.current.is_none() {
            return Err(Failure::Protocol("no folder is open").into());
        }
        Ok(self.search(&format!("SINCE {}", date::date(day))).await?)
    }

    /// Searches the open folder.
    pub(super) async fn search(&mut self, criteria: &str) -> Result<UidSet, Failure> {
        let answer = self.link.call(&format!("UID SEARCH {criteria}"), "UID SEARCH").await?;
        let mut found = UidSet::new();
        for line in &answer.lines {
            crate::wire::search::collect(line, &mut found);
        }
        Ok(found)
    }
}

fn opened_or_refused(status: &Status, folder: &WireName) -> Result<(), Failure> {
    match status.word {
        Word::Ok => Ok(()),
        _ => Err(classify::examine(status, folder.is_inbox())),
    }
}

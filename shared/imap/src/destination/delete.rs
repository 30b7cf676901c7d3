//! Deletes one message for an undo: exactly that UID in exactly that epoch of the folder.

use super::AsyncCall;
use super::item::Location;
use crate::failure::Failure;
use crate::session::ImapSession;
use crate::wire::select::Opened;
use crate::wire::status::Word;
use mailcrane_core::Fault;
use mailcrane_core::ports::destination::{Deleted, ItemId};

pub(super) struct Delete<'a>(pub(super) &'a ItemId);

impl AsyncCall<Deleted> for Delete<'_> {
    async fn run(self, session: &mut ImapSession) -> Result<Deleted, Failure> {
        let Some(Location { folder, uidvalidity, uid }) = Location::parse(self.0) else {
            return Ok(kept("The server did not say where it stored this message."));
        };
        if !session.capabilities.has("UIDPLUS") {
            return Ok(kept("The server cannot delete a single message safely (no UIDPLUS)."));
        }
        session.current = None;
        let tag = session.link.send_with("SELECT", folder.as_bytes(), "").await?;
        let mut opened = Opened::default();
        loop {
            let response = session.link.response().await?;
            opened.take(&response);
            match crate::session::link::tagged(&response, &tag) {
                Some(status) if status.word == Word::Ok => break,
                Some(_) => return Ok(kept("The folder cannot be opened.")),
                None => {}
            }
        }
        if opened.uidvalidity != Some(uidvalidity.0) {
            return Ok(kept("The server has given its messages new numbers since."));
        }
        session.link.call(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"), "UID STORE").await?;
        session.link.call(&format!("UID EXPUNGE {uid}"), "UID EXPUNGE").await?;
        Ok(Deleted::Gone)
    }
}

fn kept(why: &str) -> Deleted {
    Deleted::Kept(Fault::give_up("destination.kept", why))
}

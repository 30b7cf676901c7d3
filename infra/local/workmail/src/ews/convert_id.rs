//! `ConvertId`: says whose mailbox an identity is in. DavMail asks it at sign-in for the primary address.

use super::answer::{ResponseMessage, fail};
use super::shape::is_true;
use super::{Call, CallError};
use crate::xml::Writer;

/// The one format that identities have here.
const FORMAT: &str = "EwsId";
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub(super) fn perform(call: &Call<'_>) -> Result<Vec<ResponseMessage>, CallError> {
    let wanted = call.body.attribute("DestinationFormat");
    call.each(&call.items(), "", |_, source| {
        let known = source.name == "AlternateId" && !source.attribute("IsArchive").is_some_and(is_true);
        if !known || wanted != Some(FORMAT) || source.attribute("Format") != Some(FORMAT) {
            return fail("ErrorUnsupportedTypeForConversion", "Only identities of the format EwsId are known.");
        }
        let identity = source.attribute("Id").unwrap_or_default();
        // The mailbox that the request names counts for nothing: the identity has its own.
        let owner = call.access.owner_of(call.c, identity)?;
        let mut w = Writer::new();
        w.empty(
            "m:AlternateId",
            &[
                ("xmlns:xsi", SCHEMA_INSTANCE),
                ("xsi:type", "t:AlternateIdType"),
                ("Format", FORMAT),
                ("Id", identity),
                ("Mailbox", owner.email.as_deref().unwrap_or_default()),
            ],
        );
        Ok(w.finish())
    })
}

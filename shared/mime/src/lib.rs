//! Raw message bytes to facts: pure, in linear time, without a copy of the body.
//!
//! A walker of its own instead of a mail parser: a parser hands out decoded parts, which a message of 100 MB
//! would pay for twice. Here every line is looked at once; attachments are counted, not decoded.

mod attachment;
mod content;
mod date;
mod header;
mod lines;
mod message_id;
mod walk;

use mailcrane_core::digest::Digest;
use mailcrane_core::message::MessageFacts;

/// Tells what the octets of a message say of it.
///
/// Never panics and never fails: what cannot be read is missing from the facts. Takes time in proportion to the
/// octets, and memory in proportion to the nesting of multiparts, which is followed 1,000 levels deep.
///
/// * The Message-ID has its blanks removed. It is missing when there is none, when two differ, and when it is empty
///   or longer than a line may be (998 octets, RFC 5322 section 2.1.1).
/// * The header hash covers the fields Date, From, To, Cc, Subject and Message-ID in their order, names in small
///   letters, unfolded, runs of blanks as one; without any of them the first 4 KiB of the message. So fields that
///   servers add on the way (`Received`, `X-…`) do not count.
/// * An attachment is every part that is neither a multipart nor unnamed text. An attached message is one
///   attachment and not looked into. A multipart without a usable boundary counts as text.
/// * Signed is what holds `multipart/signed`, `multipart/encrypted` or `application/pkcs7-mime` anywhere outside of
///   attached messages; an inline PGP marker is not looked for.
#[must_use]
pub fn facts(raw: &[u8]) -> MessageFacts {
    let structure = walk::structure(raw);
    MessageFacts {
        digest: Digest::of(raw),
        octets: raw.len() as u64,
        message_id: message_id::read(raw),
        header_hash: header::hash(raw),
        sent: header::value(raw, "date").and_then(date::read),
        arrived: header::value(raw, "received").and_then(date::after_semicolon),
        largest_attachment: structure.largest_attachment,
        signed: structure.signed,
    }
}

//! Every mail of `tests/data`, and what it says of itself.

use mailcrane_core::digest::Digest;
use mailcrane_core::message::MessageFacts;
use mailcrane_mime::facts;

/// Checks a mail against: Message-ID, Date, last Received, octets of the largest attachment, signed.
fn check(file: &str, expected: (Option<&str>, Option<&str>, Option<&str>, u64, bool)) -> MessageFacts {
    let path = format!("{}/tests/data/{file}.eml", env!("CARGO_MANIFEST_DIR"));
    let raw = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let facts = facts(&raw);
    let (sent, arrived) = (facts.sent.map(|t| t.to_string()), facts.arrived.map(|t| t.to_string()));
    let found = (facts.message_id.as_deref(), sent.as_deref(), arrived.as_deref());
    assert_eq!((found.0, found.1, found.2, facts.largest_attachment, facts.signed), expected, "{file}");
    assert_eq!((facts.octets, facts.digest), (raw.len() as u64, Digest::of(&raw)), "{file}");
    facts
}

#[test]
fn a_plain_mail_is_read() {
    let sent = Some("2014-03-04T08:59:58Z");
    check("plain", (Some("<plain.1@example.org>"), sent, Some("2014-03-04T09:00:05Z"), 0, false));
}

#[test]
fn line_feeds_alone_end_lines() {
    check("bare_lf", (Some("<bare.lf@example.org>"), Some("1999-02-01T13:00:00Z"), None, 200, false));
}

#[test]
fn nul_octets_do_no_harm() {
    check("nul", (Some("<nul@example.org>"), Some("2014-03-05T01:02:03Z"), None, 0, false));
}

#[test]
fn headers_may_have_octets_outside_of_ascii() {
    check("eight_bit_header", (Some("<8bit.\u{fffd}@example.org>"), None, None, 0, false));
}

#[test]
fn a_line_may_be_as_long_as_it_likes() {
    check("line_of_100_kb", (Some("<long@example.org>"), None, None, 0, false));
}

#[test]
fn messages_without_anything_have_no_facts_but_their_octets() {
    let empty = check("empty", (None, None, None, 0, false));
    let blank = check("only_blank_line", (None, None, None, 0, false));
    let text = check("no_header", (None, None, None, 0, false));
    assert_ne!(empty.header_hash, text.header_hash);
    assert_ne!(empty.header_hash, blank.header_hash);
}

#[test]
fn nested_multiparts_are_followed_a_thousand_levels_deep() {
    check("nested_3", (Some("<nested.3@example.org>"), None, None, 10, false));
    check("nested_1000", (Some("<nested.1000@example.org>"), None, None, 10, false));
}

#[test]
fn broken_boundaries_lose_no_attachment() {
    check("broken_boundaries", (Some("<broken@example.org>"), None, None, 14, false));
}

#[test]
fn a_signed_mail_is_known() {
    check("signed", (Some("<signed@example.org>"), Some("2014-03-06T10:00:00Z"), None, 9, true));
}

#[test]
fn two_message_ids_are_none() {
    check("two_message_ids", (None, Some("2014-03-06T00:00:00Z"), None, 0, false));
}

#[test]
fn the_envelope_line_of_an_mbox_file_is_passed_over() {
    check("mbox_envelope", (Some("<mbox@example.org>"), Some("2014-03-06T10:00:00Z"), None, 0, false));
}

#[test]
fn an_attached_message_is_counted_and_not_looked_into() {
    check("attached_message", (Some("<outer@example.org>"), None, None, 76, false));
}

#[test]
fn a_named_text_is_an_attachment_of_its_decoded_size() {
    check("quoted_printable", (Some("<qp@example.org>"), None, None, 16, false));
}

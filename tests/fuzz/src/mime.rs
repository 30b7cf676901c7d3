//! Facts of a message.

/// What is counted lies within the message, and the same octets give the same facts.
pub fn run(data: &[u8]) {
    let facts = mailcrane_mime::facts(data);
    assert_eq!(facts.octets, data.len() as u64);
    assert!(facts.largest_attachment <= facts.octets);
    // Octets that are no UTF-8 are replaced one by one, so it is the characters that have the limit of a line.
    assert!(facts.message_id.as_ref().is_none_or(|id| (1..=998).contains(&id.chars().count())));
    assert_eq!(facts, mailcrane_mime::facts(data));
}

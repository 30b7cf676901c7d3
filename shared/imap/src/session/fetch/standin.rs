//! Recognises the notice that Exchange gives out instead of a message it cannot convert.

/// The subject of the notice.
const SUBJECT: &[u8] = b"retrieval using the imap4 protocol failed for the following message";

/// Tells whether a message is only such a notice: a short one with that subject.
pub(super) fn is_one(raw: &[u8]) -> bool {
    if raw.len() > 32 * 1024 {
        return false;
    }
    let mut lines = raw.split(|&octet| octet == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    lines.any(|line| {
        let lower = line.to_ascii_lowercase();
        lower.strip_prefix(b"subject:").is_some_and(|subject| subject.trim_ascii().starts_with(SUBJECT))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_is_known_by_its_subject() {
        assert!(is_one(
            b"From: x\r\nSubject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\nhi"
        ));
    }

    #[test]
    fn a_message_that_talks_about_the_notice_is_a_message() {
        assert!(!is_one(b"Subject: Re: Retrieval using the IMAP4 protocol failed for the following message\r\n\r\n"));
        assert!(!is_one(
            b"Subject: x\r\n\r\nSubject: Retrieval using the IMAP4 protocol failed for the following message: 7"
        ));
    }
}

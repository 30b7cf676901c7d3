//! The Message-ID as a server would tell it, read without the crate that is under test.

/// Returns the Message-ID without blanks; nothing unless there is exactly one.
pub(crate) fn message_id(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let header = text.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
    let mut found = header.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim_end().eq_ignore_ascii_case("message-id").then(|| value.split_whitespace().collect::<String>())
    });
    let first = found.next().filter(|id| !id.is_empty());
    if found.next().is_some() { None } else { first }
}

//! Lines of octets, ended by LF or CRLF; the last one perhaps by nothing.

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where it begins.
    pub(crate) start: usize,
    /// Its octets without the line break.
    pub(crate) text: &'a [u8],
    /// The octets of its line break: 0, 1 or 2.
    pub(crate) ending: usize,
}

impl Line<'_> {
    /// Returns where the next line begins.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len() + self.ending
    }
}

/// Returns the lines, each once, in order.
pub(crate) fn lines(raw: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = raw.get(start..).filter(|rest| !rest.is_empty())?;
        let line = match memchr::memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at)) {
            None => Line { start, text: rest, ending: 0 },
            Some((text, _)) => match text.strip_suffix(b"\r") {
                Some(text) => Line { start, text, ending: 2 },
                None => Line { start, text, ending: 1 },
            },
        };
        start = line.end();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_is_known_and_every_octet_is_in_a_line() {
        let raw = b"a\r\n\nb\r\r\nlast";
        let seen: Vec<_> = lines(raw).map(|l| (l.text, l.ending)).collect();
        assert_eq!(seen, [(&b"a"[..], 2), (b"", 1), (b"b\r", 2), (b"last", 0)]);
        assert_eq!(lines(raw).last().map(|l| l.end()), Some(raw.len()));
        assert_eq!(lines(b"").count(), 0);
    }
}

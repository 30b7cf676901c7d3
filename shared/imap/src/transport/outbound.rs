//! Collects outgoing octets into whole commands and lets only allowed ones through.

use super::policy::{Forbidden, Verbs};
use crate::wire::status::Status;
use bytes::{BufMut as _, BytesMut};

/// What the next outgoing octets are.
#[derive(Debug, PartialEq, Eq)]
enum Expecting {
    Command,
    /// The rest of a command whose literal is through.
    Rest,
    /// That many octets of a literal.
    Literal(u64),
}

/// The way out.
#[derive(Debug)]
pub(super) struct Outbound {
    verbs: Verbs,
    line: BytesMut,
    expecting: Expecting,
    /// The tag of an AUTHENTICATE that is not answered yet; its lines are no commands.
    authenticating: Option<String>,
    /// Whether the next command is answered here instead of being sent (PREAUTH).
    swallow: bool,
    /// What is to be sent.
    pub(super) pending: BytesMut,
}

impl Outbound {
    pub(super) fn new(verbs: Verbs) -> Self {
        Self {
            verbs,
            line: BytesMut::new(),
            expecting: Expecting::Command,
            authenticating: None,
            swallow: false,
            pending: BytesMut::new(),
        }
    }

    /// Keeps the next command from being sent; [`Outbound::accept`] gives back its tag.
    pub(super) fn swallow_next(&mut self) {
        self.swallow = true;
    }

    /// Takes note of an answer, which may end an AUTHENTICATE.
    pub(super) fn answered(&mut self, status: &Status) {
        if self.authenticating.as_deref() == Some(status.tag.as_str()) {
            self.authenticating = None;
        }
    }

    /// Takes octets; gives back the tag of a swallowed command.
    pub(super) fn accept(&mut self, mut octets: &[u8]) -> Result<Option<String>, Forbidden> {
        let mut swallowed = None;
        while !octets.is_empty() {
            if let Expecting::Literal(left) = self.expecting {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
                let (body, rest) = octets.split_at_checked(take).unwrap_or((octets, &[]));
                self.pending.put_slice(body);
                let left = left.saturating_sub(take as u64);
                self.expecting = if left == 0 { Expecting::Rest } else { Expecting::Literal(left) };
                octets = rest;
                continue;
            }
            let Some(at) = octets.iter().position(|&byte| byte == b'\n') else {
                self.line.put_slice(octets);
                break;
            };
            let (head, rest) = octets.split_at_checked(at + 1).unwrap_or((octets, &[]));
            self.line.put_slice(head);
            octets = rest;
            swallowed = self.line_complete()?.or(swallowed);
        }
        Ok(swallowed)
    }

    fn line_complete(&mut self) -> Result<Option<String>, Forbidden> {
        let whole = self.line.split().freeze();
        let line = whole.strip_suffix(b"\n").unwrap_or(&whole);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.authenticating.is_some() {
            self.pending.put_slice(&whole);
            return Ok(None);
        }
        if self.expecting == Expecting::Command {
            self.verbs.check(line)?;
            let mut words = line.split(|&byte| byte == b' ');
            let tag = words.next().map(|tag| String::from_utf8_lossy(tag).into_owned());
            if self.swallow {
                self.swallow = false;
                return Ok(tag);
            }
            if words.next().is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTHENTICATE")) {
                self.authenticating = tag;
            }
        }
        self.expecting = match literal_length(line) {
            Some(length) if length > 0 => Expecting::Literal(length),
            Some(_) => Expecting::Rest,
            None => Expecting::Command,
        };
        self.pending.put_slice(&whole);
        Ok(None)
    }
}

fn literal_length(line: &[u8]) -> Option<u64> {
    let open = line.strip_suffix(b"}")?;
    let at = open.iter().rposition(|&byte| byte == b'{')?;
    let digits = open.get(at + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_command_leaves_no_byte_behind() {
        let mut out = Outbound::new(Verbs::Source);
        assert_eq!(out.accept(b"A1 "), Ok(None));
        assert_eq!(out.accept(b"SELECT INBOX"), Ok(None));
        assert!(out.accept(b"\r\n").is_err());
        assert!(out.pending.is_empty());
    }

    #[test]
    fn a_command_hidden_in_a_literal_is_data_and_one_behind_it_is_refused() {
        let mut out = Outbound::new(Verbs::Source);
        out.accept(b"A1 EXAMINE {9}\r\nA2 CLOSE\n\r\n").unwrap();
        assert_eq!(&out.pending[..], b"A1 EXAMINE {9}\r\nA2 CLOSE\n\r\n");
        assert!(out.accept(b"A3 CLOSE\r\n").is_err());
    }

    #[test]
    fn two_commands_in_one_write_are_both_looked_at() {
        let mut out = Outbound::new(Verbs::Source);
        assert!(out.accept(b"A1 NOOP\r\nA2 EXPUNGE\r\n").is_err());
    }

    #[test]
    fn lines_of_an_authentication_pass_until_it_is_answered() {
        let mut out = Outbound::new(Verbs::Source);
        out.accept(b"A1 AUTHENTICATE PLAIN\r\nAGEAYg==\r\n").unwrap();
        out.answered(&Status::parse(b"A1 OK in").unwrap());
        assert!(out.accept(b"AGEAYg==\r\n").is_err());
    }

    #[test]
    fn a_swallowed_command_is_not_sent() {
        let mut out = Outbound::new(Verbs::Source);
        out.swallow_next();
        assert_eq!(out.accept(b"A7 LOGIN a b\r\n"), Ok(Some("A7".to_owned())));
        assert!(out.pending.is_empty());
    }
}

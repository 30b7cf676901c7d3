//! What EXAMINE (or SELECT) tells of a folder.

use super::status::Status;
use crate::failure::Failure;
use mailcrane_core::uid::UidValidity;

/// The facts of an opened folder, as far as the server named them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// EXISTS.
    pub exists: Option<u64>,
    /// UIDVALIDITY; 0 counts as not named.
    pub uidvalidity: Option<u32>,
    /// UIDNEXT; 0 counts as not named.
    pub uidnext: Option<u32>,
}

impl Opened {
    /// Returns how many messages the folder holds.
    ///
    /// # Errors
    /// When the server did not say.
    pub fn messages(&self) -> Result<u64, Failure> {
        self.exists.ok_or(Failure::Protocol("it opens a folder without saying how many messages it holds"))
    }

    /// Returns the UIDVALIDITY, 0 when it was not named.
    #[must_use]
    pub fn validity(&self) -> UidValidity {
        UidValidity(self.uidvalidity.unwrap_or(0))
    }

    /// Takes one response of the command, the tagged one included.
    pub fn take(&mut self, response: &[u8]) {
        if let Some(status) = Status::parse(response) {
            let number = |name| status.code_value(name)?.parse().ok().filter(|&number| number != 0);
            self.uidvalidity = number("UIDVALIDITY").or(self.uidvalidity);
            self.uidnext = number("UIDNEXT").or(self.uidnext);
            return;
        }
        let text = String::from_utf8_lossy(response);
        let mut words = text.split_whitespace();
        if let (Some("*"), Some(number), Some(word)) = (words.next(), words.next(), words.next())
            && word.eq_ignore_ascii_case("EXISTS")
        {
            self.exists = number.parse().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exists_uidvalidity_and_uidnext_are_read_in_any_order_and_case() {
        let mut opened = Opened::default();
        for line in ["* FLAGS (\\Seen)", "* ok [UIDNEXT 8] x", "* 7 Exists", "A1 OK [UIDVALIDITY 3] done"] {
            opened.take(line.as_bytes());
        }
        assert_eq!(opened, Opened { exists: Some(7), uidvalidity: Some(3), uidnext: Some(8) });
    }

    #[test]
    fn a_uidvalidity_of_0_is_none() {
        let mut opened = Opened::default();
        opened.take(b"* OK [UIDVALIDITY 0] x");
        assert_eq!(opened.uidvalidity, None);
    }
}

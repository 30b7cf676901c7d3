//! An e-mail address, as far as discovery needs it.

use mailcrane_core::address::is_host_name;

/// An e-mail address with a domain that name servers can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    whole: String,
    local: String,
    domain: String,
}

/// A text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as anna@example.org")]
pub struct NotAnAddress;

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`NotAnAddress`] without a local part or with a domain that is no name under a top-level domain.
    pub fn read(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnAddress)?;
        let domain = domain.trim_end_matches('.').to_lowercase();
        let label = |label: &str| {
            !label.is_empty() && label.chars().count() <= 63 && !label.starts_with('-') && !label.ends_with('-')
        };
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '@' | '%' | ',' | ';');
        let good = is_host_name(&domain) && domain.contains('.') && domain.split('.').all(label);
        if !good || local.is_empty() || local.len() > 64 || local.contains(odd) {
            return Err(NotAnAddress);
        }
        Ok(Self { whole: format!("{local}@{domain}"), local: local.to_owned(), domain })
    }

    /// Returns the whole address, its domain in small letters.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.whole
    }

    /// Returns the part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the domain in small letters.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_domain_in_small_letters() {
        let address = Address::read(" Anna.B+x@Example.ORG. ").unwrap();
        assert_eq!((address.local(), address.domain()), ("Anna.B+x", "example.org"));
        assert_eq!(address.whole(), "Anna.B+x@example.org");
    }

    #[test]
    fn what_is_no_address_of_a_public_domain_is_refused() {
        for text in [
            "",
            "anna",
            "@example.org",
            "anna@",
            "anna@localhost",
            "anna@127.0.0.1",
            "anna@[127.0.0.1]",
            "anna@a..org",
            "anna@-a.org",
            "anna@example.org/x",
            "anna@example.org:80",
            "a b@example.org",
            "a@b@example.org",
            "a\r\n@example.org",
            "%EMAIL%@example.org",
            "anna@2130706433.0x7f",
        ] {
            assert_eq!(Address::read(text), Err(NotAnAddress), "{text:?}");
        }
    }
}

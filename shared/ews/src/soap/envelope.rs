//! The SOAP envelope of a request: schema version and the mailbox that is impersonated.

use super::answer::Operation;
use super::body::Body;
use super::xml::{MESSAGES_NS, SOAP_NS, TYPES_NS, Xml};

/// The schema versions asked for, newest first; WorkMail accepts at most the newest of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `Exchange2007_SP1`
    Exchange2007Sp1,
    /// `Exchange2010_SP1`
    Exchange2010Sp1,
    /// `Exchange2010_SP2`
    Exchange2010Sp2,
}

impl Version {
    /// The version tried first.
    pub const NEWEST: Self = Self::Exchange2010Sp2;

    /// Gives the name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange2007Sp1 => "Exchange2007_SP1",
            Self::Exchange2010Sp1 => "Exchange2010_SP1",
            Self::Exchange2010Sp2 => "Exchange2010_SP2",
        }
    }

    /// Gives the version of a name on the wire.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Exchange2007Sp1, Self::Exchange2010Sp1, Self::Exchange2010Sp2].into_iter().find(|v| v.name() == name)
    }

    /// Gives the version to try after this one was refused with `ErrorInvalidServerVersion`.
    #[must_use]
    pub fn older(self) -> Option<Self> {
        match self {
            Self::Exchange2010Sp2 => Some(Self::Exchange2010Sp1),
            Self::Exchange2010Sp1 => Some(Self::Exchange2007Sp1),
            Self::Exchange2007Sp1 => None,
        }
    }
}

/// What stands around an operation.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Schema version.
    pub version: Version,
    /// Primary SMTP address of the mailbox to act as (`ExchangeImpersonation/ConnectingSID`).
    pub impersonate: Option<&'a str>,
}

impl Envelope<'_> {
    /// Builds the request.
    pub fn wrap(&self, operation: &impl Operation) -> Body {
        let mut xml = Xml::document();
        let namespaces = [("xmlns:soap", SOAP_NS), ("xmlns:m", MESSAGES_NS), ("xmlns:t", TYPES_NS)];
        xml.element("soap:Envelope", &namespaces, |xml| {
            xml.element("soap:Header", &[], |xml| {
                xml.empty("t:RequestServerVersion", &[("Version", self.version.name())]);
                if let Some(mailbox) = self.impersonate {
                    xml.element("t:ExchangeImpersonation", &[], |xml| {
                        xml.element("t:ConnectingSID", &[], |xml| xml.leaf("t:PrimarySmtpAddress", mailbox));
                    });
                }
            });
            xml.element("soap:Body", &[], |xml| operation.write(xml));
        });
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_ends_after_the_oldest_version() {
        let steps: Vec<_> = std::iter::successors(Some(Version::NEWEST), |v| v.older()).map(Version::name).collect();
        assert_eq!(steps, ["Exchange2010_SP2", "Exchange2010_SP1", "Exchange2007_SP1"]);
    }
}

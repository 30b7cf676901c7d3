//! Hosts, ports and protections as users enter them.

use crate::oauth::{self, For};
use mailcrane_core::ports::source::{AdminScheme, Endpoint, Security};
use mailcrane_core::record::{Access, OauthSecret};
use mailcrane_lambda::http::Fields;

/// What an object says of a server; whatever is missing may come from the migration's defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) security: Option<Security>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) admin_user: Option<String>,
    pub(crate) admin_password: Option<String>,
    pub(crate) admin_scheme: Option<AdminScheme>,
    pub(crate) oauth: Option<OauthSecret>,
    /// The way into the stack's own WorkMail, when that is what is read.
    pub(crate) workmail: Option<Access>,
}

impl Server {
    /// Reads the members `host`, `port`, `security`, `fingerprint`, `admin_*` and `oauth` that hold for all accounts.
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        let mut server = Self::place(fields);
        server.workmail = Self::workmail(fields);
        server.oauth = oauth::read(fields, server.host.as_deref(), For::Everybody);
        server
    }

    /// Reads the same without `oauth`.
    pub(crate) fn place(fields: &Fields<'_>) -> Self {
        let host = fields.text("host", 253).filter(|host| {
            let good = is_host(host);
            if !good {
                let text = "must be a host name such as imap.example.org, without https:// and without a port";
                fields.fault("host", "field.invalid", text);
            }
            good
        });
        let port = fields.typed::<u16>("port", "a port number from 1 to 65535").filter(|port| {
            if *port == 0 {
                fields.fault("port", "field.invalid", "must be a port number from 1 to 65535");
            }
            *port > 0
        });
        let fingerprint = fields.text("fingerprint", 128).and_then(|text| {
            let digits: String = text.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
            if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Some(digits);
            }
            let text = "must be the SHA-256 of the server's certificate, 64 hexadecimal digits";
            fields.fault("fingerprint", "field.invalid", text);
            None
        });
        Self {
            host,
            port,
            security: fields.typed("security", "tls, starttls or none"),
            fingerprint,
            admin_user: fields.text("admin_user", 320),
            admin_password: fields.raw_text("admin_password", 1_000).map(str::to_owned),
            admin_scheme: fields.typed("admin_scheme", "auto, authzid, master or exchange"),
            oauth: None,
            workmail: None,
        }
    }

    /// Reads `kind` and `access` of a source: an IMAP server unless it says `workmail`.
    pub(crate) fn workmail(fields: &Fields<'_>) -> Option<Access> {
        let access = fields.typed("access", "user, administrator or impersonation");
        match fields.text("kind", 20).as_deref() {
            Some("workmail") => Some(access.unwrap_or_default()),
            None | Some("imap") => {
                if access.is_some() {
                    fields.fault("access", "field.invalid", "belongs to a source of the kind workmail");
                }
                None
            }
            Some(_) => {
                fields.fault("kind", "field.invalid", "must be imap or workmail");
                None
            }
        }
    }

    /// The place that stands for the stack's own WorkMail.
    pub(crate) fn own_workmail() -> Endpoint {
        Endpoint { host: "workmail".to_owned(), port: 443, security: Security::Tls, fingerprint: None }
    }

    /// Tells whether anything says where the server is.
    pub(crate) fn names_place(&self) -> bool {
        self.host.is_some() || self.port.is_some() || self.security.is_some() || self.fingerprint.is_some()
    }

    /// Joins with the defaults; nothing when no host is known.
    pub(crate) fn endpoint(&self, defaults: &Self) -> Option<Endpoint> {
        let host = self.host.clone().or_else(|| defaults.host.clone())?;
        // A port or protection of the defaults belongs to the default's host.
        let same = self.host.is_none() || self.host == defaults.host;
        let inherited = if same { defaults.clone() } else { Self::default() };
        let security = self.security.or(inherited.security).unwrap_or_default();
        let port = self.port.or(inherited.port).unwrap_or(match security {
            Security::Tls => 993,
            Security::Starttls | Security::None => 143,
        });
        let fingerprint = self.fingerprint.clone().or(inherited.fingerprint);
        Some(Endpoint { host, port, security, fingerprint })
    }
}

fn is_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if address.contains(':') {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let labels = host.trim_end_matches('.').split('.');
    host.is_ascii()
        && labels.into_iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Tells whether a text looks like an e-mail address: one `@`, something on both sides, no blanks.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| !part.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'));
    !local.is_empty() && local.len() <= 64 && !local.contains('@') && is_host(domain) && plain(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_is_told() {
        for host in ["imap.example.org", "localhost", "127.0.0.1", "[::1]", "mail-1.example.org."] {
            assert!(is_host(host), "{host}");
        }
        for host in ["https://imap.example.org", "imap.example.org:993", "", "a b", "ä.example.org", "a..b"] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        assert!(is_address("anna@example.org"));
        for text in ["anna", "@example.org", "anna@", "an na@example.org", "a@b@example.org", "<anna@example.org>"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn the_port_of_the_defaults_stays_with_their_host() {
        let defaults = Server { host: Some("a".into()), port: Some(1993), ..Server::default() };
        assert_eq!(Server::default().endpoint(&defaults).unwrap().port, 1993);
        let other = Server { host: Some("b".into()), ..Server::default() };
        assert_eq!(other.endpoint(&defaults).unwrap().port, 993);
        let plain = Server { security: Some(Security::None), ..other };
        assert_eq!(plain.endpoint(&defaults).unwrap().port, 143);
    }
}

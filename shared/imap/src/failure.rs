//! What can go wrong with a source, told apart so that a user knows what to do.

use mailcrane_core::Fault;
use std::net::IpAddr;
use std::time::Duration;

/// Everything that can go wrong between us and an IMAP server.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The name of the server has no address.
    #[error("The server name {host} is not known. Check its spelling.")]
    HostUnknown {
        /// The name as entered.
        host: String,
    },
    /// The name leads to an address that must not be connected to.
    #[error("The server {host} leads to {address}, which is {kind}. Only public addresses are allowed.")]
    AddressRefused {
        /// The name as entered.
        host: String,
        /// The address it leads to.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// The port is not one of mail.
    #[error("Port {port} is not allowed for IMAP. Usual are 993 (TLS) and 143 (STARTTLS).")]
    PortRefused {
        /// The port as entered.
        port: u16,
    },
    /// Nobody listens there.
    #[error(
        "{host} refuses connections to port {port}. Check the server name and the port (993 for TLS, 143 for STARTTLS)."
    )]
    ConnectionRefused {
        /// The server.
        host: String,
        /// The port.
        port: u16,
    },
    /// No connection within the time limit, or no way to the network.
    #[error(
        "{host} does not answer on port {port}. Check the server name and the port, or whether a firewall is in the way."
    )]
    Unreachable {
        /// The server.
        host: String,
        /// The port.
        port: u16,
        /// What the network said.
        #[source]
        cause: Option<std::io::Error>,
    },
    /// The server offers no protection where some was asked for.
    #[error("{host} offers no TLS on this port. Choose TLS on port 993 or STARTTLS on port 143, as the provider says.")]
    NoTls {
        /// The server.
        host: String,
        /// What the handshake said.
        #[source]
        cause: Option<std::io::Error>,
    },
    /// The server speaks only versions of TLS, or ciphers, that are no protection any more.
    #[error(
        "{host} offers only old TLS. Versions before 1.2 (RFC 8996) and weak ciphers are not used here: have TLS 1.2 or 1.3 switched on at the server."
    )]
    TlsTooOld {
        /// The server.
        host: String,
        /// What the handshake said.
        #[source]
        cause: std::io::Error,
    },
    /// The certificate is not accepted.
    #[error("The certificate of {host} {reason}. Its SHA-256 fingerprint is {}. Enter the server name that the certificate is for, or confirm this fingerprint if the server is yours.", fingerprint.as_deref().unwrap_or("not known"))]
    Certificate {
        /// The server.
        host: String,
        /// What is wrong with it, as the end of a sentence.
        reason: String,
        /// The SHA-256 of the certificate in hexadecimal digits, when the server showed one.
        fingerprint: Option<String>,
    },
    /// User or password are wrong.
    #[error(
        "The server does not accept this user and password. Enter them again, as they work in the provider's own web mail; many providers want the whole e-mail address as the user. The server said: {text}"
    )]
    WrongPassword {
        /// The server's words.
        text: String,
    },
    /// The account wants a password made for programs.
    #[error(
        "This account needs an app password instead of its usual password. Create one in the provider's security settings. The server said: {text}"
    )]
    AppPasswordNeeded {
        /// The server's words.
        text: String,
    },
    /// The server takes no passwords.
    #[error(
        "This server takes no passwords from programs. Sign in with OAuth (Google, Microsoft) or use an administrator's access. The server said: {text}"
    )]
    OauthNeeded {
        /// The server's words.
        text: String,
    },
    /// The access token is not accepted.
    #[error(
        "The server does not accept this access token. Sign in again; the token needs the scope for IMAP. The server said: {text}"
    )]
    TokenRefused {
        /// The server's words.
        text: String,
    },
    /// The access token was accepted before and is not any more: it has expired in the middle.
    #[error("The access token has expired; a new one is fetched. The server said: {text}")]
    TokenExpired {
        /// The server's words.
        text: String,
    },
    /// IMAP is switched off for the account.
    #[error(
        "IMAP is switched off for this account. Switch it on in the settings of the mailbox or ask its administrator. The server said: {text}"
    )]
    ImapDisabled {
        /// The server's words.
        text: String,
    },
    /// Nothing that we speak.
    #[error(
        "The server offers no way to sign in that is known here (it offers: {offered}). Choose another one: a password, OAuth or an administrator's access."
    )]
    NoMechanism {
        /// The mechanisms it offers.
        offered: String,
    },
    /// The server counts too many connections.
    #[error(
        "The server allows no more connections at a time for this account. Close other mail programs that use it, then check again in a few minutes. The server said: {text}"
    )]
    TooManyConnections {
        /// The server's words.
        text: String,
    },
    /// The server wants to be asked later.
    #[error(
        "The server is busy or limits the speed. Check again later; a migration waits by itself. The server said: {text}"
    )]
    Busy {
        /// How long to wait.
        after: Duration,
        /// The server's words.
        text: String,
    },
    /// Signed in, yet without a right on that mailbox.
    #[error(
        "The sign-in works but gives no right to read this mailbox. Give the administrator or delegate access to it. The server said: {text}"
    )]
    NoRight {
        /// The server's words.
        text: String,
    },
    /// INBOX cannot be opened.
    #[error(
        "The sign-in works but INBOX cannot be opened. Open the mailbox once in the provider's web mail, or ask its administrator for the right to read INBOX. The server said: {text}"
    )]
    InboxNotReadable {
        /// The server's words.
        text: String,
    },
    /// A folder is no longer there.
    #[error("The folder is gone. The server said: {text}")]
    FolderGone {
        /// The server's words.
        text: String,
    },
    /// A folder is there and cannot be opened.
    #[error(
        "The folder cannot be opened. Ask the mailbox's administrator for the right to read it, or the provider to mend it. The server said: {text}"
    )]
    FolderRefused {
        /// The server's words.
        text: String,
    },
    /// A command was answered with NO or BAD.
    #[error("The server refused {command}. It said: {text}")]
    Refused {
        /// The command without its arguments.
        command: &'static str,
        /// The server's words.
        text: String,
        /// The response code's first word.
        code: Option<String>,
    },
    /// UIDVALIDITY changed while a folder was being read.
    #[error("The server gave the messages of the folder new numbers meanwhile.")]
    Renumbered,
    /// The connection broke.
    #[error("The connection to the server broke. Check again; if it goes on, ask the provider.")]
    Lost(#[source] std::io::Error),
    /// The server said BYE.
    #[error("The server closed the connection. Check again later; if it goes on, ask the provider. It said: {text}")]
    Closed {
        /// The server's words.
        text: String,
    },
    /// Nothing came for too long.
    #[error("The server stopped answering. Check again; if it goes on, check the server name and the port.")]
    Silent(#[source] std::io::Error),
    /// What the server says is no IMAP.
    #[error("The server does not speak IMAP as expected: {0}. Check the server name and the port.")]
    Protocol(&'static str),
    /// A command of ours is not on the list.
    #[error("A command was held back because it could alter the source.")]
    Forbidden(#[source] std::io::Error),
    /// The settings of this service are unusable.
    #[error("The TLS settings of this service are unusable.")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// Returns the stable code of the fault.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostUnknown { .. } => "source.host_unknown",
            Self::AddressRefused { .. } => "source.address_refused",
            Self::PortRefused { .. } => "source.port_refused",
            Self::ConnectionRefused { .. } => "source.connection_refused",
            Self::Unreachable { .. } => "source.unreachable",
            Self::NoTls { .. } => "source.no_tls",
            Self::TlsTooOld { .. } => "source.tls_too_old",
            Self::Certificate { .. } => "source.certificate",
            Self::WrongPassword { .. } => "source.wrong_password",
            Self::AppPasswordNeeded { .. } => "source.app_password_needed",
            Self::OauthNeeded { .. } => "source.oauth_needed",
            Self::TokenRefused { .. } => "source.token_refused",
            Self::TokenExpired { .. } => "source.token_expired",
            Self::ImapDisabled { .. } => "source.imap_disabled",
            Self::NoMechanism { .. } => "source.no_mechanism",
            Self::TooManyConnections { .. } => "source.too_many_connections",
            Self::Busy { .. } => "source.busy",
            Self::NoRight { .. } => "source.no_right",
            Self::InboxNotReadable { .. } => "source.inbox_not_readable",
            Self::FolderGone { .. } => "source.folder_gone",
            Self::FolderRefused { .. } => "source.folder_refused",
            Self::Refused { .. } => "source.refused",
            Self::Renumbered => "source.uidvalidity_changed",
            Self::Lost(_) | Self::Closed { .. } => "source.connection_lost",
            Self::Silent(_) => "source.silent",
            Self::Protocol(_) => "source.protocol",
            Self::Forbidden(_) => "source.forbidden",
            Self::Settings(_) => "source.settings",
        }
    }

    /// Tells after which time the same may work; nothing when a person must act.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => Some(*after),
            Self::TooManyConnections { .. } => Some(Duration::from_secs(60)),
            Self::Lost(_) | Self::Closed { .. } | Self::Silent(_) | Self::Protocol(_) => Some(Duration::from_secs(5)),
            Self::Refused { .. } => Some(Duration::from_secs(10)),
            Self::Renumbered | Self::TokenExpired { .. } => Some(Duration::ZERO),
            Self::Unreachable { .. } | Self::ConnectionRefused { .. } | Self::FolderRefused { .. } => {
                Some(Duration::from_secs(30))
            }
            _ => None,
        }
    }

    /// Tells whether the connection cannot be used on.
    #[must_use]
    pub fn breaks_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Closed { .. } | Self::Silent(_) | Self::Protocol(_) | Self::Forbidden(_))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Self::Silent(error),
            std::io::ErrorKind::PermissionDenied => Self::Forbidden(error),
            std::io::ErrorKind::InvalidData => Self::Protocol("a response beyond every limit"),
            _ => Self::Lost(error),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let message = shown(&failure.to_string());
        let fault = match failure.retry_after() {
            Some(after) => Self::retry(after, failure.code(), message),
            None => Self::give_up(failure.code(), message),
        };
        let fingerprint = match &failure {
            Failure::Certificate { fingerprint, .. } => fingerprint.clone(),
            _ => None,
        };
        fault.showing(fingerprint).because(failure)
    }
}

/// The longest sentence for people, in characters; what a server said stands at its end.
const LONGEST: usize = 800;

/// Shortens a sentence, and takes out what would spoil a page or a log.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(LONGEST).map(plain).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

#[cfg(test)]
mod tests;

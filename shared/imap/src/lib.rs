//! IMAP as a source, under a guarding transport.

pub mod connect;
pub mod destination;
pub mod failure;
pub mod session;
pub mod signin;
pub mod transport;
pub mod wire;

pub use connect::{Dial, Network, TcpDial, Tls, TlsSettings};
pub use destination::ImapDestination;
pub use failure::Failure;
pub use mailcrane_core::address::Reach;
pub use session::opening::Opening;
pub use session::{ImapSession, ImapSources};
pub use transport::Verbs;

//! Mail providers by name, and the IMAP server behind an e-mail address.

pub mod catalogue;
pub mod discovery;
pub mod network;
pub mod provider;

pub use catalogue::Catalogue;
pub use discovery::Discovery;
pub use provider::{Auth, Oauth, Provider};

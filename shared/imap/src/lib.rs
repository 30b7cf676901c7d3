//! IMAP as a source, under a guarding transport.

pub mod transport;
pub mod wire;

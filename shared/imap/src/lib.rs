//! IMAP as a source, under a guarding transport.

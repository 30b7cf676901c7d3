//! What IMAP servers write, read tolerantly: tokens, responses, names and dates, without any I/O.

pub mod capability;
pub mod date;
pub mod fetch;
pub mod list;
pub mod metadata;
pub mod quote;
pub mod search;
pub mod select;
pub mod status;
pub mod token;
pub mod utf7;

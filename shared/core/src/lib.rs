//! The vocabulary and the ports of Mailcrane: no I/O, no clock, no environment, no async runtime.
//!
//! Everything that two crates must agree on lives here: identities, messages, folders, faults with
//! their remedies, the states of a migration, what is kept in the table and what travels in queues.

pub mod address;
pub mod csv;
pub mod digest;
pub mod fault;
pub mod flags;
pub mod folder;
pub mod id;
pub mod key;
pub mod manifest;
pub mod message;
pub mod ports;
pub mod record;
pub mod secret;
pub mod settings;
pub mod state;
pub mod token;
pub mod uid;

pub use fault::{Fault, Remedy};
pub use jiff::Timestamp;

//! The ports: what the engine asks of the outside. A port's comment is its contract.
//!
//! Adapters implement them; the testkit holds one conformance suite per port that every adapter passes.

pub mod blobs;
pub mod clock;
pub mod destination;
pub mod directory;
pub mod ends;
pub mod mailer;
pub mod queue;
pub mod source;
pub mod table;
pub mod vault;
pub mod webhook;

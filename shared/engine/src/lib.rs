//! The use cases of a migration, over ports. The engine names no backend, reads no clock and no environment.
//!
//! A decision is a pure function in a file of its own; the loop that performs it is dull.

pub mod account;
pub mod admission;
pub mod analyze;
pub mod check;
pub mod chunk;
pub mod control;
pub mod copy;
pub mod erase;
pub mod estimate;
pub mod export;
pub mod farewell;
pub mod intake;
pub mod lane;
pub mod ledger;
pub mod limit;
pub mod mailbox;
pub mod outbox;
pub mod permission;
pub mod plan;
pub mod rehearsal;
pub mod sweep;
pub mod throttle;
pub mod undo;
pub mod verify;
pub mod voucher;
pub mod webhook;
pub mod world;

//! The use cases of a migration, over ports. The engine names no backend, reads no clock and no environment.
//!
//! A decision is a pure function in a file of its own; the loop that performs it is dull.

pub mod copy;
pub mod lane;
pub mod ledger;
pub mod throttle;
pub mod world;

//! Whole passes over servers that lose mail in silence: the engine plans, copies and verifies through the real adapter,
//! and what the server has is in the manifest, each message with its outcome. Time is virtual: who waits, waits in full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod server;
#[allow(dead_code, reason = "the test of counting uses the rest")]
mod stage;

mod back_off;
mod losses;

//! Sessions against a real Dovecot on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

#[path = "../scripted/feed.rs"]
mod feed;
mod server;

mod conformance;
mod protection;
mod reading;
mod sharing;
mod signing_in;
mod storing;

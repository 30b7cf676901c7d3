//! Sessions against scripted servers: every odd, broken and hostile thing that a server does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod feed;
mod model;
mod server;

mod bodies;
mod faults;
mod folders;
mod greeting;
mod guarding;
mod listing;
mod losses;
mod opening;
mod signing_in;
mod split;
mod storing;
mod tree;

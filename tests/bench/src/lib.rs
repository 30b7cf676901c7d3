//! The parts of the bench: so far the link that puts a server at a distance.

mod relay;

pub use relay::Relay;

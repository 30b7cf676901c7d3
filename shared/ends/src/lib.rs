//! The two ends of an account: looks up its credentials, picks the adapter, connects and signs in.

mod credentials;
mod destination;
mod oauth;
mod opener;
mod pace;
mod self_test;
mod source;

pub use destination::AnyDestination;
pub use opener::{Administrator, BadSettings, Opener, Settings};
pub use source::AnySource;

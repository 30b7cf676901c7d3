//! Amazon WorkMail over EWS.
//!
//! [`soap`] is the wire format, pure; [`names`] and [`limit`] are pure decisions; [`WorkMail`] is the destination,
//! [`WorkMailSource`] the way out.

pub mod limit;
pub mod names;
pub mod soap;

mod access;
mod capabilities;
mod destination;
mod failure;
mod folders;
mod gate;
mod listing;
mod message;
mod numbering;
mod search;
mod self_test;
mod session;
mod source;
mod store;
mod transport;

pub use access::{Access, TokenFuture, TokenSource};
pub use capabilities::Capabilities;
pub use destination::{Opening, WorkMail};
pub use gate::{Gate, Pace};
pub use self_test::SCRATCH;
pub use session::Settings;
pub use source::{SourceOpening, WorkMailSource};
pub use transport::{BadEndpoint, Endpoint};

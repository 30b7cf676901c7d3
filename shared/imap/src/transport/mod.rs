//! The guarding transport under async-imap: nothing forbidden leaves, nothing is lost on the way in.

pub mod event;
pub mod frame;
mod guard;
mod inspect;
mod outbound;
mod patience;
pub mod policy;
mod records;

pub use event::Event;
pub use guard::{Guard, Limits};
pub use policy::Verbs;
pub use records::Records;

use tokio::io::{AsyncRead, AsyncWrite};

/// What a guard may sit on: TCP, TLS or one end of a pipe in tests.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection whose kind no longer matters.
pub type Wire = Box<dyn Duplex>;

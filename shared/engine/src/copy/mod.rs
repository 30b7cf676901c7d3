//! Copying: a chunk of a lane leases slices, reads their messages, stores them and records what became of them.
//!
//! A reader, the requests to the destination and the writes of the table go on at the same time; this loop alone
//! owns the state. Order of every message: intended in the table, sent, recorded.

mod budget;
pub mod commit;
mod copier;
pub mod decision;
pub mod lease;
mod reader;
pub mod rescue;
pub mod stub;
mod work;

pub use copier::run;
pub use work::{Work, windows};

use crate::lane::Next;
use mailcrane_core::Fault;
use mailcrane_core::record::{Lane, Versioned};

/// How a chunk of copying ended.
#[derive(Debug)]
pub enum Ended {
    /// The lane goes on, or has nothing more to do.
    Next {
        /// The lane as it is stored.
        lane: Versioned<Lane>,
        /// What becomes of it.
        next: Next,
        /// Whether anything was recorded.
        progress: bool,
    },
    /// A person must act before the account can go on.
    Stalled {
        /// The lane as it is stored.
        lane: Versioned<Lane>,
        /// What failed.
        fault: Fault,
    },
    /// A person paused or cancelled, or another lane stalled the account.
    Stopped {
        /// The lane as it is stored.
        lane: Versioned<Lane>,
    },
    /// The folder's UIDs mean nothing any more: the account must be planned again.
    Renumbered {
        /// The lane as it is stored.
        lane: Versioned<Lane>,
    },
    /// Another chunk took the lane; nothing more may be written.
    Lost,
}

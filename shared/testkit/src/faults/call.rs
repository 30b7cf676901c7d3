//! One call of a port.

use std::fmt;

/// The ports whose calls are counted; the clock cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// `Table`
    Table,
    /// `Queues`
    Queues,
    /// `Ends`, and `Sources` where a test opens sessions itself
    Ends,
    /// `Source`
    Source,
    /// `Destination`
    Destination,
    /// `Directory`
    Directory,
    /// `Vault`
    Vault,
    /// `Mailer`
    Mailer,
    /// `Webhooks`
    Webhooks,
    /// `Blobs`
    Blobs,
}

/// One call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// Its number over all ports, from 0.
    pub number: u64,
    /// The port.
    pub port: Port,
    /// The method, as it is spelt. A fetch counts twice: `fetch` and, for each body, `fetch_body`.
    pub method: &'static str,
    /// The process that made it; 0 outside of any.
    pub process: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} ({:?}::{}, process {})", self.number, self.port, self.method, self.process)
    }
}

impl Call {
    /// Tells whether the call only reads, so that before and after its effect are the same.
    #[must_use]
    pub fn reads(&self) -> bool {
        match self.port {
            Port::Table => matches!(self.method, "get" | "query" | "due"),
            Port::Destination => matches!(self.method, "folders" | "list" | "find"),
            Port::Source | Port::Ends => true,
            Port::Directory => matches!(self.method, "mailbox" | "administrator" | "permissions" | "roles" | "assume"),
            Port::Vault => self.method == "open",
            Port::Blobs => self.method == "link",
            Port::Queues | Port::Mailer | Port::Webhooks => false,
        }
    }

    /// Tells whether the call has several effects, so that some of them can happen without the others.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        matches!(self.method, "put_all" | "send" | "store" | "delete" | "delete_all" | "seal")
            && self.port != Port::Mailer
    }
}

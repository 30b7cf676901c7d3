//! What discovery asks: name servers and web servers.

mod dns;
mod web;

pub use dns::SystemDns;
pub use web::{BadWeb, PublicWeb};

use std::future::Future;
use std::net::IpAddr;

/// Nobody answered, or not in words that can be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// The lowest is asked first.
    pub priority: u16,
    /// Among equals the highest is preferred.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, without a dot at the end; empty when the service is not offered.
    pub host: String,
}

/// Asks name servers. A name that does not exist is an empty answer, not an error.
pub trait Dns: Send + Sync {
    /// Gives the names of a domain's mail exchangers, the preferred one first, without a dot at the end.
    fn mx(&self, domain: &str) -> impl Future<Output = Result<Vec<String>, NoAnswer>> + Send;

    /// Gives the SRV records of a name such as `_imaps._tcp.example.org`, in any order.
    fn srv(&self, name: &str) -> impl Future<Output = Result<Vec<Srv>, NoAnswer>> + Send;

    /// Gives the addresses of a host.
    fn addresses(&self, host: &str) -> impl Future<Output = Result<Vec<IpAddr>, NoAnswer>> + Send;
}

/// What a web server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The text of the page.
    Found(String),
    /// There is no such page, and why.
    Absent(String),
}

/// Asks web servers: with TLS, at public addresses only, without leaving the host that was asked, and no more than
/// a small document.
pub trait Web: Send + Sync {
    /// Reads a page.
    fn get(&self, url: &str) -> impl Future<Output = Result<Page, NoAnswer>> + Send;
}

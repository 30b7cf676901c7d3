//! The way to a server: a vetted address, TCP, protection and the greeting.

mod greeting;
mod resolve;
mod tls;

pub(crate) use greeting::read as read_greeting;
pub use greeting::{Greeted, Greeting};
pub use resolve::{Resolver, SystemResolver, vet};
pub use tls::{Tls, TlsSettings};

use crate::failure::Failure;
use crate::transport::{Limits, Wire};
use mailcrane_core::address::{IMAP_PORTS, Reach};
use mailcrane_core::ports::source::Endpoint;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How to connect; the same for every account.
#[derive(Debug, Clone)]
pub struct Network {
    /// Which addresses may be connected to.
    pub reach: Reach,
    /// Which ports may be connected to; empty permits every port.
    pub ports: Vec<u16>,
    /// How long one attempt to connect, and the TLS handshake, may take.
    pub connect: Duration,
    /// Patience and limits of the transport.
    pub limits: Limits,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            reach: Reach::Public,
            ports: IMAP_PORTS.to_vec(),
            connect: Duration::from_secs(15),
            limits: Limits::default(),
        }
    }
}

/// Makes the bare connection to an endpoint; the one place that touches the network.
pub trait Dial: Send + Sync {
    /// Connects, without protection and without reading anything.
    fn dial<'a>(&'a self, endpoint: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>>;
}

/// Dials by TCP: resolves once, vets every address and connects to the vetted ones only.
#[derive(Debug, Clone)]
pub struct TcpDial<R = SystemResolver> {
    /// How to connect.
    pub network: Network,
    /// How names become addresses.
    pub resolver: R,
}

impl<R: Resolver> Dial for TcpDial<R> {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let (host, port) = (endpoint.host.trim().to_owned(), endpoint.port);
            if !self.network.ports.is_empty() && !self.network.ports.contains(&port) {
                return Err(Failure::PortRefused { port });
            }
            let addresses = vet(&self.resolver, self.network.reach, &host, port).await?;
            let mut last = Failure::HostUnknown { host: host.clone() };
            for address in addresses.into_iter().take(4) {
                match self.attempt(address, &host, port).await {
                    Ok(wire) => return Ok(wire),
                    Err(failure) => last = failure,
                }
            }
            Err(last)
        })
    }
}

impl<R> TcpDial<R> {
    async fn attempt(&self, address: SocketAddr, host: &str, port: u16) -> Result<Wire, Failure> {
        let host = host.to_owned();
        match timeout(self.network.connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Ok(Err(cause)) if cause.kind() == ErrorKind::ConnectionRefused => {
                Err(Failure::ConnectionRefused { host, port })
            }
            Ok(Err(cause)) => Err(Failure::Unreachable { host, port, cause: Some(cause) }),
            Err(_elapsed) => Err(Failure::Unreachable { host, port, cause: None }),
        }
    }
}

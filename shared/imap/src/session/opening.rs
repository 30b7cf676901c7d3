//! Opens a session: dial, protect, greet, sign in; again after a connection was lost.

use super::link::Link;
use crate::connect::{self, Dial, Greeted, Network, SystemResolver, TcpDial, Tls, TlsSettings};
use crate::failure::Failure;
use crate::signin::{self, Before, Client};
use crate::transport::{Guard, Verbs, Wire};
use crate::wire::capability::{self, Capabilities};
use mailcrane_core::ports::source::{Credentials, Endpoint, Security};
use std::sync::Arc;

/// Everything that opening a session takes; shared by all sessions of a service.
#[derive(Clone)]
pub struct Opening {
    /// Makes bare connections.
    pub dial: Arc<dyn Dial>,
    /// Protects them.
    pub tls: Tls,
    /// Time limits.
    pub network: Network,
    /// What may be said.
    pub verbs: Verbs,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub link: Link,
    /// What the server can do now.
    pub capabilities: Capabilities,
    /// The server's greeting in lower case; some makes are known by it.
    pub greeting: String,
}

impl Opening {
    /// Opens sessions over TCP, names looked up as the machine does.
    ///
    /// # Errors
    /// When the further authorities cannot be read.
    pub fn over_tcp(network: Network, tls: &TlsSettings, verbs: Verbs) -> Result<Self, Failure> {
        let dial = TcpDial { network: network.clone(), resolver: SystemResolver };
        Ok(Self { dial: Arc::new(dial), tls: Tls::new(tls)?, network, verbs })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// Every way in which a server can turn us away, told apart.
    pub async fn open(&self, endpoint: &Endpoint, credentials: &Credentials) -> Result<Opened, Failure> {
        let wire = self.dial.dial(endpoint).await?;
        let (mut guard, greeted) = match endpoint.security {
            Security::Tls => {
                let wire = self.protect(wire, endpoint).await?;
                self.greet(wire).await?
            }
            Security::Starttls => self.starttls(wire, endpoint).await?,
            Security::None => self.greet(wire).await?,
        };
        let greeting = greeted.text.to_ascii_lowercase();
        let capabilities = match greeted.capabilities {
            Some(named) => named,
            None => ask(&mut guard).await?,
        };
        let before = Before { endpoint, greeting: greeted.greeting, capabilities: &capabilities };
        let (session, named) = signin::sign_in(Client::new(guard), credentials, &before).await?;
        let mut link = Link::new(session);
        let capabilities = match named {
            Some(named) => named,
            None => after(&mut link).await?,
        };
        Ok(Opened { link, capabilities, greeting })
    }

    fn guard(&self, wire: Wire) -> Guard<Wire> {
        Guard::new(wire, self.verbs, self.network.limits)
    }

    async fn greet(&self, wire: Wire) -> Result<(Guard<Wire>, Greeted), Failure> {
        let mut guard = self.guard(wire);
        let greeted = connect::read_greeting(&mut guard).await?;
        Ok((guard, greeted))
    }

    async fn protect(&self, wire: Wire, endpoint: &Endpoint) -> Result<Wire, Failure> {
        self.tls.protect(wire, &endpoint.host, endpoint.fingerprint.as_deref(), self.network.connect).await
    }

    /// Asks for STARTTLS whatever the server announces: without a plain OK there is no session.
    ///
    /// What the server said before is forgotten, and octets that wait behind its OK end the session.
    async fn starttls(&self, wire: Wire, endpoint: &Endpoint) -> Result<(Guard<Wire>, Greeted), Failure> {
        let no_tls = |cause| Failure::NoTls { host: endpoint.host.clone(), cause };
        let (guard, mut greeted) = self.greet(wire).await?;
        if greeted.greeting == connect::Greeting::Preauth {
            return Err(no_tls(None));
        }
        let mut client = Client::new(guard);
        match client.run_command_and_check_ok("STARTTLS", None).await {
            Ok(()) => {}
            Err(async_imap::error::Error::Io(error)) => return Err(error.into()),
            Err(refusal) => return Err(no_tls(Some(std::io::Error::other(refusal.to_string())))),
        }
        let clean = client.into_inner().into_wire();
        let wire = clean.ok_or(Failure::Protocol("it sent data before the protection began"))?;
        greeted.capabilities = None;
        Ok((self.guard(self.protect(wire, endpoint).await?), greeted))
    }
}

/// Asks for the capabilities before signing in; a server that refuses has none.
async fn ask(guard: &mut Guard<Wire>) -> Result<Capabilities, Failure> {
    use tokio::io::AsyncWriteExt as _;
    guard.write_all(b"C0 CAPABILITY\r\n").await?;
    guard.flush().await?;
    let mut found = Capabilities::default();
    loop {
        let response = guard.response().await?;
        if let Some(named) = capability::parse(&response) {
            found = named;
        }
        if super::link::tagged(&response, "C0").is_some() {
            guard.records.tagged = None;
            return Ok(found);
        }
    }
}

/// Asks for the capabilities after signing in.
async fn after(link: &mut Link) -> Result<Capabilities, Failure> {
    match link.call("CAPABILITY", "CAPABILITY").await {
        Ok(answer) => Ok(answer.lines.iter().find_map(|line| capability::parse(line)).unwrap_or_default()),
        Err(Failure::Refused { .. }) => Ok(Capabilities::default()),
        Err(failure) => Err(failure),
    }
}

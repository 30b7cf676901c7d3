//! Web servers, asked carefully.

use super::{Dns, NoAnswer, Page, Web};
use mailcrane_core::address::{Reach, is_host_name, kind};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, redirect};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest page that is read, in octets.
const LONGEST: usize = 64 * 1024;

/// Asks web servers at public addresses; the vetted address is the one that is connected to.
#[derive(Debug, Clone)]
pub struct PublicWeb(Client);

/// The client cannot be made: the machine has no usable authorities.
#[derive(Debug, thiserror::Error)]
#[error("web servers cannot be asked")]
pub struct BadWeb(#[from] reqwest::Error);

impl PublicWeb {
    /// Asks over TLS; `reach` opens private addresses for an operator's own network.
    ///
    /// # Errors
    /// [`BadWeb`] when the client cannot be made.
    pub fn new<D: Dns + 'static>(dns: D, reach: Reach, limit: Duration) -> Result<Self, BadWeb> {
        Self::built(dns, reach, limit, Protection::Tls)
    }

    fn built<D: Dns + 'static>(dns: D, reach: Reach, limit: Duration, protection: Protection) -> Result<Self, BadWeb> {
        let client = Client::builder()
            .dns_resolver(Arc::new(Vetting { dns: Arc::new(dns), reach }))
            .https_only(protection == Protection::Tls)
            .no_proxy()
            .redirect(redirect::Policy::custom(stay))
            .retry(reqwest::retry::never())
            .timeout(limit)
            .user_agent(concat!("Mailcrane/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }
}

/// Whether pages are asked for without TLS, which tests do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Tls,
    #[cfg(test)]
    None,
}

impl Web for PublicWeb {
    async fn get(&self, url: &str) -> Result<Page, NoAnswer> {
        let url = reqwest::Url::parse(url).map_err(|error| NoAnswer(error.to_string()))?;
        if url.host_str().is_none_or(|host| !is_host_name(host)) {
            return Err(NoAnswer("only names are asked, not addresses".into()));
        }
        let mut answer = self.0.get(url).send().await.map_err(told)?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => {
                return Ok(Page::Absent("the server sends elsewhere, which is not followed".into()));
            }
            status if status.is_server_error() => {
                return Err(NoAnswer(format!("the server answered {}", status.as_u16())));
            }
            status => return Ok(Page::Absent(format!("the server answered {}", status.as_u16()))),
        }
        let mut octets = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(told)? {
            if octets.len().saturating_add(piece.len()) > LONGEST {
                return Err(NoAnswer(format!("the document is longer than {LONGEST} octets")));
            }
            octets.extend_from_slice(&piece);
        }
        Ok(Page::Found(String::from_utf8_lossy(&octets).into_owned()))
    }
}

/// Follows a redirect only within the same host and port, and twice at most.
fn stay(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let place = |url: &reqwest::Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
    let same = attempt.previous().first().is_some_and(|first| place(first) == place(attempt.url()));
    if same && attempt.previous().len() <= 2 { attempt.follow() } else { attempt.stop() }
}

/// Says in a sentence why there is no answer: the innermost cause, without the address, which names a person.
fn told(error: reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer("the server did not answer in time".into());
    }
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    NoAnswer(innermost.to_string())
}

/// Resolves names, and refuses those that lead to a forbidden address.
struct Vetting<D> {
    dns: Arc<D>,
    reach: Reach,
}

impl<D: Dns + 'static> Resolve for Vetting<D> {
    fn resolve(&self, name: Name) -> Resolving {
        let (dns, reach) = (self.dns.clone(), self.reach);
        Box::pin(async move {
            let found = dns.addresses(name.as_str()).await?;
            if found.is_empty() {
                return Err(NoAnswer("the host does not exist".into()).into());
            }
            if let Some(refused) = found.iter().find(|address| !reach.permits(**address)) {
                return Err(NoAnswer(format!("the host leads to {}", kind(*refused).name())).into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;

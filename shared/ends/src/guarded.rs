//! Web servers that users name: asked over TLS, at public addresses only, without following redirects.

use mailcrane_core::address::{Reach, kind};
use mailcrane_imap::connect::{SystemResolver, vet};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Url, redirect};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Prepares a client that connects to vetted addresses only; `pem` holds further authorities to trust.
///
/// # Errors
/// When the authorities cannot be read.
pub(crate) fn client(reach: Reach, pem: Option<&str>, limit: Duration) -> Result<Client, reqwest::Error> {
    let mut client = Client::builder()
        .dns_resolver(Arc::new(Vetting(reach)))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(limit)
        .user_agent(concat!("Mailcrane/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = pem {
        client = client.tls_certs_merge(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    client.build()
}

/// Why a URL is not asked; the sentence goes on behind "the URL".
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct BadUrl {
    reason: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Refuses what is no https URL on the usual port; in a private network plain http and any port are taken too.
///
/// # Errors
/// [`BadUrl`] with the reason.
pub(crate) fn permitted(text: &str, reach: Reach) -> Result<Url, BadUrl> {
    let wrong = |reason: &str| BadUrl { reason: reason.to_owned(), cause: None };
    let no_url = |cause| BadUrl { reason: "is no URL; check it".into(), cause: Some(Box::from(cause)) };
    let url = Url::parse(text.trim()).map_err(no_url)?;
    let usual = url.scheme() == "https" && url.port().is_none();
    if !(usual || reach == Reach::Private && matches!(url.scheme(), "https" | "http")) {
        return Err(wrong("must begin with https:// and use the usual port"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or a password"));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) if !reach.permits(address) => {
            let kind = kind(address).name();
            Err(wrong(&format!("leads to {kind}; only public addresses are allowed")))
        }
        _ => Ok(url),
    }
}

/// Finds the refusal of a host in what a request failed with.
pub(crate) fn refused(error: &reqwest::Error) -> Option<&mailcrane_imap::Failure> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(refused) = one.downcast_ref::<mailcrane_imap::Failure>() {
            return Some(refused);
        }
        cause = one.source();
    }
    None
}

/// Resolves names, and refuses those that lead to a forbidden address.
struct Vetting(Reach);

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = vet(&SystemResolver, reach, name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

//! Asks token endpoints: over TLS, at public addresses only, without following redirects.

use super::answer::{self, Granted};
use super::request::Form;
use mailcrane_core::Fault;
use mailcrane_core::address::{Reach, kind};
use mailcrane_imap::connect::{SystemResolver, vet};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, Url, redirect};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer that is read, in octets.
const LONGEST: usize = 64 * 1024;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(15);

/// Asks token endpoints.
pub(crate) struct TokenEndpoint {
    client: Client,
    reach: Reach,
}

impl TokenEndpoint {
    /// Prepares the client; `pem` holds further authorities to trust.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub(crate) fn new(reach: Reach, pem: Option<&str>) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .dns_resolver(Arc::new(Vetting(reach)))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(LIMIT)
            .user_agent(concat!("Mailcrane/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = pem {
            client = client.tls_certs_merge(Certificate::from_pem_bundle(pem.as_bytes())?);
        }
        Ok(Self { client: client.build()?, reach })
    }

    /// Sends a form and reads the token.
    ///
    /// # Errors
    /// `source.oauth_*`.
    pub(super) async fn ask(&self, form: &Form) -> Result<Granted, Fault> {
        let url = self.permitted(&form.url)?;
        let request = self.client.post(url).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded(form));
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status().as_u16();
        let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| seconds(value.to_str().ok()?));
        let body = read(answer).await?;
        answer::read(status, retry_after, &body, form)
    }

    /// Refuses what is no https URL on the usual port; in a private network plain http is taken too.
    fn permitted(&self, text: &str) -> Result<Url, Fault> {
        let wrong = |text: String| Fault::give_up("source.oauth_address", text);
        let url = Url::parse(text.trim())
            .map_err(|error| wrong("the token URL is no URL; check it".into()).because(error))?;
        let private = self.reach == Reach::Private;
        let usual = url.scheme() == "https" && url.port().is_none();
        if !(usual || private && matches!(url.scheme(), "https" | "http")) {
            return Err(wrong("the token URL must begin with https:// and use the usual port".into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the token URL must not hold a user or a password".into()));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if !self.reach.permits(address) => {
                let kind = kind(address).name();
                Err(wrong(format!("the token URL leads to {kind}; only public addresses are allowed")))
            }
            _ => Ok(url),
        }
    }
}

/// Writes the body of a form.
fn encoded(form: &Form) -> String {
    let Ok(mut url) = Url::parse("https://form.invalid/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form.fields.iter().map(|(name, value)| (*name, value.expose())));
    url.query().unwrap_or_default().to_owned()
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(no_answer)? {
        if body.len().saturating_add(piece.len()) > LONGEST {
            let text = "the token URL does not answer like an OAuth 2 server: its answer is too long; check the URL";
            return Err(Fault::give_up("source.oauth_address", text));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A forbidden address needs a person; everything else may pass.
fn no_answer(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(refused) = one.downcast_ref::<mailcrane_imap::Failure>()
            && refused.retry_after().is_none()
        {
            return Fault::give_up("source.oauth_address", format!("the token URL cannot be used: {refused}"));
        }
        cause = one.source();
    }
    answer::unavailable(Duration::from_secs(10), "the OAuth server did not answer").because(error)
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

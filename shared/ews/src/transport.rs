//! HTTP to the EWS endpoint: says whether a request was answered, certainly not sent, or left without an answer.

use std::error::Error as _;
use std::time::Duration;

use mailcrane_core::secret::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url, redirect};

use crate::soap::Body;

/// The largest answer that is read: a MIME of 40 MiB in base64 with line breaks, and its envelope.
const MAX_ANSWER: usize = 80 << 20;

/// Where EWS listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// An address that EWS is not reached at.
#[derive(Debug, thiserror::Error)]
#[error("the EWS address must begin with https:// (or, on this machine only, http://)")]
pub struct BadEndpoint;

impl Endpoint {
    /// Takes an address; without TLS only on the loopback of this machine.
    ///
    /// # Errors
    /// [`BadEndpoint`] for anything else.
    pub fn parse(address: &str) -> Result<Self, BadEndpoint> {
        let url = Url::parse(address).map_err(|_| BadEndpoint)?;
        let host = url.host_str().ok_or(BadEndpoint)?;
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if loopback => Ok(Self(url)),
            _ => Err(BadEndpoint),
        }
    }

    /// Gives the endpoint of Amazon WorkMail in a region, as `eu-west-1`.
    ///
    /// # Errors
    /// [`BadEndpoint`] when the region is no name of a region.
    pub fn of_region(region: &str) -> Result<Self, BadEndpoint> {
        let fits = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if region.is_empty() || !fits {
            return Err(BadEndpoint);
        }
        Self::parse(&format!("https://ews.mail.{region}.awsapps.com/EWS/Exchange.asmx"))
    }
}

/// An HTTP answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The request certainly did not reach the server.
    #[error("the EWS server cannot be reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request was (partly) sent; its effect is unknown.
    #[error("the EWS server did not answer")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends requests for one mailbox over kept connections, with its own cookies.
#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    url: Url,
    anchor: Option<HeaderValue>,
}

impl Transport {
    /// Prepares connections; `mailbox` becomes `X-AnchorMailbox`, so that one server keeps serving it.
    pub(crate) fn new(endpoint: &Endpoint, mailbox: &str, connect: Duration) -> Result<Self, NoAnswer> {
        let client = Client::builder()
            .cookie_store(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(connect)
            .pool_idle_timeout(Duration::from_secs(50))
            .tcp_nodelay(true)
            .user_agent(concat!("Mailcrane/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| NoAnswer::NotSent(e.into()))?;
        Ok(Self { client, url: endpoint.0.clone(), anchor: HeaderValue::from_str(mailbox).ok() })
    }

    /// Sends one request and reads its whole answer within `limit`.
    pub(crate) async fn post(&self, body: &Body, authorization: &Secret, limit: Duration) -> Result<Answer, NoAnswer> {
        let headers = self.headers(body, authorization)?;
        let request = self.client.post(self.url.clone()).headers(headers).timeout(limit);
        let request = request.body(reqwest::Body::wrap(body.pieces()));
        let mut response = request.send().await.map_err(classify)?;
        let retry_after = retry_after(response.headers());
        let status = response.status().as_u16();
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(classify)? {
            if bytes.len().saturating_add(piece.len()) > MAX_ANSWER {
                return Err(NoAnswer::Cut("the answer is too long".into()));
            }
            bytes.extend_from_slice(&piece);
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(Answer { status, text, retry_after })
    }

    fn headers(&self, body: &Body, authorization: &Secret) -> Result<HeaderMap, NoAnswer> {
        let mut value = HeaderValue::from_str(authorization.expose()).map_err(|e| NoAnswer::NotSent(e.into()))?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.content_length()));
        if let Some(anchor) = &self.anchor {
            headers.insert("X-AnchorMailbox", anchor.clone());
        }
        Ok(headers)
    }
}

/// Reads `Retry-After` in seconds; a date or nonsense counts as none, more than an hour as an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}

/// Only a failed connection or a request that could not be built is certain to have had no effect.
fn classify(error: reqwest::Error) -> NoAnswer {
    let not_sent = error.is_connect() || error.is_builder();
    let error = error.without_url();
    tracing::debug!(error = %error, cause = ?error.source().map(ToString::to_string), not_sent, "A request has no answer");
    if not_sent { NoAnswer::NotSent(error.into()) } else { NoAnswer::Cut(error.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_or_this_machine_is_an_endpoint() {
        for good in
            ["https://ews.example.org/EWS/Exchange.asmx", "http://127.0.0.1:8080/EWS/Exchange.asmx", "http://[::1]/x"]
        {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["http://ews.example.org/", "ftp://127.0.0.1/", "ews.example.org", "http://localhost.example.org/", ""]
        {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_region_makes_the_address() {
        let endpoint = Endpoint::of_region("eu-west-1").expect("a region");
        assert_eq!(endpoint.0.as_str(), "https://ews.mail.eu-west-1.awsapps.com/EWS/Exchange.asmx");
        assert!(Endpoint::of_region("evil.example/").is_err());
    }
}

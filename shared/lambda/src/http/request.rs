//! A request of an HTTP API with payload format 2.0.

use super::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The longest body that is taken, in octets.
pub const BODY_LIMIT: usize = 4_000_000;

/// A request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    raw_path: String,
    raw_query_string: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    http: Http,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Http {
    method: String,
    source_ip: String,
}

impl Request {
    /// Makes a request; for tests and samples.
    #[must_use]
    pub fn new(method: &str, path: &str, body: impl Into<String>) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let http = Http { method: method.into(), source_ip: "192.0.2.1".into() };
        Self {
            raw_path: path.into(),
            raw_query_string: query.into(),
            body: Some(body.into()),
            request_context: Context { http },
            ..Self::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the method in capitals.
    #[must_use]
    pub fn method(&self) -> String {
        self.request_context.http.method.to_ascii_uppercase()
    }

    /// Returns the address of the client.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.request_context.http.source_ip
    }

    /// Names where the request comes from: an IPv4 address, or the network of 64 bits that one IPv6 customer has.
    #[must_use]
    pub fn place(&self) -> String {
        match self.address().parse() {
            Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::")
            }
            Ok(address) => address.to_canonical().to_string(),
            Err(_) => "unknown".to_owned(),
        }
    }

    /// Returns the path as it was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.raw_path
    }

    /// Returns the parts of the path between slashes; empty ones are left out.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.raw_path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// Returns a header by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.trim().split_once(' ')?;
        Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
    }

    /// Returns a parameter of the query, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = self.raw_query_string.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next()
    }

    /// Returns a number of the query, or the given one; never above the limit.
    ///
    /// # Errors
    /// 400 naming the parameter when it is no number from 1 up.
    pub fn limit(&self, or: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.query("limit") else { return Ok(or) };
        let number = text.parse::<usize>().ok().filter(|number| *number > 0);
        number.map(|number| number.min(most)).ok_or_else(|| Problem::query("limit", "must be a number from 1 up"))
    }

    /// Returns the body as octets.
    ///
    /// # Errors
    /// 413 above [`BODY_LIMIT`], 400 when its encoding is broken.
    pub fn body(&self) -> Result<Vec<u8>, Problem> {
        let text = self.body.as_deref().unwrap_or_default();
        if text.len() > BODY_LIMIT.saturating_mul(if self.is_base64_encoded { 2 } else { 1 }) {
            return Err(Problem::too_large(BODY_LIMIT));
        }
        let octets = if self.is_base64_encoded {
            STANDARD.decode(text).map_err(|_| Problem::malformed("the body is not base64"))?
        } else {
            text.as_bytes().to_vec()
        };
        if octets.len() > BODY_LIMIT { Err(Problem::too_large(BODY_LIMIT)) } else { Ok(octets) }
    }

    /// Returns the body as JSON; an empty body is an empty object.
    ///
    /// # Errors
    /// As [`Request::body`], 400 with line and column when it is not JSON, 415 when it says it is something else.
    pub fn json(&self) -> Result<serde_json::Value, Problem> {
        let octets = self.body()?;
        if octets.iter().all(u8::is_ascii_whitespace) {
            return Ok(serde_json::Value::Object(serde_json::Map::new()));
        }
        match self.media_type().as_str() {
            "" | "application/json" => {}
            other => return Err(Problem::media_type(other)),
        }
        serde_json::from_slice(&octets).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::malformed(format!("the body is not JSON: line {line}, column {column}"))
        })
    }

    /// Returns the media type of the body in small letters, without parameters.
    #[must_use]
    pub fn media_type(&self) -> String {
        let header = self.header("content-type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let plain = rest.clone();
        match octet {
            b'+' => octets.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => octets.push(u8::try_from(high * 16 + low).unwrap_or(b'?')),
                    _ => {
                        octets.push(b'%');
                        rest = plain;
                    }
                }
            }
            other => octets.push(other),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_the_gateway_is_read() {
        let sample = r#"{"version":"2.0","rawPath":"/v1/migrations/abc","rawQueryString":"cursor=a%2Fb+c&limit=5",
            "headers":{"Authorization":"bearer  secret"},"requestContext":{"http":{"method":"get","sourceIp":"192.0.2.7"}},
            "body":"eyJhIjoxfQ==","isBase64Encoded":true}"#;
        let request: Request = serde_json::from_str(sample).unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.segments(), ["v1", "migrations", "abc"]);
        assert_eq!(request.bearer(), Some("secret"));
        assert_eq!(request.query("cursor").as_deref(), Some("a/b c"));
        assert_eq!(request.limit(100, 500).unwrap(), 5);
        assert_eq!(request.json().unwrap(), serde_json::json!({"a": 1}));
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_body_above_the_limit_is_refused_with_413() {
        let request = Request::new("POST", "/", " ".repeat(BODY_LIMIT + 1));
        assert_eq!(request.json().unwrap_err().status(), 413);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let problem = Request::new("POST", "/", "{\n oops").json().unwrap_err();
        assert_eq!(problem.status(), 400);
        assert!(problem.to_json().to_string().contains("line 2"), "{}", problem.to_json());
    }
}

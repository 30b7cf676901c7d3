//! What a discovery found, and where it looked.

use super::Address;
use crate::catalogue::Catalogue;
use crate::provider::{Auth, Hint, Provider};
use mailcrane_core::ports::source::Security;
use serde::Serialize;

/// The answer of a discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The address that was asked for.
    pub email: String,
    /// Servers, the most trustworthy first, each server once.
    pub candidates: Vec<Candidate>,
    /// Where was looked, in the order of trust.
    pub steps: Vec<Step>,
}

/// A server that may hold the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Where it was found.
    pub place: Place,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The user name of this address there.
    pub username: String,
    /// The ways to sign in, as far as known.
    pub auth: Vec<Auth>,
    /// The id of the provider in the catalogue.
    pub provider: Option<String>,
    /// The provider's name.
    pub name: Option<String>,
    /// What the user does before.
    pub hint: Option<Hint>,
}

/// A place to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The catalogue, by domain.
    Preset,
    /// The catalogue, by mail exchanger.
    Mx,
    /// SRV records (RFC 6186).
    Srv,
    /// `autoconfig.` before the domain.
    Autoconfig,
    /// `/.well-known/autoconfig/` of the domain.
    WellKnown,
    /// Names that many domains use.
    Guess,
}

/// What came of looking in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The place.
    pub place: Place,
    /// The name or address that was asked for.
    pub asked: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub detail: String,
    #[serde(skip)]
    pub(super) found: Vec<Candidate>,
}

/// What came of looking in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A server was found.
    Found,
    /// There is none.
    Nothing,
    /// The place could not be asked.
    Failed,
    /// The place did not answer in time.
    Late,
}

impl Answer {
    /// Gathers what the steps found.
    pub(super) fn of(address: &Address, mut steps: Vec<Step>) -> Self {
        let mut candidates: Vec<Candidate> = Vec::new();
        for found in steps.iter_mut().flat_map(|step| std::mem::take(&mut step.found)) {
            if !candidates.iter().any(|known| (&known.host, known.port) == (&found.host, found.port)) {
                candidates.push(found);
            }
        }
        Self { email: address.whole().to_owned(), candidates, steps }
    }
}

impl Candidate {
    /// Describes the server of a provider.
    pub(super) fn of(place: Place, provider: &Provider, address: &Address) -> Self {
        Self {
            username: provider.username.of(address.whole()),
            auth: provider.auth.clone(),
            provider: Some(provider.id.clone()),
            name: Some(provider.name.clone()),
            hint: Some(provider.hint.clone()),
            ..Self::at(place, &provider.host, provider.port, provider.security, address)
        }
    }

    /// Describes a server; one of the catalogue with what is known about it.
    pub(super) fn new(place: Place, host: &str, port: u16, security: Security, address: &Address) -> Self {
        let known = Catalogue::built_in().by_server(host, port);
        known.map_or_else(|| Self::at(place, host, port, security, address), |one| Self::of(place, one, address))
    }

    fn at(place: Place, host: &str, port: u16, security: Security, address: &Address) -> Self {
        let username = address.whole().to_owned();
        let host = host.to_owned();
        Self { place, host, port, security, username, auth: Vec::new(), provider: None, name: None, hint: None }
    }
}

impl Step {
    fn new(place: Place, asked: &str, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { place, asked: asked.to_owned(), outcome, detail: detail.into(), found: Vec::new() }
    }

    pub(super) fn found(asked: &str, detail: impl Into<String>, found: Candidate) -> Self {
        Self { found: vec![found.clone()], ..Self::new(found.place, asked, Outcome::Found, detail) }
    }

    pub(super) fn nothing(place: Place, asked: &str, detail: impl Into<String>) -> Self {
        Self::new(place, asked, Outcome::Nothing, detail)
    }

    pub(super) fn failed(place: Place, asked: &str, detail: impl Into<String>) -> Self {
        Self::new(place, asked, Outcome::Failed, detail)
    }

    pub(super) fn late(place: Place, asked: &str) -> Self {
        Self::new(place, asked, Outcome::Late, "did not answer in time")
    }
}

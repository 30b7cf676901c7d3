//! What must hold for every entry of the catalogue.

use crate::provider::{Auth, Provider};
use mailcrane_core::address::is_host_name;
use mailcrane_core::ports::source::Security;
use std::collections::BTreeMap;

/// Lists everything that is wrong.
pub(super) fn faults(providers: &[Provider]) -> Vec<String> {
    let mut faults: Vec<String> = providers.iter().flat_map(of_one).collect();
    faults.extend(shared("the id", providers.iter().map(|one| (one.id.as_str(), one))));
    faults.extend(shared("the domain", lists(providers, |one| &one.domains)));
    faults.extend(shared("the mail exchanger", lists(providers, |one| &one.mx)));
    faults
}

fn lists<'a>(
    providers: &'a [Provider],
    list: impl Fn(&'a Provider) -> &'a Vec<String>,
) -> impl Iterator<Item = (&'a str, &'a Provider)> {
    providers.iter().flat_map(move |one| list(one).iter().map(move |text| (text.as_str(), one)))
}

/// Lists what more than one entry claims.
fn shared<'a>(what: &str, claims: impl Iterator<Item = (&'a str, &'a Provider)>) -> Vec<String> {
    let (mut owners, mut faults) = (BTreeMap::new(), Vec::new());
    for (claim, one) in claims {
        if let Some(other) = owners.insert(claim, &one.name) {
            faults.push(format!("{what} {claim} belongs to {other} and to {}", one.name));
        }
    }
    faults
}

fn of_one(one: &Provider) -> Vec<String> {
    let small = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let name = |text: &str| is_host_name(text) && text.contains('.') && !text.ends_with('.') && !text.contains("..");
    let lower = |text: &str| name(text) && text.to_lowercase() == text;
    let domain = |text: &String| lower(text.strip_prefix("*.").unwrap_or(text));
    let hint = |text: &str| text.len() > 20 && !text.contains("http:") && text.ends_with(['.', '!']);
    let checks = [
        ("has no usable id", !one.id.is_empty() && small(&one.id)),
        ("has no name", !one.name.trim().is_empty()),
        ("has no host name", lower(&one.host)),
        ("has another host name that is none", one.hosts.iter().all(|text| lower(text))),
        ("has another port than its protection", (one.port, one.security) == standard(one.security)),
        ("sends passwords without protection", one.security != Security::None),
        ("has a domain that is none", one.domains.iter().all(domain)),
        ("has a mail exchanger that is none", one.mx.iter().all(|text| lower(text))),
        ("offers no way to sign in", !one.auth.is_empty()),
        ("offers one way to sign in twice", all_differ(&one.auth)),
        ("has no hint in English", hint(&one.hint.en)),
        ("has no hint in German", hint(&one.hint.de)),
        ("searches with capitals", one.words.iter().all(|word| !word.is_empty() && word.to_lowercase() == *word)),
        ("allows no connection", one.max_connections != Some(0)),
        (
            "fetches tokens without protection",
            one.oauth.as_ref().is_none_or(|oauth| {
                oauth.token_url.starts_with("https://")
                    && oauth.token_url.contains("{tenant}") == oauth.tenant.is_some()
                    && !oauth.user_scope.is_empty()
            }),
        ),
        (
            "offers OAuth without saying where tokens come from, or the other way round",
            one.auth.contains(&Auth::Oauth2) == one.oauth.is_some(),
        ),
        ("allows no octet a day", one.daily_bytes != Some(0)),
    ];
    checks.into_iter().filter(|(_, holds)| !holds).map(|(what, _)| format!("{} {what}", one.id)).collect()
}

fn standard(security: Security) -> (u16, Security) {
    (if security == Security::Tls { 993 } else { 143 }, security)
}

fn all_differ(ways: &[Auth]) -> bool {
    ways.iter().enumerate().all(|(place, way)| ways.iter().skip(place.saturating_add(1)).all(|other| other != way))
}

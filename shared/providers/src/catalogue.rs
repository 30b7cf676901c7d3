//! The catalogue of providers: checked when it is read, searched by name, domain, host and mail exchanger.

mod soundness;

use crate::provider::{Admin, Auth, Hint, Oauth, Provider};
use mailcrane_core::ports::source::AdminScheme;
use mailcrane_core::record::Allowance;
use std::sync::LazyLock;

/// Providers, the best known first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue(Vec<Provider>);

/// Entries that cannot be used, all of them.
#[derive(Debug, thiserror::Error)]
pub enum BadCatalogue {
    /// The text is no list of providers.
    #[error("the catalogue of providers cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// Entries contradict themselves or each other.
    #[error("the catalogue of providers is unsound: {}", .0.join("; "))]
    Unsound(Vec<String>),
}

static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::read(include_str!("../providers.json")).unwrap_or_else(|_| unreachable!("a test reads the same text"))
});

impl Catalogue {
    /// Returns the catalogue that comes with the program.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a JSON list of providers.
    ///
    /// # Errors
    /// [`BadCatalogue`] with everything that is wrong.
    pub fn read(json: &str) -> Result<Self, BadCatalogue> {
        let providers: Vec<Provider> = serde_json::from_str(json)?;
        let faults = soundness::faults(&providers);
        if faults.is_empty() { Ok(Self(providers)) } else { Err(BadCatalogue::Unsound(faults)) }
    }

    /// Returns every provider.
    #[must_use]
    pub fn all(&self) -> &[Provider] {
        &self.0
    }

    /// Finds a provider by its id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|one| one.id == id)
    }

    /// Finds the provider of addresses in a domain.
    #[must_use]
    pub fn by_domain(&self, domain: &str) -> Option<&Provider> {
        let domain = normal(domain);
        let owns = |entry: &String| match entry.strip_prefix("*.") {
            Some(parent) => domain != parent && is_under(&domain, parent),
            None => domain == *entry,
        };
        self.0.iter().find(|one| one.domains.iter().any(owns))
    }

    /// Finds the provider that runs a mail exchanger; the longest matching end of its name decides.
    #[must_use]
    pub fn by_mx(&self, exchanger: &str) -> Option<&Provider> {
        let exchanger = normal(exchanger);
        let ends = self.0.iter().flat_map(|one| one.mx.iter().map(move |end| (end, one)));
        ends.filter(|(end, _)| is_under(&exchanger, end)).max_by_key(|(end, _)| end.len()).map(|(_, one)| one)
    }

    /// Finds the provider whose server listens there, when only one does.
    #[must_use]
    pub fn by_server(&self, host: &str, port: u16) -> Option<&Provider> {
        let mut found = self.at(host).filter(|one| one.port == port);
        found.next().filter(|_| found.next().is_none())
    }

    fn at<'a>(&'a self, host: &str) -> impl Iterator<Item = &'a Provider> {
        let host = normal(host);
        self.0.iter().filter(move |one| one.host == host || one.hosts.contains(&host))
    }

    /// Tells what the provider at a host allows for one mailbox; the least of what is known.
    #[must_use]
    pub fn allowance(&self, host: &str) -> Allowance {
        Allowance {
            connections: self.at(host).filter_map(|one| one.max_connections).min(),
            daily_octets: self.at(host).filter_map(|one| one.daily_bytes).min(),
        }
    }

    /// Returns what a provider asks of its users before they sign in, where none at the host takes their own password.
    #[must_use]
    pub fn other_than_password(&self, host: &str) -> Option<(Auth, &Hint)> {
        let mut found = self.at(host).peekable();
        let first = found.peek().copied()?;
        let none = found.all(|one| !one.auth.contains(&Auth::Password));
        let way = if first.auth.contains(&Auth::AppPassword) { Auth::AppPassword } else { Auth::Oauth2 };
        none.then_some((way, &first.hint))
    }

    /// Tells where OAuth 2 tokens for a host are fetched.
    #[must_use]
    pub fn oauth(&self, host: &str) -> Option<&Oauth> {
        self.at(host).find_map(|one| one.oauth.as_ref())
    }

    /// Tells how an administrator with a password names the mailbox at a host.
    #[must_use]
    pub fn admin_scheme(&self, host: &str) -> Option<AdminScheme> {
        self.at(host).find_map(|one| match one.admin? {
            Admin::Authzid => Some(AdminScheme::Authzid),
            Admin::Master => Some(AdminScheme::Master),
            Admin::Exchange => Some(AdminScheme::Exchange),
            Admin::GoogleServiceAccount | Admin::MicrosoftApp => None,
        })
    }

    /// Searches by words of the name, host or domain, or by an e-mail address; the best match first.
    ///
    /// Every word must be found. Without a word every provider is returned.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<&Provider> {
        let text = text.trim().to_lowercase();
        let words: Vec<&str> = text.rsplit('@').next().unwrap_or_default().split_whitespace().collect();
        let ranked = |one| words.iter().map(|word| rank(one, word)).sum::<Option<u32>>().map(|rank| (rank, one));
        let mut found: Vec<(u32, &Provider)> = self.0.iter().filter_map(ranked).collect();
        found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        found.into_iter().map(|(_, one)| one).collect()
    }
}

/// Tells how well a word describes a provider; nothing when it does not.
fn rank(one: &Provider, word: &str) -> Option<u32> {
    let name = one.name.to_lowercase();
    let mut parts = name.split(|c: char| !c.is_alphanumeric() && c != '&').chain(one.words.iter().map(String::as_str));
    let domains = || one.domains.iter().map(|domain| domain.trim_start_matches("*."));
    let steps = [
        (100, domains().any(|domain| domain == word)),
        (90, one.host == word || one.id == word || name == word),
        (80, one.domains.iter().filter_map(|d| d.strip_prefix("*.")).any(|parent| is_under(word, parent))),
        (70, name.starts_with(word)),
        (60, parts.clone().any(|part| part == word)),
        (50, parts.any(|part| part.starts_with(word)) || domains().any(|domain| domain.starts_with(word))),
        (20, name.contains(word) || one.host.contains(word)),
        (10, domains().any(|domain| domain.contains(word)) || one.words.iter().any(|known| known.contains(word))),
    ];
    steps.into_iter().find(|(_, holds)| *holds).map(|(rank, _)| rank)
}

fn normal(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

/// Tells whether a name is that one or lies under it.
fn is_under(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;

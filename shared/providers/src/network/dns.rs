//! Name servers, asked as the machine is set up.

use super::{Dns, NoAnswer, Srv};
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RData};
use std::net::IpAddr;
use std::time::Duration;

/// Asks the name servers of the machine's configuration.
#[derive(Clone)]
pub struct SystemDns(Result<TokioResolver, String>);

impl SystemDns {
    /// Reads the machine's configuration; without a usable one every question fails.
    #[must_use]
    pub fn new() -> Self {
        Self(resolver().map_err(|error| format!("no name servers are set up on this machine: {error}")))
    }

    fn resolver(&self) -> Result<&TokioResolver, NoAnswer> {
        self.0.as_ref().map_err(|why| NoAnswer(why.clone()))
    }
}

impl Default for SystemDns {
    fn default() -> Self {
        Self::new()
    }
}

fn resolver() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    (options.timeout, options.attempts) = (Duration::from_secs(2), 2);
    builder.build()
}

impl Dns for SystemDns {
    async fn mx(&self, domain: &str) -> Result<Vec<String>, NoAnswer> {
        let found = answered(self.resolver()?.mx_lookup(absolute(domain)).await)?;
        let mut exchangers: Vec<(u16, String)> = Vec::new();
        for record in found.iter().flat_map(Lookup::answers) {
            if let RData::MX(mx) = &record.data {
                exchangers.push((mx.preference, bare(&mx.exchange)));
            }
        }
        exchangers.sort();
        Ok(exchangers.into_iter().map(|(_, name)| name).filter(|name| !name.is_empty()).collect())
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, NoAnswer> {
        let found = answered(self.resolver()?.srv_lookup(absolute(name)).await)?;
        let record = |data: &RData| match data {
            RData::SRV(srv) => {
                Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, host: bare(&srv.target) })
            }
            _ => None,
        };
        Ok(found.iter().flat_map(Lookup::answers).filter_map(|one| record(&one.data)).collect())
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        let found = answered(self.resolver()?.lookup_ip(absolute(host)).await)?;
        Ok(found.iter().flat_map(|found| found.iter()).collect())
    }
}

/// Names are whole; the machine's search list is not for them.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn bare(name: &Name) -> String {
    name.to_utf8().trim_end_matches('.').to_lowercase()
}

/// Tells a name without such records from name servers that do not answer.
fn answered<T>(result: Result<T, NetError>) -> Result<Option<T>, NoAnswer> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(None),
        Err(error) => Err(NoAnswer(format!("the name servers did not answer: {error}"))),
    }
}

#[cfg(test)]
mod tests;

//! Looking in one place each.

use super::answer::{Candidate, Place, Step};
use super::{Address, autoconfig as document};
use crate::catalogue::Catalogue;
use crate::network::{Dns, Page, Srv, Web};
use mailcrane_core::address::{IMAP_PORTS, Reach, is_host_name, kind};
use mailcrane_core::ports::source::Security;

/// The catalogue, by domain; nothing when the domain belongs to nobody there.
pub(super) fn preset(catalogue: &Catalogue, address: &Address) -> Option<Step> {
    let provider = catalogue.by_domain(address.domain())?;
    let detail = format!("{} is a domain of {}", address.domain(), provider.name);
    Some(Step::found(address.domain(), detail, Candidate::of(Place::Preset, provider, address)))
}

/// The catalogue, by the domain's mail exchangers.
pub(super) async fn mx(dns: &impl Dns, address: &Address) -> Step {
    let domain = address.domain();
    let exchangers = match dns.mx(domain).await {
        Ok(exchangers) => exchangers,
        Err(error) => return Step::failed(Place::Mx, domain, error.to_string()),
    };
    let Some(first) = exchangers.first() else {
        return Step::nothing(Place::Mx, domain, "the domain names no mail exchanger");
    };
    let known = exchangers.iter().find_map(|name| Some((name, Catalogue::built_in().by_mx(name)?)));
    match known {
        Some((name, provider)) => {
            let detail = format!("mail for the domain goes to {name}, which belongs to {}", provider.name);
            Step::found(domain, detail, Candidate::of(Place::Mx, provider, address))
        }
        None => Step::nothing(Place::Mx, domain, format!("mail for the domain goes to {first}, which is not known")),
    }
}

/// SRV records: `_imaps._tcp` before `_imap._tcp` (RFC 6186 section 3.2).
pub(super) async fn srv(dns: &impl Dns, address: &Address) -> Step {
    let asked = |service: &str| format!("{service}._tcp.{}", address.domain());
    let mut failed = None;
    for (service, security) in [("_imaps", Security::Tls), ("_imap", Security::Starttls)] {
        let asked = asked(service);
        match dns.srv(&asked).await {
            Ok(records) => {
                if let Some(record) = best(records) {
                    let detail = format!("the domain names {} port {}", record.host, record.port);
                    let found = Candidate::new(Place::Srv, &record.host, record.port, security, address);
                    return Step::found(&asked, detail, found);
                }
            }
            Err(error) => failed = failed.or(Some(Step::failed(Place::Srv, &asked, error.to_string()))),
        }
    }
    failed.unwrap_or_else(|| Step::nothing(Place::Srv, &asked("_imaps"), "the domain names no IMAP server"))
}

/// Returns the record of the lowest priority and there of the highest weight; the name `.` means "not offered".
fn best(records: Vec<Srv>) -> Option<Srv> {
    let usable = records.into_iter().filter(|record| record.port != 0 && is_host_name(&record.host));
    usable.min_by_key(|record| (record.priority, std::cmp::Reverse(record.weight)))
}

/// The document of the host `autoconfig.` of the domain.
pub(super) async fn autoconfig(web: &impl Web, address: &Address) -> Step {
    let email = escaped(address.whole());
    let url = format!("https://autoconfig.{}/mail/config-v1.1.xml?emailaddress={email}", address.domain());
    read(web, Place::Autoconfig, &url, address).await
}

/// The document under the domain's own name.
pub(super) async fn well_known(web: &impl Web, address: &Address) -> Step {
    let url = format!("https://{}/.well-known/autoconfig/mail/config-v1.1.xml", address.domain());
    read(web, Place::WellKnown, &url, address).await
}

async fn read(web: &impl Web, place: Place, url: &str, address: &Address) -> Step {
    let asked = url.split('?').next().unwrap_or(url);
    let text = match web.get(url).await {
        Ok(Page::Found(text)) => text,
        Ok(Page::Absent(why)) => return Step::nothing(place, asked, why),
        Err(error) => return Step::failed(place, asked, error.to_string()),
    };
    match document::read(&text, address) {
        Ok(Some(server)) => {
            let detail = format!("the document names {} port {}", server.host, server.port);
            let mut found = Candidate::new(place, &server.host, server.port, server.security, address);
            if found.provider.is_none() {
                (found.username, found.auth, found.name) = (server.username, server.auth, server.name);
            }
            Step::found(asked, detail, found)
        }
        Ok(None) => Step::nothing(place, asked, "the document names no IMAP server that protects passwords"),
        Err(error) => Step::failed(place, asked, format!("the document cannot be read: {error}")),
    }
}

/// Looks whether a server that a domain names is one that the check would connect to; if not, the step says why.
pub(super) async fn vetted(dns: &impl Dns, reach: Reach, step: Step) -> Step {
    let Some(found) = step.found.first().filter(|found| found.provider.is_none()) else { return step };
    let refused = |why: &str| Step::nothing(step.place, &step.asked, format!("{}, {why}", step.detail));
    if reach == Reach::Public && !IMAP_PORTS.contains(&found.port) {
        return refused("but only the ports 993 and 143 are connected to");
    }
    match dns.addresses(&found.host).await {
        Ok(addresses) if addresses.is_empty() => refused("but that name does not exist"),
        Ok(addresses) => match addresses.into_iter().find(|address| !reach.permits(*address)) {
            Some(inside) => refused(&format!("which leads to {} and is not connected to", kind(inside).name())),
            None => step,
        },
        // The check resolves and vets once more.
        Err(_) => step,
    }
}

/// Names that many domains use, when they exist and lead to addresses that may be connected to.
pub(super) async fn guess(dns: &impl Dns, reach: Reach, address: &Address) -> Step {
    let mut failed = None;
    for prefix in ["imap", "mail"] {
        let host = format!("{prefix}.{}", address.domain());
        match dns.addresses(&host).await {
            Ok(found) if !found.is_empty() && found.iter().all(|address| reach.permits(*address)) => {
                let found = Candidate::new(Place::Guess, &host, 993, Security::Tls, address);
                return Step::found(&host, format!("{host} exists; whether it is the mail server is a guess"), found);
            }
            Ok(_) => {}
            Err(error) => failed = failed.or(Some(Step::failed(Place::Guess, &host, error.to_string()))),
        }
    }
    let asked = format!("imap.{}", address.domain());
    failed.unwrap_or_else(|| Step::nothing(Place::Guess, &asked, "neither imap. nor mail. before the domain exists"))
}

/// Escapes everything but letters and digits for a query.
fn escaped(text: &str) -> String {
    let one = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

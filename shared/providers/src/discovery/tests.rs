use super::*;
use crate::network::{NoAnswer, Page, Srv};
use crate::provider::Auth;
use mailcrane_core::address::Reach;
use mailcrane_core::ports::source::Security;
use mailcrane_testkit::ManualClock;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// A scripted internet: what is not scripted does not exist, and "silence" never answers.
#[derive(Clone, Default)]
struct Internet {
    mx: Vec<String>,
    srv: BTreeMap<String, Vec<Srv>>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    pages: BTreeMap<String, String>,
    silent: bool,
    broken: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Internet {
    async fn ask(&self, name: &str) -> Result<(), NoAnswer> {
        self.asked.lock().unwrap().push(name.to_owned());
        if self.silent {
            std::future::pending::<()>().await;
        }
        if self.broken { Err(NoAnswer("the name servers did not answer".into())) } else { Ok(()) }
    }
}

impl Dns for Internet {
    async fn mx(&self, domain: &str) -> Result<Vec<String>, NoAnswer> {
        self.ask(domain).await?;
        Ok(self.mx.clone())
    }
    async fn srv(&self, name: &str) -> Result<Vec<Srv>, NoAnswer> {
        self.ask(name).await?;
        Ok(self.srv.get(name).cloned().unwrap_or_default())
    }
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        self.ask(host).await?;
        Ok(self.hosts.get(host).cloned().unwrap_or_default())
    }
}

impl Web for Internet {
    async fn get(&self, url: &str) -> Result<Page, NoAnswer> {
        self.ask(url).await?;
        let page = self.pages.get(url).cloned();
        Ok(page.map_or_else(|| Page::Absent("the server answered 404".into()), Page::Found))
    }
}

fn find(internet: &Internet, email: &str) -> Answer {
    find_within(internet, email, Reach::Public)
}

fn find_within(internet: &Internet, email: &str, reach: Reach) -> Answer {
    let clock = ManualClock::new();
    let discovery = Discovery {
        dns: internet.clone(),
        web: internet.clone(),
        reach,
        clock: clock.clone(),
        budget: Duration::from_secs(8),
    };
    let address = Address::read(email).unwrap();
    clock.block_on(discovery.find(&address))
}

fn outcomes(answer: &Answer) -> Vec<(Place, Outcome)> {
    answer.steps.iter().map(|step| (step.place, step.outcome)).collect()
}

/// Names that lead to a public address each.
fn public(names: &[&str]) -> BTreeMap<String, Vec<IpAddr>> {
    names.iter().map(|name| ((*name).to_owned(), vec!["8.8.8.8".parse().unwrap()])).collect()
}

fn srv(priority: u16, weight: u16, host: &str) -> Srv {
    Srv { priority, weight, port: 993, host: host.into() }
}

const DOCUMENT: &str = "<clientConfig><emailProvider><displayName>Example</displayName><incomingServer type='imap'>
    <hostname>imap.example.net</hostname><port>993</port><socketType>SSL</socketType><username>%EMAILLOCALPART%</username>
    <authentication>password-cleartext</authentication></incomingServer></emailProvider></clientConfig>";

#[test]
fn a_domain_of_the_catalogue_is_answered_without_asking_anybody() {
    let internet = Internet::default();
    let answer = find(&internet, "anna@me.com");
    let first = answer.candidates.first().unwrap();
    assert_eq!((first.host.as_str(), first.username.as_str()), ("imap.mail.me.com", "anna"));
    assert_eq!((first.place, first.provider.as_deref()), (Place::Preset, Some("icloud")));
    assert_eq!(outcomes(&answer), [(Place::Preset, Outcome::Found)]);
    assert!(internet.asked.lock().unwrap().is_empty());
}

#[test]
fn a_mail_exchanger_names_the_provider_of_a_domain() {
    let internet =
        Internet { mx: vec!["backup.example.net".into(), "aspmx.l.google.com".into()], ..Internet::default() };
    let answer = find(&internet, "anna@example.org");
    let first = answer.candidates.first().unwrap();
    assert_eq!((first.place, first.provider.as_deref()), (Place::Mx, Some("gmail")));
    assert_eq!(first.username, "anna@example.org");
    assert!(first.hint.as_ref().unwrap().en.contains("app password"));
    let step = answer.steps.iter().find(|step| step.place == Place::Mx).unwrap();
    assert_eq!(
        step.detail,
        "mail for the domain goes to aspmx.l.google.com, which belongs to Gmail / Google Workspace"
    );
}

#[test]
fn srv_records_are_taken_by_priority_then_weight_and_tls_first() {
    let imaps = vec![srv(20, 9, "c.example.org"), srv(10, 1, "a.example.org"), srv(10, 5, "b.example.org")];
    let imap = vec![Srv { port: 143, ..srv(0, 0, "plain.example.org") }];
    let mut internet = Internet {
        srv: [("_imaps._tcp.example.org".into(), imaps), ("_imap._tcp.example.org".into(), imap)].into(),
        hosts: public(&["b.example.org", "plain.example.org"]),
        ..Internet::default()
    };
    let found = |internet: &Internet| find(internet, "anna@example.org").candidates.first().cloned().unwrap();
    let first = found(&internet);
    assert_eq!((first.host.as_str(), first.port, first.security), ("b.example.org", 993, Security::Tls));
    // a dot as the target says that the service is not offered (RFC 6186 section 3.4)
    internet.srv.insert("_imaps._tcp.example.org".into(), vec![srv(0, 0, "")]);
    let first = found(&internet);
    assert_eq!((first.host.as_str(), first.port, first.security), ("plain.example.org", 143, Security::Starttls));
}

#[test]
fn both_autoconfig_addresses_are_asked_for_this_address() {
    let asked = "https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=a%2Bb%40example.org";
    let well_known = "https://example.org/.well-known/autoconfig/mail/config-v1.1.xml";
    for (url, place) in [(asked, Place::Autoconfig), (well_known, Place::WellKnown)] {
        let hosts = public(&["imap.example.net"]);
        let internet = Internet { pages: [(url.into(), DOCUMENT.into())].into(), hosts, ..Internet::default() };
        let first = find(&internet, "a+b@example.org").candidates.first().cloned().unwrap();
        assert_eq!((first.place, first.host.as_str(), first.username.as_str()), (place, "imap.example.net", "a+b"));
        assert_eq!((first.auth.as_slice(), first.name.as_deref()), ([Auth::Password].as_slice(), Some("Example")));
    }
}

#[test]
fn a_guess_needs_a_name_that_leads_to_public_addresses_only() {
    let host = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Internet { hosts: [("mail.example.org".to_owned(), addresses)].into(), ..Internet::default() }
    };
    let answer = find(&host(&["8.8.8.8"]), "anna@example.org");
    assert_eq!(
        answer.candidates.first().map(|one| (one.place, one.host.as_str())),
        Some((Place::Guess, "mail.example.org"))
    );
    for inside in [&["10.0.0.1"][..], &["8.8.8.8", "127.0.0.1"], &["::1"]] {
        assert_eq!(find(&host(inside), "anna@example.org").candidates, []);
    }
}

#[test]
fn a_server_that_the_check_would_not_connect_to_is_not_offered() {
    let document = |port: &str| DOCUMENT.replace("<port>993", &format!("<port>{port}"));
    let told = |record: Srv, document: String, address: &str, reach: Reach| {
        let hosts = [("imap.example.net".to_owned(), address.parse().into_iter().collect())].into();
        let srv = [("_imaps._tcp.example.org".into(), vec![record])].into();
        let pages = [("https://example.org/.well-known/autoconfig/mail/config-v1.1.xml".into(), document)].into();
        let answer = find_within(&Internet { hosts, srv, pages, ..Internet::default() }, "anna@example.org", reach);
        let said = |place| answer.steps.iter().find(|step| step.place == place).unwrap().detail.clone();
        (answer.candidates.len(), said(Place::Srv), said(Place::WellKnown))
    };
    let record = |port| Srv { port, ..srv(0, 0, "imap.example.net") };
    for (port, address, why) in [
        (993, "10.0.0.1", "port 993, which leads to a private address and is not connected to"),
        (993, "169.254.169.254", "which leads to a metadata address"),
        (993, "", "port 993, but that name does not exist"),
        (22, "8.8.8.8", "port 22, but only the ports 993 and 143 are connected to"),
    ] {
        let (offered, srv, well_known) = told(record(port), document(&port.to_string()), address, Reach::Public);
        assert_eq!(offered, 0, "{port} {address}");
        assert!(srv.contains(why) && well_known.contains(why), "{srv}; {well_known}");
    }
    // In an operator's own network private servers on other ports are what is looked for; metadata never is.
    assert_eq!(told(record(1993), document("1993"), "10.0.0.1", Reach::Private).0, 1);
    assert_eq!(told(record(993), document("993"), "169.254.169.254", Reach::Private).0, 0);
}

#[test]
fn what_is_found_twice_is_listed_once_by_the_more_trustworthy_place() {
    let internet = Internet {
        srv: [("_imaps._tcp.example.org".into(), vec![srv(0, 0, "imap.example.net")])].into(),
        pages: [("https://example.org/.well-known/autoconfig/mail/config-v1.1.xml".into(), DOCUMENT.into())].into(),
        hosts: public(&["imap.example.net", "imap.example.org"]),
        ..Internet::default()
    };
    let answer = find(&internet, "anna@example.org");
    let found: Vec<_> = answer.candidates.iter().map(|one| (one.place, one.host.as_str())).collect();
    assert_eq!(found, [(Place::Srv, "imap.example.net"), (Place::Guess, "imap.example.org")]);
    let expected = [
        (Place::Preset, Outcome::Nothing),
        (Place::Mx, Outcome::Nothing),
        (Place::Srv, Outcome::Found),
        (Place::Autoconfig, Outcome::Nothing),
        (Place::WellKnown, Outcome::Found),
        (Place::Guess, Outcome::Found),
    ];
    assert_eq!(outcomes(&answer), expected);
}

#[test]
fn a_server_of_the_catalogue_brings_what_is_known_about_it() {
    let records = vec![srv(0, 0, "imap.gmail.com")];
    let internet = Internet { srv: [("_imaps._tcp.example.org".into(), records)].into(), ..Internet::default() };
    let first = find(&internet, "anna@example.org").candidates.first().cloned().unwrap();
    assert_eq!((first.place, first.provider.as_deref()), (Place::Srv, Some("gmail")));
}

#[test]
fn silence_ends_with_the_budget_and_says_so() {
    let answer = find(&Internet { silent: true, ..Internet::default() }, "anna@example.org");
    assert_eq!(answer.candidates, []);
    assert!(outcomes(&answer).iter().skip(1).all(|(_, outcome)| *outcome == Outcome::Late), "{answer:?}");
    assert_eq!(answer.steps.len(), 6);
}

#[test]
fn name_servers_that_do_not_answer_are_a_failure_and_not_an_absence() {
    let answer = find(&Internet { broken: true, ..Internet::default() }, "anna@example.org");
    assert!(outcomes(&answer).iter().skip(1).all(|(_, outcome)| *outcome == Outcome::Failed), "{answer:?}");
}

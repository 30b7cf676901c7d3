//! Names become addresses once, and only vetted addresses are connected to.

use crate::failure::Failure;
use mailcrane_core::address::{Reach, is_host_name, kind};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Looks up names.
pub trait Resolver: Send + Sync {
    /// Gives the addresses of a host name.
    fn lookup(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// Looks names up as the machine does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Resolves a host once and returns its addresses, every one of them permitted.
///
/// One forbidden address among several refuses the host: a name that leads inside as well as outside is an attack.
///
/// # Errors
/// When the name has no address, or a forbidden one.
pub async fn vet<R: Resolver>(resolver: &R, reach: Reach, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) if is_host_name(bare) => match resolver.lookup(bare, port).await {
            Ok(found) => found,
            Err(cause) if passes(&cause) => {
                return Err(Failure::Unreachable { host: host.to_owned(), port, cause: Some(cause) });
            }
            Err(_unknown) => Vec::new(),
        },
        Err(_) => Vec::new(),
    };
    if addresses.is_empty() {
        return Err(Failure::HostUnknown { host: host.to_owned() });
    }
    match addresses.iter().find(|address| !reach.permits(address.ip())) {
        Some(refused) => Err(Failure::AddressRefused {
            host: host.to_owned(),
            address: refused.ip(),
            kind: kind(refused.ip()).name(),
        }),
        None => Ok(addresses),
    }
}

/// Tells a name server that did not answer from a name that does not exist.
fn passes(cause: &io::Error) -> bool {
    let text = cause.to_string().to_ascii_lowercase();
    cause.kind() == io::ErrorKind::TimedOut || text.contains("temporary failure") || text.contains("try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Answers with one list after the other.
    struct Scripted(Mutex<Vec<Vec<&'static str>>>);

    impl Scripted {
        fn new(answers: &[&[&'static str]]) -> Self {
            Self(Mutex::new(answers.iter().rev().map(|answer| answer.to_vec()).collect()))
        }
    }

    impl Resolver for Scripted {
        async fn lookup(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            let answer = self.0.lock().unwrap().pop().ok_or_else(|| io::Error::other("asked too often"))?;
            Ok(answer.iter().map(|text| SocketAddr::new(text.parse().unwrap(), port)).collect())
        }
    }

    async fn refused(resolver: &Scripted, host: &str) -> &'static str {
        vet(resolver, Reach::Public, host, 993).await.unwrap_err().code()
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_so_a_changing_answer_changes_nothing() {
        let resolver = Scripted::new(&[&["8.8.8.8"], &["127.0.0.1"]]);
        let vetted = vet(&resolver, Reach::Public, "imap.example.org", 993).await.unwrap();
        assert_eq!(vetted, ["8.8.8.8:993".parse().unwrap()]);
        assert_eq!(resolver.0.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_as_well_is_refused() {
        let resolver = Scripted::new(&[&["8.8.8.8", "10.0.0.1"]]);
        assert_eq!(refused(&resolver, "imap.example.org").await, "source.address_refused");
    }

    #[tokio::test]
    async fn addresses_in_any_spelling_are_refused_or_unknown_and_never_looked_up() {
        let resolver = Scripted::new(&[]);
        for host in ["127.0.0.1", "[::1]", "::1", "::ffff:127.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"] {
            assert_eq!(refused(&resolver, host).await, "source.address_refused", "{host}");
        }
        for host in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "http://a",
            "a/b",
            "a:b",
            "",
            "a b",
            "1.2.3.0x4",
        ] {
            assert_eq!(refused(&resolver, host).await, "source.host_unknown", "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_server_that_does_not_answer_makes_no_name_unknown() {
        struct Broken;
        impl Resolver for Broken {
            async fn lookup(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
                Err(io::Error::other("failed to lookup address information: Temporary failure in name resolution"))
            }
        }
        let failure = vet(&Broken, Reach::Public, "imap.example.org", 993).await.unwrap_err();
        assert_eq!(failure.code(), "source.unreachable");
        assert!(failure.retry_after().is_some());
    }

    #[tokio::test]
    async fn a_name_without_address_is_unknown() {
        assert_eq!(refused(&Scripted::new(&[&[]]), "nowhere.example.org").await, "source.host_unknown");
    }
}

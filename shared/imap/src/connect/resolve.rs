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
    async fn a_name_that_turns_inside_between_two_connections_is_refused_at_the_second() {
        let resolver = Scripted::new(&[&["8.8.8.8"], &["169.254.169.254"], &["8.8.8.8"], &["::ffff:10.0.0.1"]]);
        for outside in [true, false, true, false] {
            let vetted = vet(&resolver, Reach::Public, "imap.example.org", 993).await;
            assert_eq!(vetted.map_err(|failure| failure.code()).is_ok(), outside);
        }
    }

    /// Spellings of addresses inside that the parser of addresses knows.
    const INSIDE: [&str; 48] = [
        "127.0.0.1",
        "127.1.2.3",
        "127.255.255.254",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
        "169.254.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.0.192",
        "198.18.0.1",
        "168.63.129.16",
        "::",
        "::1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "::ffff:127.0.0.1",
        "[::ffff:127.0.0.1]",
        "::FFFF:7F00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "0:0:0:0:0:ffff:c0a8:0101",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::10.0.0.1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ];

    /// Spellings that only other programs take for addresses: no names either, so nobody is asked about them.
    const ODD: [&str; 34] = [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "0x7f.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0177.1",
        "127.0.0.1.",
        "127.0.0.01",
        "127.0.0.1:993",
        "127.0.0.1%00",
        "127.0.0.1 ",
        "[127.0.0.1]x",
        "fe80::1%eth0",
        "[fe80::1%25lo]",
        "::1%1",
        "[::1",
        "::ffff:127.0.0",
        "http://127.0.0.1",
        "//127.0.0.1",
        "user@127.0.0.1",
        "127.0.0.1/",
        "127.0.0.1#a",
        "127.0.0.1?a",
        "a:b",
        "1.2.3.0x4",
        "0",
        "0x0",
        "",
        "a b",
    ];

    #[tokio::test]
    async fn addresses_inside_are_refused_in_every_spelling_and_never_looked_up() {
        let resolver = Scripted::new(&[]);
        for host in INSIDE {
            assert_eq!(refused(&resolver, host).await, "source.address_refused", "{host}");
        }
        for host in ODD {
            assert_eq!(refused(&resolver, host).await, "source.host_unknown", "{host}");
        }
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_refused_whatever_the_form_of_the_answer() {
        for address in INSIDE.iter().filter(|host| !host.starts_with('[')) {
            assert_eq!(refused(&Scripted::new(&[&[address]]), "imap.example.org").await, "source.address_refused");
            assert_eq!(refused(&Scripted::new(&[&["8.8.8.8", address]]), "localhost").await, "source.address_refused");
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

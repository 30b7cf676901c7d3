//! Certificates and versions of TLS: what is accepted, what is refused, and in which words.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it does not expect")]

use mailcrane_core::Fault;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{Tls, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

const HOST: &str = "imap.example.org";

/// An authority that signs certificates.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// What a server shows.
struct Server {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    /// Signs a certificate for a host after a change of its terms.
    fn server(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Server {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        Server { certificate, key, versions: vec![&TLS13, &TLS12] }
    }
}

impl Server {
    /// Lets a client that trusts an authority connect.
    async fn meet(&self, trusts: Option<String>, pin: Option<&str>) -> Result<(), Fault> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&self.versions).unwrap();
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key).unwrap();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(async move {
            // A client that refuses the certificate breaks off.
            let _ = TlsAcceptor::from(Arc::new(config)).accept(theirs).await;
        });
        let tls = Tls::new(&TlsSettings { extra_authorities: trusts }).unwrap();
        let wire: Wire = Box::new(ours);
        let met = tls.protect(wire, HOST, pin, Duration::from_secs(10)).await;
        serving.await.unwrap();
        Ok(met.map(drop)?)
    }

    /// Asserts that the certificate is refused for that reason, with its fingerprint to confirm.
    async fn refused(&self, trusts: Option<String>, reason: &str) {
        let fault = self.meet(trusts, None).await.unwrap_err();
        assert_eq!(fault.code, "source.certificate");
        assert!(fault.message.contains(reason), "{reason:?} is not in {:?}", fault.message);
        let fingerprint = fault.fingerprint.expect("a fingerprint");
        assert!(fault.message.contains(&fingerprint));
        self.meet(None, Some(&fingerprint)).await.expect("the confirmed certificate is accepted");
    }
}

#[tokio::test]
async fn both_versions_of_tls_that_are_safe_are_spoken() {
    let authority = Authority::new();
    for versions in [vec![&TLS12], vec![&TLS13], vec![&TLS12, &TLS13]] {
        let server = Server { versions, ..authority.server(HOST, |_| {}) };
        server.meet(Some(authority.pem()), None).await.unwrap();
    }
}

/// What servers send that know nothing better than TLS 1.0: `protocol_version`, or `handshake_failure` (RFC 5246).
#[tokio::test]
async fn a_server_with_old_tls_is_told_from_one_without() {
    for (alert, code) in [(70, "source.tls_too_old"), (40, "source.tls_too_old"), (10, "source.no_tls")] {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let answer = async move {
            theirs.read_u8().await.unwrap();
            theirs.write_all(&[21, 3, 1, 0, 2, 2, alert]).await.unwrap();
            theirs
        };
        let serving = tokio::spawn(answer);
        let tls = Tls::new(&TlsSettings::default()).unwrap();
        let wire: Wire = Box::new(ours);
        let failure = tls.protect(wire, HOST, None, Duration::from_secs(10)).await.err().unwrap();
        assert_eq!(failure.code(), code, "{failure}");
        drop(serving.await.unwrap());
    }
}

#[tokio::test]
async fn an_expired_certificate_is_explained() {
    let authority = Authority::new();
    let server = authority.server(HOST, |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    });
    server.refused(Some(authority.pem()), "has expired").await;
}

#[tokio::test]
async fn a_certificate_of_the_future_is_explained() {
    let authority = Authority::new();
    let server = authority.server(HOST, |params| {
        (params.not_before, params.not_after) = (date_time_ymd(3001, 1, 1), date_time_ymd(3002, 1, 1));
    });
    server.refused(Some(authority.pem()), "is not valid yet").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_explained() {
    let authority = Authority::new();
    authority.server("mail.example.org", |_| {}).refused(Some(authority.pem()), "is for another name").await;
}

#[tokio::test]
async fn an_unknown_authority_is_explained() {
    Authority::new().server(HOST, |_| {}).refused(None, "is not signed by a known authority").await;
}

#[tokio::test]
async fn a_self_signed_certificate_is_explained() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let server = Server { certificate, key, versions: vec![&TLS13, &TLS12] };
    server.refused(None, "is not signed by a known authority (self-signed?)").await;
}

#[tokio::test]
async fn the_certificate_of_an_authority_as_a_servers_own_is_explained() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&authority.key).unwrap();
    let server = Server { certificate: certificate.der().clone(), key: authority.key, versions: vec![&TLS13] };
    server.refused(Some(certificate.pem()), "is not valid for a server").await;
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_though_an_authority_signed_it() {
    let authority = Authority::new();
    let server = authority.server(HOST, |_| {});
    let fault = server.meet(Some(authority.pem()), Some(&"00".repeat(32))).await.unwrap_err();
    assert!(fault.message.contains("is not the pinned one"), "{}", fault.message);
}

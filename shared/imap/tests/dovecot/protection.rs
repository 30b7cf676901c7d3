//! TLS: authorities, pinned certificates, STARTTLS and what is refused.

use crate::server::{Dovecot, password};
use mailcrane_core::Fault;
use mailcrane_core::ports::source::{Endpoint, Security, Source as _, Sources as _};
use mailcrane_imap::TlsSettings;

async fn open(server: &Dovecot, endpoint: &Endpoint, tls: &TlsSettings) -> Result<(), Fault> {
    server.sources_with(tls).open(endpoint, &password("anna")).await?.close().await;
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_accepted_by_its_authority_or_by_its_fingerprint_and_never_else() {
    let server = Dovecot::start("");
    let ours = TlsSettings { extra_authorities: Some(server.ca.clone()) };
    let usual = TlsSettings::default();
    for security in [Security::Tls, Security::Starttls] {
        let endpoint = server.endpoint(security);
        open(&server, &endpoint, &ours).await.unwrap();
        let refused = open(&server, &endpoint, &usual).await.unwrap_err();
        assert_eq!(refused.code, "source.certificate");
        assert!(refused.message.contains(&server.fingerprint), "{}", refused.message);
        let pinned = Endpoint { fingerprint: Some(server.fingerprint.to_uppercase()), ..endpoint.clone() };
        open(&server, &pinned, &usual).await.unwrap();
        let other = Endpoint { fingerprint: Some("00".repeat(32)), ..endpoint.clone() };
        assert_eq!(open(&server, &other, &ours).await.unwrap_err().code, "source.certificate");
        let named = Endpoint { host: "127.0.0.1".to_owned(), ..endpoint };
        let wrong_name = open(&server, &named, &ours).await.unwrap_err();
        assert!(wrong_name.message.contains("is for another name"), "{}", wrong_name.message);
    }
}

#[tokio::test]
async fn no_protection_is_used_only_when_asked_for() {
    let server = Dovecot::start("");
    let usual = TlsSettings::default();
    open(&server, &server.endpoint(Security::None), &usual).await.unwrap();
    let plain_port = Endpoint { port: server.port, ..server.endpoint(Security::Tls) };
    assert_eq!(open(&server, &plain_port, &usual).await.unwrap_err().code, "source.no_tls");
}

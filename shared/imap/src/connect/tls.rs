//! TLS: the usual authorities, an authority of the operator's, or one pinned certificate; never anything.

use crate::failure::Failure;
use crate::transport::Wire;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Which authorities vouch for servers.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Certificates of further authorities, in PEM.
    pub extra_authorities: Option<String>,
}

/// The part of TLS that every connection shares.
#[derive(Debug, Clone)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Tls {
    /// Prepares the authorities.
    ///
    /// # Errors
    /// When the PEM of the further authorities cannot be read.
    pub fn new(settings: &TlsSettings) -> Result<Self, Failure> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = &settings.extra_authorities {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|cause| Failure::Settings(cause.into()))?;
                roots.add(certificate).map_err(|cause| Failure::Settings(cause.into()))?;
            }
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|cause| Failure::Settings(cause.into()))?;
        Ok(Self { provider, verifier })
    }

    /// Protects a connection to `host`, whose certificate may be pinned by its SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// When the server speaks no TLS or shows a certificate that is not accepted.
    pub async fn protect(&self, wire: Wire, host: &str, pin: Option<&str>, limit: Duration) -> Result<Wire, Failure> {
        let seen = Arc::new(Seen {
            usual: Arc::clone(&self.verifier),
            provider: Arc::clone(&self.provider),
            pin: pin.map(normalised),
            fingerprint: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Failure::Settings(cause.into()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Seen>::clone(&seen))
            .with_no_client_auth();
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.trim_end_matches('.').to_owned())
            .map_err(|_| Failure::HostUnknown { host: host.to_owned() })?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, wire);
        match timeout(limit, connecting).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(cause)) => Err(seen.explain(host, cause)),
            Err(_elapsed) => Err(Failure::Silent(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "the server did not finish the TLS handshake in time",
            ))),
        }
    }
}

/// Takes `AB:CD ..` as well as `abcd..`.
fn normalised(pin: &str) -> String {
    pin.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase()
}

/// Verifies as usual, knows a pinned certificate, and remembers the fingerprint it saw.
#[derive(Debug)]
struct Seen {
    usual: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    pin: Option<String>,
    fingerprint: Mutex<Option<String>>,
}

impl Seen {
    fn explain(&self, host: &str, cause: std::io::Error) -> Failure {
        let host = host.to_owned();
        let fingerprint = self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reason = match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(error)) => reason(error),
            Some(rustls::Error::NoCertificatesPresented) => "is missing",
            Some(rustls::Error::PeerIncompatible(_)) => return Failure::TlsTooOld { host, cause },
            Some(rustls::Error::AlertReceived(alert)) if is_about_versions(*alert) => {
                return Failure::TlsTooOld { host, cause };
            }
            Some(_) => return Failure::NoTls { host, cause: Some(cause) },
            None => return Failure::from(cause),
        };
        Failure::Certificate { host, reason: reason.to_owned(), fingerprint }
    }
}

/// Tells whether a server means by the alert that it shares no version or cipher with us (RFC 5246 section 7.2.2).
fn is_about_versions(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(alert, A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity)
}

fn reason(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "is for another name",
        CertificateError::UnknownIssuer => "is not signed by a known authority (self-signed?)",
        CertificateError::Revoked => "was revoked",
        CertificateError::ApplicationVerificationFailure => "is not the pinned one",
        _ => "is not valid for a server",
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest: [u8; 32] = Sha256::digest(end_entity).into();
        let fingerprint = mailcrane_core::digest::Digest(digest).to_string();
        *self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint.clone());
        match &self.pin {
            Some(pin) if *pin == fingerprint => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            None => self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! The signed statement by which a service account asks for a user's token (RFC 7523, RS256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mailcrane_core::secret::Secret;
use mailcrane_core::{Fault, Timestamp};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

/// How long a statement holds, in seconds; the longest that Google takes.
const LIVES: i64 = 3600;

/// What is stated.
pub(super) struct Claims<'a> {
    /// The service account.
    pub(super) iss: &'a str,
    /// The user whose mailbox is read.
    pub(super) sub: &'a str,
    /// The scope.
    pub(super) scope: &'a str,
    /// The token endpoint.
    pub(super) aud: &'a str,
    /// The time of signing.
    pub(super) now: Timestamp,
}

/// Signs a statement.
///
/// # Errors
/// `source.oauth_key` when the key is no PEM of a private RSA key.
pub(super) fn signed(claims: &Claims<'_>, key: &Secret) -> Result<Secret, Fault> {
    let issued = claims.now.as_second();
    let body = json!({
        "iss": claims.iss, "sub": claims.sub, "scope": claims.scope, "aud": claims.aud,
        "iat": issued, "exp": issued.saturating_add(LIVES),
    });
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(&body));
    // keys that were copied out of a JSON file often keep its written line ends
    let pem = key.expose().replace("\\n", "\n");
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| unusable().because(error))?;
    let signer = any_supported_type(&der).map_err(|error| unusable().because(error))?;
    let signer = signer.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(unusable)?;
    let signature = signer.sign(message.as_bytes()).map_err(|error| unusable().because(error))?;
    Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn unusable() -> Fault {
    let text = "the private key of the service account cannot be used; copy the field private_key of its JSON file, \
                from BEGIN to END";
    Fault::give_up("source.oauth_key", text)
}

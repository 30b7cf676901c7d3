//! A KMS that wraps keys under their encryption context, as far as the vault needs one.

use crate::server::{Answer, Request, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// The key that the vault is told to use.
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/01234567";

/// Starts a KMS. A wrapped key is the context and the key itself, in base64.
pub(crate) fn start() -> Server {
    Server::start(answer)
}

fn answer(request: &Request) -> Answer {
    let body = request.json();
    assert_eq!(body["KeyId"], KEY);
    let context = body["EncryptionContext"].to_string();
    match request.operation() {
        "GenerateDataKey" => {
            assert_eq!(body["KeySpec"], "AES_256");
            let key: Vec<u8> = (0..32).map(|_| fastrand::u8(..)).collect();
            let wrapped = [context.as_bytes(), &key].concat();
            Answer::ok(json!({ "KeyId": KEY, "Plaintext": base64(&key), "CiphertextBlob": base64(&wrapped) }))
        }
        "Decrypt" => {
            let wrapped = octets(body["CiphertextBlob"].as_str().unwrap());
            match wrapped.strip_prefix(context.as_bytes()) {
                Some(key) => Answer::ok(json!({ "KeyId": KEY, "Plaintext": base64(key) })),
                None => Answer::error(400, "InvalidCiphertextException"),
            }
        }
        _ => Answer::error(400, "UnsupportedOperationException"),
    }
}

fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

fn octets(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

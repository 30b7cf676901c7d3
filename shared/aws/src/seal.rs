//! How credentials are sealed: AES-256-GCM, bound to the account they belong to.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Generate, Key, KeyInit, Nonce, Payload};
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::secret::Secret;

/// The form of a sealed document: this octet, 12 octets of nonce, the text and 16 octets of tag.
const VERSION: u8 = 1;

const NONCE: usize = 12;

/// A document that cannot be opened: damaged, of another account, or sealed under another key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the sealed document cannot be opened")]
pub(crate) struct Unsealable;

/// Seals and opens with one data key; the key is overwritten in memory when this is dropped.
#[derive(Clone)]
pub(crate) struct Sealer(Aes256Gcm);

impl Sealer {
    /// Takes over a data key of 32 octets.
    pub(crate) fn new(key: &[u8]) -> Result<Self, Unsealable> {
        let key = <&Key<Aes256Gcm>>::try_from(key).map_err(|_| Unsealable)?;
        Ok(Self(Aes256Gcm::new(key)))
    }

    /// Seals the secret of an account under a fresh nonce.
    pub(crate) fn seal(&self, id: &MigrationId, account: AccountNo, secret: &Secret) -> Result<Vec<u8>, Unsealable> {
        let nonce = Nonce::<Aes256Gcm>::try_generate().map_err(|_| Unsealable)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &bound_to(id, account) };
        let text = self.0.encrypt(&nonce, payload).map_err(|_| Unsealable)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens the secret of an account.
    pub(crate) fn open(&self, id: &MigrationId, account: AccountNo, sealed: &[u8]) -> Result<Secret, Unsealable> {
        let (&version, rest) = sealed.split_first().ok_or(Unsealable)?;
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(Unsealable)?;
        if version != VERSION {
            return Err(Unsealable);
        }
        let nonce = <&Nonce<Aes256Gcm>>::try_from(nonce).map_err(|_| Unsealable)?;
        let payload = Payload { msg: text, aad: &bound_to(id, account) };
        let text = self.0.decrypt(nonce, payload).map_err(|_| Unsealable)?;
        String::from_utf8(text).map(Secret::new).map_err(|_| Unsealable)
    }
}

/// What the tag vouches for besides the text: version, migration and account.
fn bound_to(id: &MigrationId, account: AccountNo) -> Vec<u8> {
    let mut octets = vec![VERSION];
    octets.extend_from_slice(id.as_str().as_bytes());
    octets.extend_from_slice(format!("#{account}").as_bytes());
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(text: &str) -> MigrationId {
        MigrationId::new(text).unwrap()
    }

    fn sealed() -> (Sealer, MigrationId, Vec<u8>) {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let id = migration("0123456789abcdef");
        let sealed = sealer.seal(&id, AccountNo(17), &Secret::new("{\"p\":\"hunter2\"}")).unwrap();
        (sealer, id, sealed)
    }

    #[test]
    fn what_was_sealed_opens_for_its_account() {
        let (sealer, id, sealed) = sealed();
        assert_eq!(sealer.open(&id, AccountNo(17), &sealed).unwrap().expose(), "{\"p\":\"hunter2\"}");
    }

    #[test]
    fn a_document_does_not_open_for_another_account_or_migration() {
        let (sealer, id, sealed) = sealed();
        assert_eq!(sealer.open(&id, AccountNo(18), &sealed), Err(Unsealable));
        assert_eq!(sealer.open(&migration("0123456789abcdeg"), AccountNo(17), &sealed), Err(Unsealable));
    }

    #[test]
    fn a_document_with_any_octet_changed_does_not_open() {
        let (sealer, id, sealed) = sealed();
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(sealer.open(&id, AccountNo(17), &damaged), Err(Unsealable), "octet {place}");
            assert_eq!(sealer.open(&id, AccountNo(17), &sealed[..place]), Err(Unsealable), "cut at {place}");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_the_same_way() {
        let (sealer, id, first) = sealed();
        let second = sealer.seal(&id, AccountNo(17), &Secret::new("{\"p\":\"hunter2\"}")).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_document_of_version_1_opens_as_it_was_sealed() {
        // Sealed by another implementation of AES-GCM (Python's cryptography): key 32 x 7, nonce 0 to 11.
        let (sealer, id, _) = sealed();
        let sealed = include_bytes!("../tests/samples/sealed-v1.bin");
        assert_eq!(sealer.open(&id, AccountNo(17), sealed).unwrap().expose(), "{\"p\":\"hunter2\"}");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(Sealer::new(&[7; 16]).is_err());
    }
}

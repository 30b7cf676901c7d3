//! The vault: a data key for each migration, wrapped by KMS, kept beside what it seals.
//!
//! A migration's partition of the secrets table holds the wrapped key (`KEY`) and the sealed documents (`A#01734`).
//! Whoever deletes the wrapped key has shredded the documents: nothing else can open them.

use crate::answer;
use crate::seal::Sealer;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use mailcrane_core::fault::Fault;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table, TableError, Write};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::secret::Secret;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an unwrapped key is kept in the memory of an instance.
const KEPT: Duration = Duration::from_secs(60);

/// How many items are deleted by one query and one transaction.
const SHRED: usize = 100;

/// The name under which KMS binds a data key to its migration.
const CONTEXT: &str = "migration";

/// Seals credentials under keys that KMS wraps.
pub struct KmsVault<T> {
    kms: Client,
    key: String,
    table: T,
    unwrapped: Mutex<HashMap<Vec<u8>, (Instant, Sealer)>>,
}

impl<T: Table> KmsVault<T> {
    /// Joins a client, the id or ARN of the KMS key, and the table of secrets.
    #[must_use]
    pub fn new(kms: Client, key: impl Into<String>, table: T) -> Self {
        Self { kms, key: key.into(), table, unwrapped: Mutex::default() }
    }

    /// Returns the wrapped data key of a migration, when it has one.
    async fn wrapped(&self, migration: &MigrationId) -> Result<Option<Vec<u8>>, Fault> {
        match self.table.get(&key_of(migration)).await.map_err(unread)? {
            Some(Item { body: Body::Packed(wrapped), .. }) => Ok(Some(wrapped)),
            Some(_) => Err(damaged()),
            None => Ok(None),
        }
    }

    /// Makes the data key of a migration, or finds the one that somebody else made at the same time.
    async fn make_key(&self, migration: &MigrationId) -> Result<Vec<u8>, Fault> {
        let answer = self
            .kms
            .generate_data_key()
            .key_id(&self.key)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(CONTEXT, migration.as_str())
            .send()
            .await
            .map_err(|error| answer::fault("vault", "a key for the credentials could not be made", error))?;
        let plain = answer.plaintext().ok_or_else(damaged)?;
        let wrapped = answer.ciphertext_blob().ok_or_else(damaged)?.as_ref().to_vec();
        let sealer = Sealer::new(plain.as_ref()).map_err(|error| damaged().because(error))?;
        let item = packed(key_of(migration), wrapped.clone());
        match self.table.write(Write::Put(item, Expect::Absent)).await {
            Ok(()) => {
                self.keep(wrapped.clone(), sealer);
                Ok(wrapped)
            }
            Err(TableError::Conflict | TableError::Unknown(_)) => self.wrapped(migration).await?.ok_or_else(shredded),
            Err(error) => Err(unwritten(error)),
        }
    }

    /// Returns what seals with a wrapped key, asking KMS when this instance did not do so lately.
    async fn sealer(&self, migration: &MigrationId, wrapped: &[u8]) -> Result<Sealer, Fault> {
        if let Some((since, sealer)) = self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).get(wrapped)
            && since.elapsed() < KEPT
        {
            return Ok(sealer.clone());
        }
        let answer = self
            .kms
            .decrypt()
            .key_id(&self.key)
            .ciphertext_blob(Blob::new(wrapped))
            .encryption_context(CONTEXT, migration.as_str())
            .send()
            .await
            .map_err(|error| answer::fault("vault", "the key of the credentials could not be opened", error))?;
        let plain = answer.plaintext().ok_or_else(damaged)?;
        let sealer = Sealer::new(plain.as_ref()).map_err(|error| damaged().because(error))?;
        self.keep(wrapped.to_vec(), sealer.clone());
        Ok(sealer)
    }

    fn keep(&self, wrapped: Vec<u8>, sealer: Sealer) {
        let mut unwrapped = self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        unwrapped.retain(|_, (since, _)| since.elapsed() < KEPT);
        unwrapped.insert(wrapped, (Instant::now(), sealer));
    }
}

impl<T: Table> Vault for KmsVault<T> {
    async fn seal(&self, migration: &MigrationId, secrets: &[(AccountNo, Secret)]) -> Result<(), Fault> {
        let wrapped = match self.wrapped(migration).await? {
            Some(wrapped) => wrapped,
            None => self.make_key(migration).await?,
        };
        let sealer = self.sealer(migration, &wrapped).await?;
        let items = secrets
            .iter()
            .map(|(account, secret)| {
                let sealed = sealer.seal(migration, *account, secret).map_err(|error| damaged().because(error))?;
                Ok(packed(document_of(migration, *account), sealed))
            })
            .collect::<Result<_, Fault>>()?;
        self.table.put_all(items).await.map_err(unwritten)?;
        // Shredded meanwhile: what was just written can never be opened, and must not look as if it could.
        if self.wrapped(migration).await?.as_deref() == Some(&wrapped) { Ok(()) } else { Err(shredded()) }
    }

    async fn open(&self, migration: &MigrationId, account: AccountNo) -> Result<Secret, Fault> {
        let wrapped = self.wrapped(migration).await?.ok_or_else(shredded)?;
        let item = self.table.get(&document_of(migration, account)).await.map_err(unread)?.ok_or_else(shredded)?;
        let Body::Packed(sealed) = item.body else { return Err(damaged()) };
        let sealer = self.sealer(migration, &wrapped).await?;
        sealer.open(migration, account, &sealed).map_err(|error| damaged().because(error))
    }

    async fn shred(&self, migration: &MigrationId) -> Result<(), Fault> {
        let key = key_of(migration);
        let pk = key.pk.clone();
        self.table.write(Write::Delete(key, Expect::Anything)).await.map_err(unwritten)?;
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).clear();
        loop {
            let page = self.table.query(&pk, "A#", None, SHRED).await.map_err(unread)?;
            let gone: Vec<Write> =
                page.items.into_iter().map(|item| Write::Delete(item.key, Expect::Anything)).collect();
            if !gone.is_empty() {
                let token = Uuid::new_v4().to_string();
                self.table.transact(&token, gone).await.map_err(unwritten)?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

fn key_of(migration: &MigrationId) -> Key {
    Key::new(format!("M#{migration}"), "KEY")
}

fn document_of(migration: &MigrationId, account: AccountNo) -> Key {
    Key::new(format!("M#{migration}"), format!("A#{account}"))
}

fn packed(key: Key, octets: Vec<u8>) -> Item {
    Item { key, version: 1, body: Body::Packed(octets), due: None, expires: None }
}

fn shredded() -> Fault {
    Fault::give_up("vault.shredded", "the credentials are gone; enter them again")
}

fn damaged() -> Fault {
    Fault::give_up("vault.damaged", "the credentials cannot be opened; enter them again")
}

fn unread(error: TableError) -> Fault {
    of_table("the credentials could not be read", error)
}

fn unwritten(error: TableError) -> Fault {
    of_table("the credentials could not be written", error)
}

fn of_table(what: &str, error: TableError) -> Fault {
    let fault = match error {
        TableError::Refused(_) => Fault::give_up("vault.refused", format!("{what}: the table refused it")),
        _ => Fault::retry(Duration::from_secs(5), "vault.unavailable", format!("{what}: the table does not answer")),
    };
    fault.because(error)
}

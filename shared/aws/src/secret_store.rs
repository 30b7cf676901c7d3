//! Values of Secrets Manager: the operator key and the migration administrator's password.

use crate::answer;
use aws_sdk_secretsmanager::Client;
use mailcrane_core::fault::Fault;
use mailcrane_core::secret::Secret;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a value is used before it is read again, so that a rotated secret is noticed.
const FRESH: Duration = Duration::from_secs(300);

/// Reads secrets by their ARN and keeps them for five minutes in the memory of the instance.
#[derive(Debug)]
pub struct SecretStore {
    client: Client,
    known: Mutex<HashMap<String, (Instant, Secret)>>,
}

impl SecretStore {
    /// Takes over a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::new(HashMap::new()) }
    }

    /// Returns the text of a secret.
    ///
    /// # Errors
    /// `secret.missing` when there is no such secret or it holds no text, `secret.not_permitted` when the role may
    /// not read it, `secret.unavailable` and `secret.busy` when the service does not answer now.
    pub async fn read(&self, arn: &str) -> Result<Secret, Fault> {
        if let Some((read, secret)) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(arn)
            && read.elapsed() < FRESH
        {
            return Ok(secret.clone());
        }
        self.read_anew(arn).await
    }

    /// Returns the text of a secret as it is now; for when the known value was not accepted.
    ///
    /// # Errors
    /// Those of [`SecretStore::read`].
    pub async fn read_anew(&self, arn: &str) -> Result<Secret, Fault> {
        let missing =
            || Fault::give_up("secret.missing", "Secrets Manager holds no such secret; deploy the stack again");
        let answer = self.client.get_secret_value().secret_id(arn).send().await.map_err(|error| {
            if answer::code(&error) == Some("ResourceNotFoundException") {
                missing().because(answer::described(error))
            } else {
                answer::fault("secret", "a secret could not be read from Secrets Manager", error)
            }
        })?;
        let secret = Secret::new(answer.secret_string().ok_or_else(missing)?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(arn.to_owned(), (Instant::now(), secret.clone()));
        Ok(secret)
    }
}

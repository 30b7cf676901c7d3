//! One configuration of the SDK, and the adapters on top of it.

use crate::blobs::S3Blobs;
use crate::directory::WorkmailDirectory;
use crate::mailer::{Sender, SesMailer};
use crate::queues::{QueueUrls, SqsQueues};
use crate::secret_store::SecretStore;
use crate::table::DynamoTable;
use crate::vault::KmsVault;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_workmail::config::SharedCredentialsProvider;
use std::time::Duration;

/// Builds adapters that share one configuration: region, credentials, connections and time limits.
///
/// Nothing is connected before the first call, and no client is built that was not asked for.
#[derive(Debug, Clone)]
pub struct Clients {
    config: SdkConfig,
    /// The same with the credentials that WorkMail is managed with.
    workmail: SdkConfig,
}

/// The name of the sessions of an assumed role, as the other account's `CloudTrail` shows it.
const SESSION: &str = "mailcrane";

impl Clients {
    /// Takes region, credentials and endpoints from the environment, where the SDK looks for them
    /// (`AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_WORKMAIL` and so on).
    pub async fn from_environment() -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(10))
                    .operation_timeout(Duration::from_secs(30))
                    .build(),
            )
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .load()
            .await;
        Self::new(config)
    }

    /// Takes over a configuration of the SDK.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self { workmail: config.clone(), config }
    }

    /// Lets WorkMail be managed with a role (its ARN, and the external id that it asks for, which may be empty), for an
    /// organisation of another AWS account. Nothing is asked before the first call; the credentials are renewed.
    pub async fn with_workmail_role(mut self, role: Option<&(String, String)>) -> Self {
        let Some((arn, external_id)) = role else { return self };
        let mut provider = AssumeRoleProvider::builder(arn).session_name(SESSION).configure(&self.config);
        if !external_id.is_empty() {
            provider = provider.external_id(external_id);
        }
        let provider = SharedCredentialsProvider::new(provider.build().await);
        self.workmail = self.config.to_builder().credentials_provider(provider).build();
        self
    }

    /// Returns a table.
    #[must_use]
    pub fn table(&self, name: impl Into<String>) -> DynamoTable {
        // The table's own loop retries: the SDK's could not tell "another was faster" from its own lost answer.
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(5))
                    .build(),
            )
            .build();
        DynamoTable::new(aws_sdk_dynamodb::Client::from_conf(config), name)
    }

    /// Returns the queues.
    #[must_use]
    pub fn queues(&self, urls: QueueUrls) -> SqsQueues {
        SqsQueues::new(aws_sdk_sqs::Client::new(&self.config), urls)
    }

    /// Returns the vault that keeps its items in the named table and wraps its keys with that KMS key.
    #[must_use]
    pub fn vault(&self, table: impl Into<String>, key: impl Into<String>) -> KmsVault<DynamoTable> {
        KmsVault::new(aws_sdk_kms::Client::new(&self.config), key, self.table(table))
    }

    /// Returns the mailer.
    #[must_use]
    pub fn mailer(&self, sender: Sender) -> SesMailer {
        SesMailer::new(aws_sdk_ses::Client::new(&self.config), sender)
    }

    /// Returns the bucket of that name.
    #[must_use]
    pub fn blobs(&self, bucket: impl Into<String>) -> S3Blobs {
        // An object may be as large as a message: it needs longer than the small requests of the other services.
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(60))
                    .operation_timeout(Duration::from_secs(120))
                    .build(),
            )
            .build();
        S3Blobs::new(aws_sdk_s3::Client::from_conf(config), bucket)
    }

    /// Returns the directory of an organisation; `administrator` is the configured migration administrator's
    /// address, when there is one.
    #[must_use]
    pub fn directory(&self, organization: impl Into<String>, administrator: Option<String>) -> WorkmailDirectory {
        WorkmailDirectory::new(aws_sdk_workmail::Client::new(&self.workmail), organization, administrator)
    }

    /// Returns the reader of Secrets Manager.
    #[must_use]
    pub fn secrets(&self) -> SecretStore {
        SecretStore::new(aws_sdk_secretsmanager::Client::new(&self.config))
    }
}

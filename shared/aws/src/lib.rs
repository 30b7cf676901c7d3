//! AWS services behind the ports: DynamoDB, SQS, KMS, S3, SES, Secrets Manager and the WorkMail API.
//!
//! One adapter per file. [`Clients`] knows how to build each of them; a function asks only for those it needs.

mod answer;
mod blobs;
mod clients;
mod clock;
mod directory;
mod mailer;
mod queues;
mod seal;
mod secret_store;
mod table;
mod vault;

pub use blobs::S3Blobs;
pub use clients::Clients;
pub use clock::SystemClock;
pub use directory::WorkmailDirectory;
pub use mailer::{Sender, SesMailer};
pub use queues::{QueueUrls, SqsQueues};
pub use secret_store::SecretStore;
pub use table::DynamoTable;
pub use vault::KmsVault;

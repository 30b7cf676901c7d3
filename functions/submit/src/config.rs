//! What the function is told by its environment.

use mailcrane_core::settings::Settings;
use mailcrane_lambda::environment::{Incomplete, Queues, Reader};

/// The configuration, read once.
pub(crate) struct Config {
    pub(crate) main_table: String,
    pub(crate) secrets_table: String,
    pub(crate) kms_key: String,
    pub(crate) queues: Queues,
    pub(crate) operator_key: String,
    pub(crate) public_url: String,
    pub(crate) public_trial: bool,
    pub(crate) rescue: bool,
    /// Whether the operator may have mailboxes created.
    pub(crate) create_mailboxes: bool,
    pub(crate) organization: String,
    /// The role that WorkMail is managed with, by ARN and external id.
    pub(crate) role: Option<(String, String)>,
    pub(crate) private_hosts: bool,
    pub(crate) settings: Settings,
    pub(crate) log: String,
}

impl Config {
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Incomplete> {
        let mut reader = Reader::new(look_up);
        let config = Self {
            main_table: reader.need("MAIN_TABLE"),
            secrets_table: reader.need("SECRETS_TABLE"),
            kms_key: reader.need("KMS_KEY_ID"),
            queues: reader.queues(),
            operator_key: reader.need("OPERATOR_KEY_SECRET_ARN"),
            public_url: reader.need("PUBLIC_URL").trim_end_matches('/').to_owned(),
            public_trial: reader.parsed("PUBLIC_TRIAL", false),
            rescue: reader.parsed("OVERSIZE_RESCUE", false),
            create_mailboxes: reader.parsed("WORKMAIL_CREATE_MAILBOXES", false),
            organization: reader.need("WORKMAIL_ORGANIZATION_ID"),
            role: reader.role(),
            private_hosts: reader.parsed("ALLOW_PRIVATE_HOSTS", false),
            settings: reader.settings(),
            log: reader.or_empty("RUST_LOG"),
        };
        reader.end().map(|()| config)
    }
}

//! What the function is told by its environment.

use mailcrane_core::settings::Settings;
use mailcrane_lambda::environment::{Incomplete, Queues, Reader};

/// The configuration, read once.
pub(crate) struct Config {
    pub(crate) main_table: String,
    pub(crate) secrets_table: String,
    pub(crate) kms_key: String,
    pub(crate) bucket: String,
    pub(crate) queues: Queues,
    pub(crate) organization: String,
    pub(crate) administrator: Option<String>,
    pub(crate) role: Option<(String, String)>,
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
            bucket: reader.need("BUCKET"),
            queues: reader.queues(),
            organization: reader.need("WORKMAIL_ORGANIZATION_ID"),
            administrator: Some(reader.or_empty("WORKMAIL_ADMIN_EMAIL")).filter(|email| !email.is_empty()),
            role: reader.role(),
            settings: reader.settings(),
            log: reader.or_empty("RUST_LOG"),
        };
        reader.end().map(|()| config)
    }
}

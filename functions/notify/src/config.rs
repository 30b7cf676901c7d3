//! What the function is told by its environment.

use mailcrane_core::settings::Settings;
use mailcrane_lambda::environment::{Incomplete, Queues, Reader};

/// The configuration, read once.
pub(crate) struct Config {
    pub(crate) main_table: String,
    pub(crate) secrets_table: String,
    pub(crate) kms_key: String,
    pub(crate) queues: Queues,
    pub(crate) public_url: String,
    pub(crate) from: String,
    pub(crate) brand: String,
    pub(crate) reply_to: Option<String>,
    /// Whether webhooks may have private addresses.
    pub(crate) private_hosts: bool,
    /// PEM of further authorities; may be empty.
    pub(crate) extra_ca_pem: String,
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
            public_url: reader.need("PUBLIC_URL").trim_end_matches('/').to_owned(),
            from: reader.need("MAIL_FROM"),
            brand: Some(reader.or_empty("MAIL_BRAND"))
                .filter(|name| !name.is_empty())
                .unwrap_or("Mailcrane".to_owned()),
            reply_to: Some(reader.or_empty("MAIL_REPLY_TO")).filter(|address| !address.is_empty()),
            private_hosts: reader.parsed("ALLOW_PRIVATE_HOSTS", false),
            extra_ca_pem: reader.or_empty("EXTRA_CA_PEM"),
            settings: reader.settings(),
            log: reader.or_empty("RUST_LOG"),
        };
        reader.end().map(|()| config)
    }
}

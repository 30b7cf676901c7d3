//! The environment, read once, naming everything that is missing or malformed at the same time.

use mailcrane_core::Timestamp;
use mailcrane_core::settings::Settings;
use std::str::FromStr;
use std::time::Duration;

/// Variables that are missing or malformed, all of them.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the environment is incomplete: {}", .0.join("; "))]
pub struct Incomplete(pub Vec<String>);

/// Reads variables and remembers what is wrong.
pub struct Reader<L> {
    look_up: L,
    wrong: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// Reads through the given look-up, which a function's `config.rs` makes of the real environment.
    pub fn new(look_up: L) -> Self {
        Self { look_up, wrong: Vec::new() }
    }

    /// Returns a variable that must be set and not empty; the empty text when it is not, which [`Reader::end`] tells.
    pub fn need(&mut self, name: &str) -> String {
        let value = self.or_empty(name);
        if value.is_empty() {
            self.wrong.push(format!("{name} is missing"));
        }
        value
    }

    /// Returns a variable that may be empty or missing.
    pub fn or_empty(&self, name: &str) -> String {
        (self.look_up)(name).map(|value| value.trim().to_owned()).unwrap_or_default()
    }

    /// Returns a variable of another type, or the given value when it is empty or missing.
    pub fn parsed<T: FromStr>(&mut self, name: &str, or: T) -> T {
        let text = self.or_empty(name);
        if text.is_empty() {
            return or;
        }
        text.parse().unwrap_or_else(|_| {
            self.wrong.push(format!("{name} cannot be read"));
            or
        })
    }

    /// Returns the role that WorkMail is managed with, by ARN and external id, when there is one.
    pub fn role(&mut self) -> Option<(String, String)> {
        let role = (self.or_empty("WORKMAIL_ROLE_ARN"), self.or_empty("WORKMAIL_EXTERNAL_ID"));
        Some(role).filter(|(arn, _)| !arn.is_empty())
    }

    /// Returns times and sizes: `TIME_SCALE`, `CHUNK_SECONDS` and `MAX_ACTIVE_ACCOUNTS` over the defaults.
    pub fn settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        settings.times = settings.times.scaled(self.parsed("TIME_SCALE", 1.0));
        settings.times.chunk = Duration::from_secs(self.parsed("CHUNK_SECONDS", settings.times.chunk.as_secs()));
        settings.sizes.active_accounts = self.parsed("MAX_ACTIVE_ACCOUNTS", settings.sizes.active_accounts);
        let ends = self.or_empty("WORKMAIL_END_DATE");
        if !ends.is_empty() {
            // The last day counts to its end.
            let day = format!("{ends}T00:00:00Z").parse::<Timestamp>();
            let end = day.ok().and_then(|day| day.checked_add(Duration::from_secs(24 * 3600)).ok());
            if end.is_none() {
                self.wrong.push("WORKMAIL_END_DATE is no date such as 2027-03-31".to_owned());
            }
            settings.workmail_ends = end;
        }
        settings
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Incomplete`] with every variable that is missing or malformed.
    pub fn end(self) -> Result<(), Incomplete> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Incomplete(self.wrong)) }
    }
}

/// Where the functions' queues are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// The queue of the check function.
    pub check: String,
    /// The queue of the analyze function.
    pub analyze: String,
    /// The queue of the migrate-chunk function.
    pub migrate: String,
    /// The queue of the notify function.
    pub notify: String,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// Returns the addresses of all queues.
    pub fn queues(&mut self) -> Queues {
        Queues {
            check: self.need("CHECK_QUEUE_URL"),
            analyze: self.need("ANALYZE_QUEUE_URL"),
            migrate: self.need("MIGRATE_QUEUE_URL"),
            notify: self.need("NOTIFY_QUEUE_URL"),
        }
    }
}

/// What a function needs that opens the ends of accounts.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The main table.
    pub main_table: String,
    /// The table of sealed credentials.
    pub secrets_table: String,
    /// The key that wraps data keys.
    pub kms_key: String,
    /// The queues.
    pub queues: Queues,
    /// The WorkMail organisation.
    pub organization: String,
    /// Where EWS listens.
    pub ews_url: String,
    /// The migration administrator's address, and where its password is kept.
    pub administrator: Option<(String, String)>,
    /// The role that WorkMail is managed with, by ARN and external id, which may be empty.
    pub role: Option<(String, String)>,
    /// Whether servers with private addresses may be named.
    pub private_hosts: bool,
    /// PEM of further authorities; may be empty.
    pub extra_ca_pem: String,
    /// Times and sizes.
    pub settings: Settings,
    /// The filter of the logs.
    pub log: String,
}

impl Worker {
    /// Reads everything.
    ///
    /// # Errors
    /// [`Incomplete`] with every variable that is missing or malformed.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Incomplete> {
        let mut reader = Reader::new(look_up);
        let administrator = (reader.or_empty("WORKMAIL_ADMIN_EMAIL"), reader.or_empty("WORKMAIL_ADMIN_SECRET_ARN"));
        let worker = Self {
            main_table: reader.need("MAIN_TABLE"),
            secrets_table: reader.need("SECRETS_TABLE"),
            kms_key: reader.need("KMS_KEY_ID"),
            queues: reader.queues(),
            organization: reader.need("WORKMAIL_ORGANIZATION_ID"),
            ews_url: reader.need("WORKMAIL_EWS_URL"),
            role: reader.role(),
            administrator: Some(administrator).filter(|(email, secret)| !email.is_empty() && !secret.is_empty()),
            private_hosts: reader.parsed("ALLOW_PRIVATE_HOSTS", false),
            extra_ca_pem: reader.or_empty("EXTRA_CA_PEM"),
            settings: reader.settings(),
            log: reader.or_empty("RUST_LOG"),
        };
        reader.end().map(|()| worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(pairs: &'static [(&str, &str)]) -> Reader<impl Fn(&str) -> Option<String>> {
        Reader::new(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let mut reader = reader(&[("B", " "), ("C", "x")]);
        let (_, _, _) = (reader.need("A"), reader.need("B"), reader.parsed("C", 1_u32));
        let error = reader.end().unwrap_err();
        assert_eq!(error.to_string(), "the environment is incomplete: A is missing; B is missing; C cannot be read");
    }

    #[test]
    fn the_scale_of_time_reaches_the_settings() {
        let mut reader = reader(&[("TIME_SCALE", "0.01"), ("CHUNK_SECONDS", "2"), ("MAX_ACTIVE_ACCOUNTS", "7")]);
        let settings = reader.settings();
        assert_eq!(settings.times.lease, Duration::from_millis(900));
        assert_eq!(settings.times.chunk, Duration::from_secs(2));
        assert_eq!(settings.sizes.active_accounts, 7);
        assert_eq!(settings.workmail_ends, None);
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn workmail_ends_after_the_last_day_that_is_named() {
        let mut named = reader(&[("WORKMAIL_END_DATE", "2027-03-31")]);
        assert_eq!(named.settings().workmail_ends, "2027-04-01T00:00:00Z".parse().ok());
        let mut wrong = reader(&[("WORKMAIL_END_DATE", "in spring")]);
        assert_eq!(wrong.settings().workmail_ends, None);
        assert!(wrong.end().is_err());
    }
}

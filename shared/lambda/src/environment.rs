//! The environment, read once, naming everything that is missing or malformed at the same time.

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

    /// Returns times and sizes: `TIME_SCALE`, `CHUNK_SECONDS` and `MAX_ACTIVE_ACCOUNTS` over the defaults.
    pub fn settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        settings.times = settings.times.scaled(self.parsed("TIME_SCALE", 1.0));
        settings.times.chunk = Duration::from_secs(self.parsed("CHUNK_SECONDS", settings.times.chunk.as_secs()));
        settings.sizes.active_accounts = self.parsed("MAX_ACTIVE_ACCOUNTS", settings.sizes.active_accounts);
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
        assert_eq!(reader.end(), Ok(()));
    }
}

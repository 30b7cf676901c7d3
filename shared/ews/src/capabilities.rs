//! What a destination was seen to keep and to find; decides how the copy goes about it.

use std::time::Duration;

use mailcrane_core::ports::destination::Features;
use serde::{Deserialize, Serialize};

/// The largest request.
const MAX_REQUEST: u64 = 40 << 20;
/// What of a request is not the message's base64, generously.
const ENVELOPE: u64 = 16 << 10;
/// An attachment of so many decoded octets or more does not fit.
const MAX_ATTACHMENT: u64 = 23_000_000;
/// Search lag assumed when it was not measured.
const DEFAULT_LAG: Duration = Duration::from_secs(10);

/// What the self-test saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Name of the EWS schema version that was accepted.
    pub version: String,
    /// Whether an item is no draft and has its read state at once (0x0E07).
    pub keeps_state: bool,
    /// Whether the received date stays (0x0E06).
    pub keeps_received: bool,
    /// Whether the follow-up flag stays (0x1090).
    pub keeps_flag: bool,
    /// Whether "answered" stays (0x1081).
    pub keeps_verb: bool,
    /// Whether categories stay.
    pub keeps_categories: bool,
    /// Whether our key stays.
    pub keeps_key: bool,
    /// Whether the MIME comes back octet by octet; nothing depends on it.
    pub keeps_mime: bool,
    /// How long a new item stayed hidden from a search by our key; `None`: it was never found.
    pub search_lag: Option<Duration>,
}

impl Default for Capabilities {
    /// Believes in everything that is documented.
    fn default() -> Self {
        Self {
            version: crate::soap::Version::NEWEST.name().into(),
            keeps_state: true,
            keeps_received: true,
            keeps_flag: true,
            keeps_verb: true,
            keeps_categories: true,
            keeps_key: true,
            keeps_mime: true,
            search_lag: Some(DEFAULT_LAG),
        }
    }
}

impl Capabilities {
    /// Believes in everything that is documented, but does not rely on a search that nobody has tried.
    #[must_use]
    pub fn untested() -> Self {
        Self { search_lag: None, ..Self::default() }
    }

    /// Gives what the engine may rely on.
    #[must_use]
    pub fn features(&self, request_limit: Duration) -> Features {
        Features {
            find_by_key: self.keeps_key && self.search_lag.is_some(),
            keeps_key: self.keeps_key,
            // Without our key only one writer at a time can tell its own items from those of others.
            parallel: self.keeps_key,
            stable_ids: true,
            max_message: (MAX_REQUEST - ENVELOPE) / 4 * 3,
            max_attachment: MAX_ATTACHMENT,
            max_batch_items: 20,
            max_batch_octets: 4 << 20,
            request_limit,
            search_lag: self.search_lag.unwrap_or(DEFAULT_LAG),
            not_kept: self.lost().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Names what does not work, for those who run the stack; empty when all does.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let ours = [(self.keeps_key, "our key"), (self.search_lag.is_some(), "search by our key")];
        self.lost().into_iter().chain(ours.into_iter().filter_map(|(kept, what)| (!kept).then_some(what))).collect()
    }

    /// Names what messages lose, for the protocol.
    fn lost(&self) -> Vec<&'static str> {
        [
            (self.keeps_state, "read state and the mark of a received message"),
            (self.keeps_received, "received date"),
            (self.keeps_flag, "follow-up flag"),
            (self.keeps_verb, "answered and forwarded marks"),
            (self.keeps_categories, "categories"),
        ]
        .into_iter()
        .filter_map(|(kept, what)| (!kept).then_some(what))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_most_octets_fits_into_the_largest_request() {
        let features = Capabilities::default().features(Duration::from_secs(60));
        let encoded = features.max_message.div_ceil(3) * 4;
        assert!(encoded + ENVELOPE <= MAX_REQUEST && encoded + ENVELOPE + 4 > MAX_REQUEST - 4);
    }

    #[test]
    fn without_a_search_folders_are_listed() {
        let capabilities = Capabilities { search_lag: None, ..Capabilities::default() };
        assert!(!capabilities.features(Duration::ZERO).find_by_key);
        assert_eq!(capabilities.missing(), ["search by our key"]);
    }
}

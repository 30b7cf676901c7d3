//! What stays on until it is changed; README.md of this folder says what each does.

use serde::Deserialize;

/// The settings of one mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds that every EWS request waits.
    pub latency_ms: u64,
    /// Up to so many milliseconds more.
    pub latency_jitter_ms: u64,
    /// Milliseconds per item.
    pub item_ms: u64,
    /// Age in milliseconds at which a `FindItem` with a Restriction sees an item.
    pub search_lag_ms: i64,
    /// The same for a `FindItem` without one.
    pub listing_lag_ms: i64,
    /// Probability that a row of `FindItem` is given twice.
    pub repeat_item_ids: f64,
    /// `MimeContent` comes back rebuilt.
    pub rewrite_mime: bool,
    /// Properties that are not kept.
    pub drop_properties: Vec<String>,
    /// Properties on which a Restriction finds nothing.
    pub unsearchable: Vec<String>,
    /// Highest schema level accepted.
    pub max_version: String,
    /// Answers come without soap:Header.
    pub no_headers: bool,
    /// HTTP status of faults.
    pub fault_status: u16,
    /// Octets of a request above which HTTP 413 is answered.
    pub max_request_bytes: usize,
    /// Octets of a decoded attachment from which on the item fails.
    pub max_attachment_bytes: usize,
    /// Octets of MIME above which the item fails.
    pub max_message_bytes: usize,
    /// Code of both failures.
    pub oversize_code: String,
    /// Requests at a time for one mailbox; 0 = no limit.
    pub max_connections: usize,
    /// 0x0E07 comes back with bit 0x10 when there are attachments.
    pub mime_attachment_flag: bool,
    /// Seed of all chances.
    pub seed: u64,
    /// Seconds until grants, revocations and roles work.
    pub permission_delay_s: f64,
    /// Seconds that an impersonation token lives.
    pub token_lifetime_s: i64,
    /// Probability of a management call ending in `ThrottlingException`.
    pub throttle_management: f64,
    /// Most rows of a List call.
    pub page_size_management: usize,
    /// Protocols that `GetAccessControlEffect` denies.
    pub deny_actions: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            latency_jitter_ms: 0,
            item_ms: 0,
            search_lag_ms: 0,
            listing_lag_ms: 0,
            repeat_item_ids: 0.0,
            rewrite_mime: false,
            drop_properties: Vec::new(),
            unsearchable: Vec::new(),
            max_version: "Exchange2010_SP2".to_owned(),
            no_headers: false,
            fault_status: 500,
            max_request_bytes: 41_943_040,
            max_attachment_bytes: 23_000_000,
            max_message_bytes: 41_943_040,
            oversize_code: "ErrorMessageSizeExceeded".to_owned(),
            max_connections: 0,
            mime_attachment_flag: true,
            seed: 1,
            permission_delay_s: 0.0,
            token_lifetime_s: 900,
            throttle_management: 0.0,
            page_size_management: 100,
            deny_actions: Vec::new(),
        }
    }
}

impl Settings {
    /// Says whether a property (canonical tag or element name) is not kept.
    pub fn drops(&self, property: &str) -> bool {
        names(&self.drop_properties, property)
    }

    /// Says whether a property cannot be searched.
    pub fn hides(&self, property: &str) -> bool {
        names(&self.unsearchable, property)
    }

    /// Gives the delay of permissions in milliseconds.
    pub fn permission_delay_ms(&self) -> i64 {
        let millis = (self.permission_delay_s * 1000.0).clamp(0.0, 1e12);
        std::time::Duration::try_from_secs_f64(millis / 1000.0).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0))
    }
}

/// A list names `PublicStrings/X-Key:String` also as `X-Key`, and `0x0E07:Integer` as `0x0e07`.
fn names(list: &[String], property: &str) -> bool {
    let without_type = property.rsplit_once(':').filter(|(_, t)| !t.is_empty()).map_or(property, |(p, _)| p);
    let last = without_type.rsplit('/').next().unwrap_or(without_type);
    list.iter().any(|n| [property, without_type, last].iter().any(|p| p.eq_ignore_ascii_case(n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_may_be_named_in_short() {
        let settings =
            Settings { drop_properties: vec!["X-Mailcrane-Key".into(), "0x0e07".into()], ..Settings::default() };
        assert!(settings.drops("PublicStrings/X-Mailcrane-Key:String"));
        assert!(settings.drops("0x0E07:Integer"));
        assert!(!settings.drops("0x0E06:SystemTime"));
        assert!(!settings.drops("IsRead"));
        assert!(!settings.hides("0x0E07:Integer"));
    }
}

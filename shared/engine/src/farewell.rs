//! AWS ends WorkMail: from that day on no migration into it begins.

use mailcrane_core::Timestamp;
use mailcrane_core::record::DestinationKind;

/// Says why a migration into this destination cannot begin then; nothing when it can.
#[must_use]
pub fn refusal(ends: Option<Timestamp>, destination: &DestinationKind, begins: Timestamp) -> Option<String> {
    let DestinationKind::Workmail { .. } = destination else { return None };
    let ends = ends.filter(|ends| begins >= *ends)?;
    Some(format!(
        "AWS ends WorkMail: no migration into it begins at {ends} or later (the stack's parameter WorkMailEndDate); \
         choose another destination or an earlier time"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::ports::source::{Endpoint, Security};
    use mailcrane_core::record::Access;
    use std::time::Duration;

    #[test]
    fn only_workmail_ends_and_only_from_its_last_day_on() {
        let ends = Timestamp::UNIX_EPOCH;
        let before = ends.checked_sub(Duration::from_secs(1)).unwrap();
        let workmail = DestinationKind::Workmail { access: Access::User };
        let endpoint =
            Endpoint { host: "imap.example.org".into(), port: 993, security: Security::Tls, fingerprint: None };
        assert_eq!(refusal(Some(ends), &workmail, before), None);
        assert!(refusal(Some(ends), &workmail, ends).unwrap().contains("1970-01-01T00:00:00Z"));
        assert_eq!(refusal(None, &workmail, ends), None);
        assert_eq!(refusal(Some(ends), &DestinationKind::Imap { endpoint }, ends), None);
    }
}

//! Times on the wire: UTC, whole seconds, `2010-01-31T08:09:10Z`.

use jiff::Timestamp;

/// 1601-01-01 and 9999-01-01 in seconds since 1970: what a mailbox can hold.
const RANGE: std::ops::Range<i64> = -11_644_473_600..253_370_764_800;

/// Writes a time, rounded down; `None` outside the years 1601 to 9998, which no mailbox can hold.
pub(super) fn write(time: Timestamp) -> Option<String> {
    let second = i64::try_from(time.as_nanosecond().div_euclid(1_000_000_000)).ok()?;
    let whole = Timestamp::from_second(second).ok()?;
    RANGE.contains(&second).then(|| whole.to_string())
}

/// Reads a time; one without zone is UTC, nonsense is `None`.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_off_and_come_back_whole() {
        let time: Timestamp = "1995-06-07T08:09:10.987Z".parse().expect("a time");
        assert_eq!(write(time).as_deref(), Some("1995-06-07T08:09:10Z"));
    }

    #[test]
    fn offsets_and_missing_zones_are_understood() {
        assert_eq!(read("2024-01-02T03:04:05+02:00"), read("2024-01-02T01:04:05Z"));
        assert_eq!(read("2024-01-02T03:04:05"), read("2024-01-02T03:04:05Z"));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn a_date_no_mailbox_can_hold_is_left_out() {
        assert_eq!(write("0001-01-01T00:00:00Z".parse().expect("a time")), None);
    }
}

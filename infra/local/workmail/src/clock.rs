//! Times: milliseconds since 1970 inside, whole seconds in UTC on the wire.

use std::time::{SystemTime, UNIX_EPOCH};

/// Gives the milliseconds since 1970 now.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Writes seconds since 1970 as `2026-11-23T12:00:00Z`.
pub fn seconds_text(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |t| t.to_string())
}

/// Writes milliseconds since 1970 as `2026-11-23T12:00:00.123Z`.
pub fn millis_text(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

/// Reads an `xs:dateTime` as seconds since 1970, fractions cut off; without an offset it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let stamp: Option<jiff::Timestamp> = text.parse().ok();
    stamp
        .or_else(|| format!("{text}Z").parse().ok())
        .filter(|_| text.contains('T'))
        .map(|t: jiff::Timestamp| t.as_millisecond().div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_survives_the_way_through_text() {
        for seconds in [-60_000_000_i64, 0, 800_000_000, 1_795_435_200] {
            assert_eq!(parse(&seconds_text(seconds)), Some(seconds));
        }
    }

    #[test]
    fn offsets_and_fractions_are_understood() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse("1970-01-01T00:00:00.999Z"), Some(0));
        assert_eq!(parse("1970-01-01T00:00:01"), Some(1));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("1970-01-01"), None);
    }
}

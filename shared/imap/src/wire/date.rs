//! INTERNALDATE: read tolerantly, written exactly.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads `" 1-Jul-1996 02:44:25 -0700"`; nothing when it is no date or no sensible one.
///
/// A blank or missing day digit and two-digit years are taken. Times up to the second day of 1970 stand for
/// "unknown" on many servers and are refused.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split_whitespace();
    let mut date = words.next()?.split('-');
    let day = date.next()?.parse().ok()?;
    let month_name = date.next()?;
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(month_name))?;
    let year: i16 = date.next()?.parse().ok()?;
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let mut clock = words.next()?.split(':');
    let hour = clock.next()?.parse().ok()?;
    let minute = clock.next()?.parse().ok()?;
    let second = clock.next().unwrap_or("0").parse::<i8>().ok()?.min(59);
    let date = Date::new(year, i8::try_from(month + 1).ok()?, day).ok()?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    let offset = zone(words.next().unwrap_or("+0000"))?;
    let stamp = TimeZone::fixed(offset).to_timestamp(DateTime::from_parts(date, time)).ok()?;
    (stamp.as_second() > 172_800).then_some(stamp)
}

fn zone(text: &str) -> Option<Offset> {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return Some(Offset::UTC) };
    let number: i32 = digits.parse().ok().filter(|number| (0..=9_999).contains(number))?;
    let seconds = (number / 100) * 3600 + (number % 100) * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

/// Writes a date-time for APPEND, in UTC.
#[must_use]
pub fn date_time(stamp: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(stamp);
    let (day, month, year) = (at.day(), month_name(at.month()), at.year());
    format!("\"{day:>2}-{month}-{year:04} {:02}:{:02}:{:02} +0000\"", at.hour(), at.minute(), at.second())
}

/// Writes a date for SEARCH, as in `1-Feb-1994`.
#[must_use]
pub fn date(day: Date) -> String {
    format!("{}-{}-{:04}", day.day(), month_name(day.month()), day.year())
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("Jan")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), expected);
    }

    #[test]
    fn dates_are_read_with_their_zone() {
        check("17-Jul-1996 02:44:25 -0700", "1996-07-17T09:44:25Z");
    }

    #[test]
    fn a_blank_day_digit_is_taken() {
        check(" 1-Jul-1996 02:44:25 +0000", "1996-07-01T02:44:25Z");
        check("1-jul-1996 02:44:25 +0530", "1996-06-30T21:14:25Z");
    }

    #[test]
    fn a_date_in_the_future_and_a_named_zone_are_taken() {
        check("01-Jan-2099 00:00:00 +0000", "2099-01-01T00:00:00Z");
        check("01-Jan-2020 00:00:60 GMT", "2020-01-01T00:00:59Z");
    }

    #[test]
    fn nineteen_seventy_and_nonsense_are_no_dates() {
        for text in [
            "01-Jan-1970 00:00:00 +0000",
            "",
            "NIL",
            "31-Feb-2020 00:00:00 +0000",
            "1-Foo-2020 0:0:0 +0",
            "\u{ff}",
            "01-Jan-2020 00:00:00 +99999999",
            "01-Jan-2020 00:00:00 --2147483648",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_date_is_read_back_to_the_second(second in 172_801i64..4_102_444_800) {
            let stamp = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(parse(date_time(stamp).trim_matches('"').as_bytes()), Some(stamp));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}

//! Dates of headers (RFC 5322 section 3.3), as tolerant as what is found in old mailboxes.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use mailcrane_core::Timestamp;

/// Nothing behind this many octets is looked at.
const LONGEST: usize = 512;

/// Named zones and their hours from UTC. Unknown names, the military letters among them, count as UTC
/// (RFC 5322 section 4.3).
const ZONES: [(&str, f32); 22] = [
    ("edt", -4.0),
    ("est", -5.0),
    ("cdt", -5.0),
    ("cst", -6.0),
    ("mdt", -6.0),
    ("mst", -7.0),
    ("pdt", -7.0),
    ("pst", -8.0),
    ("akdt", -8.0),
    ("akst", -9.0),
    ("hst", -10.0),
    ("bst", 1.0),
    ("wet", 0.0),
    ("west", 1.0),
    ("cet", 1.0),
    ("met", 1.0),
    ("mez", 1.0),
    ("cest", 2.0),
    ("mest", 2.0),
    ("mesz", 2.0),
    ("msk", 3.0),
    ("jst", 9.0),
];

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads the date behind the last semicolon, as in `Received`.
pub(crate) fn after_semicolon(value: &[u8]) -> Option<Timestamp> {
    let at = memchr::memrchr(b';', value)?;
    read(value.get(at..)?.strip_prefix(b";")?)
}

/// Reads a date: day before or after the month, years of 2 to 4 digits, comments, named and missing zones. A day
/// whose time cannot be read counts from midnight.
pub(crate) fn read(value: &[u8]) -> Option<Timestamp> {
    let text = without_comments(value.get(..LONGEST).unwrap_or(value));
    let mut parts = Parts::default();
    for word in text.split([' ', ',']).filter(|w| !w.is_empty()) {
        parts.take(word);
    }
    parts.timestamp()
}

/// Returns the text in small letters, with comments and line breaks as blanks.
fn without_comments(value: &[u8]) -> String {
    let mut depth = 0_u32;
    let mut escaped = false;
    let one = |octet: &u8| {
        let open = depth > 0;
        match octet {
            _ if escaped => escaped = false,
            b'\\' if open => escaped = true,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'!'..=b'~' if !open => return char::from(octet.to_ascii_lowercase()),
            _ => {}
        }
        ' '
    };
    value.iter().map(one).collect()
}

/// What was found so far.
#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<Time>,
    offset: Option<i32>,
    afternoon: Option<bool>,
}

impl Parts {
    fn take(&mut self, word: &str) {
        let first = word.chars().next().unwrap_or(' ');
        if word.contains(':') && first.is_ascii_digit() {
            self.clock(word);
        } else if self.time.is_some() && self.offset.is_none() && matches!(first, '+' | '-') {
            self.offset = numeric(word);
        } else if first.is_ascii_digit() {
            word.split(['-', '/', '.']).filter(|w| !w.is_empty()).for_each(|w| self.day_or_year(w));
        } else {
            self.name(word);
        }
    }

    /// Takes `hh:mm[:ss[.fraction]]`, perhaps with a zone behind it and an ISO date before it.
    fn clock(&mut self, word: &str) {
        if let Some((date, clock)) = word.split_once('t') {
            date.split('-').for_each(|w| self.day_or_year(w));
            return self.clock(clock);
        }
        let end = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(word.len());
        let (clock, zone) = word.split_at_checked(end).unwrap_or((word, ""));
        let mut numbers = clock.split(':').map(|n| n.split('.').next().unwrap_or(n).parse::<i8>().ok());
        let (hour, minute) = (numbers.next().flatten(), numbers.next().flatten());
        let second = numbers.next().unwrap_or(Some(0)).map(|s| if s == 60 { 59 } else { s });
        if let (Some(hour), Some(minute), Some(second)) = (hour, minute, second) {
            self.time = Time::new(hour, minute, second, 0).ok();
        }
        if !zone.is_empty() {
            self.take(zone);
        }
    }

    fn day_or_year(&mut self, word: &str) {
        if !word.chars().all(|c| c.is_ascii_digit()) {
            return self.name(word);
        }
        let Ok(number) = word.parse::<i16>() else { return };
        match word.len() {
            1 | 2 if self.day.is_none() => self.day = i8::try_from(number).ok(),
            1 | 2 if self.month.is_none() && self.year.is_some_and(|_| self.time.is_none()) => {
                // An ISO date: what was taken for the day is the month.
                self.month = self.day;
                self.day = i8::try_from(number).ok();
            }
            2 if self.year.is_none() => self.year = Some(if number < 50 { number + 2000 } else { number + 1900 }),
            3 if self.year.is_none() => self.year = number.checked_add(1900),
            4 if self.year.is_none() => self.year = Some(number),
            _ => {}
        }
    }

    fn name(&mut self, word: &str) {
        let month = word.get(..3).and_then(|w| MONTHS.iter().position(|m| *m == w));
        if let (None, Some(month)) = (self.month, month) {
            self.month = i8::try_from(month + 1).ok();
        } else if matches!(word, "am" | "pm") {
            self.afternoon = Some(word == "pm");
        } else if self.time.is_some() && self.offset.is_none() {
            // `gmt+0200` names its offset behind the zone.
            let name = word.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
            let rest = word.strip_prefix(name).unwrap_or_default();
            #[expect(clippy::cast_possible_truncation, reason = "a table of small constants")]
            let named = ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, hours)| (hours * 3600.0) as i32);
            self.offset = numeric(rest).or(named);
        }
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let year = self.year.filter(|y| (1900..=9999).contains(y))?;
        let date = Date::new(year, self.month?, self.day?).ok()?;
        let time = self.time.unwrap_or_else(Time::midnight);
        let hour = match (self.afternoon, time.hour()) {
            (Some(true), hour @ 1..=11) => hour + 12,
            (Some(false), 12) => 0,
            (_, hour) => hour,
        };
        let time = Time::new(hour, time.minute(), time.second(), 0).ok()?;
        let offset = Offset::from_seconds(self.offset.unwrap_or(0)).ok()?;
        offset.to_timestamp(DateTime::from_parts(date, time)).ok()
    }
}

/// Reads `+hhmm`, `+hh:mm`, `+hmm` or `+hh`; an offset that no place on earth has counts as UTC.
fn numeric(word: &str) -> Option<i32> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let number = digits.parse::<i32>().ok().filter(|n| (0..=9999).contains(n))?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    let sane = hours <= 14 && minutes < 60;
    Some(if sane { sign * (hours * 3600 + minutes * 60) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = read(text.as_bytes()).map(|t| t.to_string());
        assert_eq!(got.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn the_form_of_rfc_5322_is_read() {
        check(" Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06Z");
        check("Fri,\r\n 21 Nov 1997 09:55 +0530", "1997-11-21T04:25:00Z");
    }

    #[test]
    fn blank_days_short_years_comments_and_names_are_read() {
        check("Sat,  1 Jul 95 10:00:00 GMT", "1995-07-01T10:00:00Z");
        check("1 Jan 05 10:00:00 EST (Eastern (US) \\) time)", "2005-01-01T15:00:00Z");
        check("Mon, 3 Jan 103 10:00:00 CEST", "2003-01-03T08:00:00Z");
        check("(a) Tue(b), 4 (c) March 2014 (d) 01:02:03 (e)", "2014-03-04T01:02:03Z");
        check("Tue, 4 Mar 2014 01:02:03 GMT+0200", "2014-03-03T23:02:03Z");
        check("Tue, 4 Mar 2014 01:02:03 Z", "2014-03-04T01:02:03Z");
        check("Tue, 4 Mar 2014 01:02:03 \"PST\"", "2014-03-04T01:02:03Z");
        check("4 Mar 2014", "2014-03-04T00:00:00Z");
        check("Tue, 4 Mar 2014 23:59:60 +0000", "2014-03-04T23:59:59Z");
    }

    #[test]
    fn other_orders_are_read() {
        check("Tue Mar  4 13:02:03 2014", "2014-03-04T13:02:03Z");
        check("Tue Mar  4 13:02:03 PST 2014", "2014-03-04T21:02:03Z");
        check("04-Mar-2014 01:02:03 +0100", "2014-03-04T00:02:03Z");
        check("Mar 4, 2014 1:02:03 PM", "2014-03-04T13:02:03Z");
        check("2014-03-04T01:02:03.123+01:00", "2014-03-04T00:02:03Z");
        check("2014-03-04 01:02:03", "2014-03-04T01:02:03Z");
    }

    #[test]
    fn an_offset_that_no_place_has_counts_as_utc() {
        check("4 Mar 2014 01:02:03 +9900", "2014-03-04T01:02:03Z");
        check("4 Mar 2014 01:02:03 -0199", "2014-03-04T01:02:03Z");
    }

    #[test]
    fn a_day_with_an_unreadable_time_begins_at_midnight() {
        check("4 Mar 2014 25:00", "2014-03-04T00:00:00Z");
        check("4 Mar 2014 10:99:00 +0000", "2014-03-04T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "yesterday", "31 Feb 2014 00:00:00 +0000", "4 Mar", "0 Mar 2014", "99999", "4 Mar 0014"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_received_field_keeps_its_date_behind_the_last_semicolon() {
        let got = after_semicolon(b" from a; by b; Fri, 21 Nov 1997 09:55:06 -0600");
        assert_eq!(got, read(b"21 Nov 1997 15:55:06 +0000"));
        assert_eq!(after_semicolon(b" Fri, 21 Nov 1997 09:55:06 -0600"), None);
    }
}

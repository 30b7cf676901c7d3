//! Numbers, sizes and times as people read them.

use mailcrane_core::Timestamp;

/// Writes a number in groups of three digits.
pub(crate) fn number(number: u64, group: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    text
}

/// Writes octets with one digit behind the point.
pub(crate) fn octets(octets: u64, point: char) -> String {
    let mut scaled = octets.saturating_mul(10);
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if scaled < 10_000 {
            break;
        }
        scaled = scaled.div_euclid(1_000);
        unit = next;
    }
    if unit == "B" { format!("{octets} B") } else { format!("{}{point}{} {unit}", scaled / 10, scaled % 10) }
}

/// Writes a time to the minute, in UTC.
pub(crate) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Writes how long something took.
pub(crate) fn duration(from: Timestamp, to: Timestamp) -> String {
    let seconds = u64::try_from(to.duration_since(from).as_secs()).unwrap_or_default();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(7, ','), "7");
        assert_eq!(number(1_234_567, ','), "1,234,567");
        assert_eq!(number(999, '.'), "999");
        assert_eq!(number(1_000, '.'), "1.000");
    }

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        assert_eq!(octets(999, '.'), "999 B");
        assert_eq!(octets(1_500, '.'), "1.5 kB");
        assert_eq!(octets(23_450_000_000, ','), "23,4 GB");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time("2026-11-23T14:05:59+01:00".parse().unwrap()), "2026-11-23 13:05 UTC");
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(duration(at("2026-01-01T00:00:00Z"), at("2026-01-01T02:05:09Z")), "2 h 5 min");
    }
}

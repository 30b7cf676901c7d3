//! Octets of a file become text, and its delimiter is found.

/// Reads UTF-8, UTF-16 with a byte order mark, and else Windows-1252, which spreadsheets still write.
pub(super) fn text(octets: &[u8]) -> String {
    match octets {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(octets) {
            Ok(text) => text.strip_prefix('\u{FEFF}').unwrap_or(text).to_owned(),
            Err(_) => octets.iter().map(|octet| windows_1252(*octet)).collect(),
        },
    }
}

fn utf16(octets: &[u8], join: fn([u8; 2]) -> u16) -> String {
    let units = octets.as_chunks::<2>().0.iter().map(|pair| join(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn windows_1252(octet: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    let high = octet.checked_sub(0x80).and_then(|place| HIGH.get(usize::from(place)));
    high.copied().unwrap_or(char::from(octet))
}

/// Finds the delimiter: the one of comma, semicolon and tab that the first line has most of, outside of quotes.
pub(super) fn delimiter(text: &str) -> char {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut counts = [(',', 0), (';', 0), ('\t', 0)];
    let mut quoted = false;
    for c in line.chars() {
        quoted ^= c == '"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && c == *delimiter);
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0).map_or(',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_a_spreadsheet_is_read() {
        let expected = "jürgen@example.org";
        let units: Vec<u16> = expected.encode_utf16().collect();
        let little: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units.iter().flat_map(|u| u.to_le_bytes())).collect();
        let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(units.iter().flat_map(|u| u.to_be_bytes())).collect();
        let marked: Vec<u8> = [0xEF, 0xBB, 0xBF].into_iter().chain(expected.bytes()).collect();
        for octets in [little, big, marked, expected.as_bytes().to_vec(), b"j\xFCrgen@example.org".to_vec()] {
            assert_eq!(text(&octets), expected, "{octets:?}");
        }
    }

    #[test]
    fn the_delimiter_is_found_outside_of_quotes() {
        assert_eq!(delimiter("a;b;c\n"), ';');
        assert_eq!(delimiter("\na\tb\n"), '\t');
        assert_eq!(delimiter("\"a;b;c\",d"), ',');
        assert_eq!(delimiter("one"), ',');
    }
}

//! Modified UTF-7 (RFC 3501 section 5.1.3): folder names decoded to be shown, new names encoded.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes a wire name to be shown; what is no modified UTF-7 is shown as it is.
///
/// 8-bit bytes are read as UTF-8 and, where they are none, as Latin-1. The wire bytes remain the
/// name for every command: this text is never sent back.
#[must_use]
pub fn decode(wire: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(wire) else {
        return wire.iter().map(|&byte| char::from(byte)).collect();
    };
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        shown.push_str(before);
        let Some((shifted, tail)) = after.split_once('-') else {
            shown.push('&');
            rest = after;
            continue;
        };
        if shifted.is_empty() {
            shown.push('&');
            rest = tail;
        } else if let Some(decoded) = shift(shifted) {
            shown.push_str(&decoded);
            rest = tail;
        } else {
            shown.push('&');
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

/// Decodes one shifted part, `None` when it is no base64 of UTF-16.
fn shift(shifted: &str) -> Option<String> {
    let bytes = ENGINE.decode(shifted).ok()?;
    let mut pairs = bytes.chunks_exact(2);
    let units: Vec<u16> =
        pairs.by_ref().filter_map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_be_bytes)).collect();
    if units.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    String::from_utf16(&units).ok()
}

/// Encodes a name for a folder that is to be created.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut pending: Vec<u8> = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut pending, &mut wire);
            wire.push(character);
            if character == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                pending.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut pending, &mut wire);
    wire
}

fn flush(pending: &mut Vec<u8>, wire: &mut String) {
    if !pending.is_empty() {
        wire.push('&');
        wire.push_str(&ENGINE.encode(&*pending));
        wire.push('-');
        pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_names_are_decoded() {
        assert_eq!(decode(b"Entw&APw-rfe"), "Entw\u{fc}rfe");
        assert_eq!(decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"), "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}");
        assert_eq!(decode(b"Q&-A"), "Q&A");
        assert_eq!(decode(b"&2D3eAA-"), "\u{1f600}");
    }

    #[test]
    fn known_names_are_encoded() {
        assert_eq!(encode("Entw\u{fc}rfe"), "Entw&APw-rfe");
        assert_eq!(encode("Q&A"), "Q&-A");
        assert_eq!(encode("\u{1f600}"), "&2D3eAA-");
    }

    #[test]
    fn invalid_shifts_are_shown_as_they_are() {
        for wire in ["&AP-", "&!-", "&", "a&b", "&2D0-", "&APw"] {
            assert_eq!(decode(wire.as_bytes()), wire, "{wire}");
        }
    }

    #[test]
    fn raw_eight_bit_names_are_read_as_utf8_or_else_latin_1() {
        assert_eq!(decode("Entw\u{fc}rfe".as_bytes()), "Entw\u{fc}rfe");
        assert_eq!(decode(b"Entw\xfcrfe"), "Entw\u{fc}rfe");
    }

    proptest! {
        #[test]
        fn every_name_survives_encoding_and_decoding(name: String) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode(wire.as_bytes()), name);
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}

//! Folder names in modified UTF-7.

use mailcrane_imap::wire::quote;
use mailcrane_imap::wire::utf7::{decode, encode};

/// Any octets are shown; any shown name can be written and is read again as it was.
pub fn run(data: &[u8]) {
    let shown = decode(data);
    let wire = encode(&shown);
    assert!(wire.bytes().all(|octet| (0x20..0x7f).contains(&octet)), "{wire:?}");
    assert_eq!(decode(wire.as_bytes()), shown);
    let _ = quote::quote(&wire);
}

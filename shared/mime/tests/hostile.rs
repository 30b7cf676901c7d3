//! Whatever the octets are, facts come back, and soon.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

use mailcrane_mime::facts;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn mails() -> Vec<Vec<u8>> {
    let data = format!("{}/tests/data", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(data).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files.retain(|f| f.extension().is_some_and(|e| e == "eml"));
    files.iter().map(|f| std::fs::read(f).unwrap()).filter(|m| m.len() < 10_000).collect()
}

/// Octets that mails are made of, so that random texts get somewhere.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 24] = [
        "\r\n",
        "\n",
        "\r",
        " ",
        "\t",
        "--",
        "b",
        "--b\n",
        "--b--\n",
        "Content-Type: ",
        "multipart/mixed; boundary=b",
        "multipart/digest; boundary=\"b\\",
        "image/png; name=\"",
        "Content-Transfer-Encoding: base64\n",
        "Content-Disposition: attachment; filename*0=x",
        "Message-ID: <x>",
        "Date: 1 Jan 2000 00:00 +0",
        "(",
        ")",
        "\"",
        "\\",
        ";",
        "=3",
        "=",
    ];
    prop_oneof![
        proptest::sample::select(&PIECES[..]).prop_map(|p| p.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ]
}

/// What no message may contradict.
fn plausible(raw: &[u8]) {
    let facts = facts(raw);
    assert_eq!(facts.octets, raw.len() as u64);
    assert!(facts.largest_attachment <= raw.len() as u64);
    assert!(facts.message_id.is_none_or(|id| !id.is_empty() && !id.contains(char::is_whitespace)));
}

proptest! {
    #[test]
    fn arbitrary_octets_give_facts(raw in prop::collection::vec(any::<u8>(), 0..2_000)) {
        plausible(&raw);
    }

    #[test]
    fn arbitrary_fragments_of_mails_give_facts(raw in prop::collection::vec(fragment(), 0..80)) {
        plausible(&raw.concat());
    }

    #[test]
    fn mutated_mails_give_facts(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, fragment()), 1..20),
    ) {
        let mails = mails();
        let mut raw = which.get(&mails).clone();
        for (at, cut, with) in changes {
            let start = at.index(raw.len() + 1);
            let end = (start + cut).min(raw.len());
            raw.splice(start..end, with);
        }
        plausible(&raw);
    }

    #[test]
    fn an_attachment_counts_as_many_octets_as_were_encoded(
        octets in prop::collection::vec(any::<u8>(), 0..3_000), width in 1_usize..100,
    ) {
        let text = base64_of(&octets);
        let lines: Vec<&str> = text.as_bytes().chunks(width).map(|l| std::str::from_utf8(l).unwrap()).collect();
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n", lines.join("\r\n"));
        prop_assert_eq!(facts(mail.as_bytes()).largest_attachment, octets.len() as u64);
    }
}

fn base64_of(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits = three.iter().chain([0, 0].iter()).take(3).fold(0_usize, |n, b| (n << 8) | usize::from(*b));
        for i in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * i)) & 63];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Checks that a piece, repeated to 8 MB behind a beginning, is read in a few seconds; quadratic time takes hours.
fn soon(beginning: &str, piece: &str) {
    let raw = format!("{beginning}{}", piece.repeat((8 << 20) / piece.len()));
    let before = Instant::now();
    plausible(raw.as_bytes());
    assert!(before.elapsed() < Duration::from_secs(20), "{beginning}{piece}: {:?}", before.elapsed());
}

#[test]
fn hostile_mails_take_no_longer_than_others() {
    soon("", "a");
    soon("", "a: b\n");
    soon("Subject: ", "x\n ");
    soon("", "Message-ID: <a>\n");
    soon("Message-ID: ", "a ");
    soon("Date: ", "(");
    soon("Content-Type: ", "(");
    soon("Content-Type: a/b", "; boundary=\"");
    soon("", "Content-Type: multipart/mixed; boundary=b\n");
    soon("Content-Type: multipart/mixed; boundary=b\n\n", "--");
    soon("Content-Type: multipart/mixed; boundary=b\n\n", "--b\n");
    soon("Content-Type: multipart/mixed; boundary=b\n\n", "--b-\n--c\n");
    soon("Content-Type: multipart/mixed; boundary=b\n\n", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n");
    soon("Content-Type: x/y\nContent-Transfer-Encoding: quoted-printable\n\n", "=");
    soon("Content-Type: x/y\nContent-Transfer-Encoding: base64\n\n", "QUJD\n");
}

#[test]
fn ever_deeper_multiparts_take_no_longer_than_others() {
    let mut raw = String::new();
    for level in 0..200_000 {
        raw.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    soon(&raw, "--b999\n");
}

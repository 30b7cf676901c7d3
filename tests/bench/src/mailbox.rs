//! Reproducible mailboxes, written as Dovecot itself would have stored them.

use anyhow::{Context as _, Result};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The first received date.
const FIRST: u64 = 1_600_000_000;
/// What bodies are cut from; it does not compress.
const NOISE: usize = 1 << 20;
/// The characters of a line of base64.
const LINE: usize = 76;

/// A kind of mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The usual spread of sizes, 55 KB on average, in three folders.
    Ordinary,
    /// Very many messages of about 2.5 KB.
    Small,
    /// A few of 20 MB.
    Large,
    /// Twice as many, as small as messages get.
    Many,
}

/// The mailbox of a kind: folders, and the octets of each message.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) kind: Kind,
    pub(crate) folders: Vec<(&'static str, Vec<usize>)>,
}

impl Mailbox {
    /// Draws a mailbox; the same kind and the same divisor give the same mailbox for ever.
    pub(crate) fn draw(kind: Kind, divisor: usize) -> Self {
        let mut random = Rng::with_seed(0x6d61_696c);
        let folders = match kind {
            Kind::Ordinary => vec![("INBOX", 2_500), ("Sent", 1_000), ("Archive", 500)],
            Kind::Small => vec![("INBOX", 50_000)],
            Kind::Large => vec![("INBOX", 40)],
            Kind::Many => vec![("INBOX", 60_000), ("Archive", 40_000)],
        };
        let mut size = || match kind {
            Kind::Ordinary => spread(&mut random),
            Kind::Small => 1_500 + random.usize(0..2_000),
            Kind::Large => 20_000_000,
            Kind::Many => 800,
        };
        let folders = folders
            .into_iter()
            .map(|(name, count)| (name, (0..(count / divisor).max(1)).map(|_| size()).collect()))
            .collect();
        Self { kind, folders }
    }

    /// The user whose mailbox it is.
    pub(crate) fn user(&self) -> &'static str {
        match self.kind {
            Kind::Ordinary => "ordinary",
            Kind::Small => "small",
            Kind::Large => "large",
            Kind::Many => "many",
        }
    }

    pub(crate) fn messages(&self) -> usize {
        self.folders.iter().map(|(_, sizes)| sizes.len()).sum()
    }

    /// Returns the number and the octets of the messages.
    pub(crate) fn octets(&self) -> usize {
        self.folders.iter().flat_map(|(_, sizes)| sizes).sum()
    }

    /// Writes the Maildir.
    pub(crate) fn write(&self, maildir: &Path) -> Result<()> {
        let mut random = Rng::with_seed(0x6e6f_6973);
        let noise: Vec<u8> = base64_noise(&mut random);
        let mut number = 0;
        for (folder, sizes) in &self.folders {
            let path = if *folder == "INBOX" { maildir.to_owned() } else { maildir.join(format!(".{folder}")) };
            for part in ["cur", "new", "tmp"] {
                fs::create_dir_all(path.join(part))?;
            }
            for octets in sizes {
                number += 1;
                let text = message(self.user(), number, *octets, &noise);
                let lines = text.iter().filter(|octet| **octet == b'\n').count();
                let name =
                    format!("{}.M{number}P1.bench,S={},W={}:2,S", FIRST + number, text.len(), text.len() + lines);
                let mut file = File::create(path.join("cur").join(name)).context("writing a message")?;
                file.write_all(&text)?;
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST + number * 60))?;
            }
        }
        Ok(())
    }
}

/// A size by the usual spread: half of the messages below 13 KB, 55 KB on average, some of many MB.
fn spread(random: &mut Rng) -> usize {
    let normal: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let octets = (9.49 + normal * 1.75).exp();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a message may have")]
    let octets = octets.clamp(1_200.0, 8_000_000.0) as usize;
    octets
}

fn base64_noise(random: &mut Rng) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..NOISE).map(|_| ALPHABET[random.usize(0..64)]).collect()
}

/// A message as it lies in a Maildir: lines end in LF.
fn message(user: &str, number: u64, octets: usize, noise: &[u8]) -> Vec<u8> {
    let mut head = String::with_capacity(900);
    let id = format!("{number}.{user}@bench.example.org");
    let _ = write!(
        head,
        "Return-Path: <sender{number}@example.com>\n\
         Received: from mx.example.com (mx.example.com [192.0.2.{}])\n\tby mail.example.org with ESMTPS id {number};\n\t\
         Sun, 13 Sep 2020 12:26:40 +0000\n\
         From: Sender {number} <sender{number}@example.com>\nTo: {user}@example.org\n\
         Subject: Message {number} about things that were agreed on\nMessage-ID: <{id}>\n\
         Date: Sun, 13 Sep 2020 12:26:40 +0000\nMIME-Version: 1.0\n",
        number % 250
    );
    let attached = octets > 16_000;
    if attached {
        head.push_str("Content-Type: multipart/mixed; boundary=\"bench\"\n\n--bench\n");
        head.push_str("Content-Type: text/plain; charset=utf-8\n\nSee the attachment, please.\n\n--bench\n");
        head.push_str("Content-Type: application/octet-stream; name=\"report.bin\"\n");
        head.push_str(
            "Content-Disposition: attachment; filename=\"report.bin\"\nContent-Transfer-Encoding: base64\n\n",
        );
    } else {
        head.push_str("Content-Type: text/plain; charset=utf-8\n\n");
    }
    let mut text = head.into_bytes();
    text.reserve(octets);
    let mut at = usize::try_from(number * 7_919 % 1_000_000).unwrap_or_default();
    while text.len() < octets {
        text.extend_from_slice(&noise[at..at + LINE]);
        text.push(b'\n');
        at = (at + LINE) % (NOISE - LINE);
    }
    if attached {
        text.extend_from_slice(b"\n--bench--\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_mailbox_has_4000_messages_of_55_kb() {
        let mailbox = Mailbox::draw(Kind::Ordinary, 1);
        assert_eq!(mailbox.messages(), 4_000);
        let average = mailbox.octets() / mailbox.messages();
        assert!((50_000..60_000).contains(&average), "{average}");
        assert_eq!(Mailbox::draw(Kind::Ordinary, 1).folders, mailbox.folders);
    }
}

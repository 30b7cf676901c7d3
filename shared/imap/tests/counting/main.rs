//! An analysis costs the memory of one listing, however many messages a folder has. A process of its own, whose highest
//! memory is measured.
//!
//! It counts 200,000 messages and then 2,000,000, which takes a debug build five seconds.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

#[allow(dead_code, reason = "the server of the passes; this uses its part of it")]
#[path = "../passes/server.rs"]
mod server;
#[allow(dead_code, reason = "the stage of the passes; this uses its part of it")]
#[path = "../passes/stage.rs"]
mod stage;

use mailcrane_core::ports::source::Endpoint;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{Dial, Failure};
use stage::Stage;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// What an analysis may hold besides what the process holds anyway.
const LIMIT: u64 = 48 << 20;
/// By how much ten times as many messages may differ.
const DIFFERENCE: u64 = 8 << 20;
/// What every message of the folder announces.
const SIZE: u64 = 70_001;

/// A server whose INBOX has that many messages.
struct Filler(u32);

impl Dial for Filler {
    fn dial<'a>(&'a self, _: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve(self.0, theirs));
            let wire: Wire = Box::new(ours);
            Ok(wire)
        })
    }
}

async fn serve(messages: u32, stream: DuplexStream) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").await.ok()?;
    let mut line = String::new();
    while stream.read_line(&mut line).await.ok()? > 0 {
        let mut words = line.split_ascii_whitespace();
        let (tag, verb) = (words.next()?.to_owned(), words.next()?.to_owned());
        let out = stream.get_mut();
        match verb.as_str() {
            "LIST" => out.write_all(b"* LIST () \"/\" INBOX\r\n").await.ok()?,
            "EXAMINE" => {
                let next = messages + 1;
                let opened = format!("* {messages} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {next}] x\r\n");
                out.write_all(opened.as_bytes()).await.ok()?;
            }
            "UID" if line.contains("RFC822.SIZE") => list(words.nth(1)?, out).await?,
            _ => {}
        }
        out.write_all(format!("{tag} OK [CAPABILITY IMAP4rev1] done\r\n").as_bytes()).await.ok()?;
        line.clear();
    }
    Some(())
}

/// Lists a range, with flags and dates as long as they are in life.
async fn list(range: &str, out: &mut DuplexStream) -> Option<()> {
    let (first, last) = range.split_once(':')?;
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let mut text = String::new();
    for uid in first..=last {
        let flags = ["\\Seen", "", "\\Answered \\Seen $Forwarded", "\\Seen NonJunk"][uid as usize % 4];
        let date = "17-Jul-1996 02:44:25 -0700";
        write!(text, "* {uid} FETCH (UID {uid} FLAGS ({flags}) INTERNALDATE \"{date}\" RFC822.SIZE {SIZE})\r\n")
            .ok()?;
        if text.len() > 32_000 || uid == last {
            out.write_all(text.as_bytes()).await.ok()?;
            text.clear();
        }
    }
    Some(())
}

/// The highest memory that this process ever held, in octets.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Analyzes a folder of that many messages; returns the highest memory that the process held until then.
async fn counted(messages: u32) -> u64 {
    let mut stage = Stage::dialling(Arc::new(Filler(messages))).await;
    let found = stage.analyze().await;
    assert_eq!((found.messages, found.bytes), (u64::from(messages), u64::from(messages) * SIZE));
    assert!(found.complete);
    peak()
}

#[tokio::test(start_paused = true)]
async fn two_million_messages_are_analyzed_within_48_mb_that_do_not_grow_with_them() {
    counted(10).await;
    let idle = peak();
    let some = counted(200_000).await;
    let many = counted(2_000_000).await;
    println!("idle {idle}, for 200,000 {} more, for 2,000,000 {} more", some - idle, many - idle);
    assert!(many - idle < LIMIT, "it cost {} octets", many - idle);
    assert!(many - some < DIFFERENCE, "ten times as many messages cost {} octets more", many - some);
}

//! The limits: everything read and thrown away, everything written out of memory, nothing waited for.

use crate::dovecot::PASSWORD;
use crate::mailbox::Mailbox;
use crate::measure::Meter;
use crate::work::{Report, Work};
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The most messages, and octets, of one request: those of Mailcrane.
const BATCH: (usize, usize) = (20, 4 << 20);

/// A signed-in IMAP connection.
struct Connection {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Connection {
    async fn open(port: u16, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        let mut connection = Self { from: BufReader::with_capacity(256 << 10, from), to };
        connection.to.write_all(format!("l LOGIN {user} {PASSWORD}\r\n").as_bytes()).await?;
        connection.until("l").await?;
        Ok(connection)
    }

    /// Reads up to the end of a command; gives how many literals there were and their octets.
    async fn until(&mut self, tag: &str) -> Result<(usize, u64)> {
        let (mut literals, mut octets, mut line) = (0, 0, Vec::new());
        loop {
            line.clear();
            ensure!(self.from.read_until(b'\n', &mut line).await? > 0, "the server hung up");
            let text = line.trim_ascii_end();
            if let Some(length) = literal(text) {
                skip(&mut self.from, length).await?;
                (literals, octets) = (literals + 1, octets + length);
            } else if let Some(end) = text.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")) {
                ensure!(end.starts_with(b"OK"), "{tag}: {}", String::from_utf8_lossy(end));
                return Ok((literals, octets));
            }
        }
    }
}

fn literal(line: &[u8]) -> Option<u64> {
    let inside = line.strip_suffix(b"}")?;
    let at = inside.iter().rposition(|octet| *octet == b'{')?;
    std::str::from_utf8(&inside[at + 1..]).ok()?.parse().ok()
}

async fn skip(from: &mut BufReader<OwnedReadHalf>, mut length: u64) -> Result<()> {
    while length > 0 {
        let there = from.fill_buf().await?.len();
        ensure!(there > 0, "the server hung up");
        let taken = usize::try_from(length.min(there as u64))?;
        from.consume(taken);
        length -= taken as u64;
    }
    Ok(())
}

/// Fetches everything over as many connections as Mailcrane has, all commands sent at once.
pub(super) async fn fetch(work: &Work) -> Result<Report> {
    let mailbox = Mailbox::draw(work.kind, work.divisor);
    let lanes = usize::from(work.lanes);
    let meter = Meter::start();
    let one = |lane: usize| {
        let mailbox = &mailbox;
        async move {
            let mut connection = Connection::open(work.source, mailbox.user()).await?;
            let mut commands = String::new();
            for (number, (folder, sizes)) in mailbox.folders.iter().enumerate() {
                let share = share(sizes.len(), lane, lanes);
                if !share.is_empty() {
                    let (first, last) = (share.start + 1, share.end);
                    let items = "(UID FLAGS INTERNALDATE BODY.PEEK[])";
                    write!(commands, "e{number} EXAMINE {folder}\r\nf{number} FETCH {first}:{last} {items}\r\n")?;
                }
            }
            connection.to.write_all(format!("{commands}x NOOP\r\n").as_bytes()).await?;
            connection.until("x").await
        }
    };
    let read = try_join_all((0..lanes).map(one)).await?;
    let messages: usize = read.iter().map(|(messages, _)| messages).sum();
    ensure!(messages == mailbox.messages(), "{messages} messages were read");
    Ok(meter.stop())
}

fn share(count: usize, lane: usize, lanes: usize) -> Range<usize> {
    count * lane / lanes..count * (lane + 1) / lanes
}

/// Reads every message of the mailbox into memory, lines ending as on the wire.
fn load(work: &Work) -> Result<Vec<Vec<u8>>> {
    let mailbox = Mailbox::draw(work.kind, work.divisor);
    let scratch = Path::new(&work.scratch).join("loaded");
    mailbox.write(&scratch)?;
    let mut messages = Vec::new();
    for (folder, _) in &mailbox.folders {
        let path = if *folder == "INBOX" { scratch.clone() } else { scratch.join(format!(".{folder}")) };
        for entry in std::fs::read_dir(path.join("cur"))? {
            let text = std::fs::read(entry?.path())?;
            let mut wire = Vec::with_capacity(text.len() + text.len() / 64);
            for line in text.split_inclusive(|octet| *octet == b'\n') {
                wire.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                wire.extend_from_slice(b"\r\n");
            }
            messages.push(wire);
        }
    }
    std::fs::remove_dir_all(&scratch)?;
    Ok(messages)
}

/// Cuts messages into requests.
fn batches(messages: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let (mut batches, mut octets): (Vec<Vec<Vec<u8>>>, usize) = (Vec::new(), 0);
    for message in messages {
        octets += message.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH.0 && octets <= BATCH.1 => batch.push(message),
            _ => {
                octets = message.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

/// Appends everything over as many connections as Mailcrane has; answers are read and not waited for.
pub(super) async fn write_imap(work: &Work) -> Result<Report> {
    let batches = batches(load(work)?);
    let lanes = usize::from(work.lanes);
    let meter = Meter::start();
    let one = |lane: usize| {
        let batches = &batches[share(batches.len(), lane, lanes)];
        async move {
            let user = work.to.first().context("no mailbox")?;
            let Connection { mut from, mut to } = Connection::open(work.destination, user).await?;
            let write = async {
                for batch in batches {
                    to.write_all(b"a APPEND INBOX").await?;
                    for message in batch {
                        let head = format!(" (\\Seen) \"13-Sep-2020 12:26:40 +0000\" {{{}+}}\r\n", message.len());
                        to.write_all(head.as_bytes()).await?;
                        to.write_all(message).await?;
                    }
                    to.write_all(b"\r\n").await?;
                }
                anyhow::Ok(())
            };
            let read = async {
                let mut line = String::new();
                let mut answers = 0;
                while answers < batches.len() {
                    line.clear();
                    ensure!(from.read_line(&mut line).await? > 0, "the server hung up");
                    ensure!(!line.starts_with("a NO") && !line.starts_with("a BAD"), "{line}");
                    answers += usize::from(line.starts_with("a OK"));
                }
                Ok(())
            };
            tokio::try_join!(write, read).map(|_| ())
        }
    };
    try_join_all((0..lanes).map(one)).await?;
    Ok(meter.stop())
}

/// Sends everything to `WorkMail` in prepared requests, into every mailbox, as many in flight as Mailcrane is allowed.
pub(super) async fn write_work_mail(work: &Work) -> Result<Report> {
    let bodies: Vec<Bytes> = batches(load(work)?).iter().map(|batch| create_items(batch).into()).collect();
    let authorizations = work.to.iter().map(|user| format!("Basic {}", STANDARD.encode(format!("{user}:{PASSWORD}"))));
    let authorizations: Vec<String> = authorizations.collect();
    let requests = bodies.iter().flat_map(|body| authorizations.iter().map(|who| (who, body.clone())));
    let url = format!("http://127.0.0.1:{}/EWS/Exchange.asmx", work.destination);
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let meter = Meter::start();
    let one = |(who, body): (&String, Bytes)| {
        let request = client.post(&url).header("authorization", who);
        let request = request.header("content-type", "text/xml; charset=utf-8").body(body);
        async move {
            let answer = request.send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            if !status.is_success() || text.contains("ResponseClass=\"Error\"") {
                bail!("{status}: {text}");
            }
            Ok(())
        }
    };
    let in_flight = usize::from(work.lanes) * work.requests * work.to.len();
    futures_util::stream::iter(requests).map(one).buffer_unordered(in_flight).try_collect::<()>().await?;
    Ok(meter.stop())
}

/// A request that stores messages into the inbox with their date and state.
fn create_items(batch: &[Vec<u8>]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><soap:Header>\
         <t:RequestServerVersion Version=\"Exchange2010_SP2\"/></soap:Header><soap:Body>\
         <m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId><t:DistinguishedFolderId Id=\"inbox\"/>\
         </m:SavedItemFolderId><m:Items>",
    );
    for message in batch {
        xml.push_str("<t:Message><t:MimeContent>");
        STANDARD.encode_string(message, &mut xml);
        xml.push_str("</t:MimeContent><t:ItemClass>IPM.Note</t:ItemClass>");
        for (tag, kind, value) in [("0x0e07", "Integer", "1"), ("0x0e06", "SystemTime", "2020-09-13T12:26:40Z")] {
            let _ = write!(
                xml,
                "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"{tag}\" PropertyType=\"{kind}\"/>\
                 <t:Value>{value}</t:Value></t:ExtendedProperty>"
            );
        }
        xml.push_str("<t:IsRead>true</t:IsRead></t:Message>");
    }
    xml.push_str("</m:Items></m:CreateItem></soap:Body></soap:Envelope>");
    xml
}

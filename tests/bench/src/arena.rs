//! Where contestants meet: a source, both destinations, and links of some length to them.

use crate::dovecot::Dovecot;
use crate::mailbox::Mailbox;
use crate::measure;
use crate::relay::Relay;
use crate::work::{Contestant, Report, Work};
use crate::work_mail::WorkMail;
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The servers and their files; all of it goes away with the value.
pub(crate) struct Arena {
    dir: PathBuf,
    source: Dovecot,
    imap: Dovecot,
    work_mail: WorkMail,
    born: u32,
}

/// CPU seconds of those who serve a contestant.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Cpu {
    pub(crate) source: f64,
    pub(crate) destination: f64,
    /// The links to both.
    pub(crate) links: f64,
}

/// One run of a contestant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) contestant: Contestant,
    pub(crate) kind: crate::mailbox::Kind,
    pub(crate) round_trip_ms: u64,
    pub(crate) accounts: usize,
    pub(crate) lanes: u16,
    /// Messages of somebody else that lay in the Inbox of the destination before.
    pub(crate) foreign: usize,
    /// Messages that lay at the destination afterwards (read, for a bare fetch).
    pub(crate) messages: usize,
    pub(crate) octets: usize,
    /// How often a client waited for an answer, at both ends.
    pub(crate) round_trips: u64,
    /// How much of the machine's CPU was busy, from 0 to 1.
    pub(crate) busy: f64,
    /// How much of it was busy with this bench.
    #[serde(default)]
    pub(crate) own: f64,
    /// CPU seconds of the others that took part.
    #[serde(default)]
    pub(crate) cpu: Cpu,
    pub(crate) report: Report,
}

impl Run {
    #[expect(clippy::cast_precision_loss, reason = "messages are few enough")]
    pub(crate) fn rate(&self) -> f64 {
        self.messages as f64 / self.report.seconds.max(0.001)
    }
}

/// What a run is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bout<'a> {
    pub(crate) contestant: Contestant,
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) divisor: usize,
    pub(crate) round_trip: Duration,
    pub(crate) accounts: usize,
    pub(crate) lanes: u16,
    pub(crate) requests: usize,
    pub(crate) chunk_seconds: u64,
    pub(crate) foreign: usize,
    pub(crate) delta: bool,
}

impl Bout<'_> {
    /// Tells what it is, as `mbsync ordinary 30 ms`.
    pub(crate) fn title(&self) -> String {
        let (name, user) = (self.contestant.name(), self.mailbox.user());
        format!("{name} {user} {} ms", self.round_trip.as_millis())
    }
}

impl Arena {
    /// Starts the servers and fills the source.
    pub(crate) async fn open(mailboxes: &[&Mailbox]) -> Result<Self> {
        // In memory where that is possible: what a disk that is shared with others does meanwhile is no figure of ours.
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let dir = base.join(format!("mailcrane-bench-{}", std::process::id()));
        let part = |name: &str| -> Result<PathBuf> {
            let path = dir.join(name);
            fs::create_dir_all(&path)?;
            Ok(path)
        };
        let source = Dovecot::start(&part("source")?, "maildir:~/Maildir")?;
        // What costs this server least: with Maildir connections that write into one folder wait for its lock file, with
        // sdbox each message is a file. Every contestant writes into the same.
        let imap = Dovecot::start(&part("imap")?, "mdbox:~/mdbox")?;
        let work_mail = WorkMail::start(&part("workmail")?).await?;
        for mailbox in mailboxes {
            mailbox.write(&source.maildir(mailbox.user()))?;
            source.own(mailbox.user())?;
        }
        let arena = Self { dir, source, imap, work_mail, born: 0 };
        Ok(arena)
    }

    /// CPU seconds so far: of the source, of the destination and of everybody.
    fn spent(&self, to_work_mail: bool) -> [f64; 3] {
        let destination = if to_work_mail { self.work_mail.pid() } else { self.imap.pid() };
        [measure::tree(self.source.pid()), measure::tree(destination), measure::tree(std::process::id())]
    }

    /// Lets a contestant do its work and looks at the result.
    pub(crate) async fn run(&mut self, bout: Bout<'_>) -> Result<Run> {
        let Bout { contestant, mailbox, .. } = bout;
        let to_work_mail = contestant.writes_work_mail();
        let mut to = Vec::new();
        for _ in 0..bout.accounts {
            self.born += 1;
            let name = format!("to{}", self.born);
            if to_work_mail {
                let email = format!("{name}@example.org");
                self.work_mail.mailbox(&email).await?;
                if bout.foreign > 0 {
                    self.work_mail.fill(&email, bout.foreign).await?;
                }
                to.push(email);
            } else {
                to.push(name);
            }
        }
        let destination = if to_work_mail { self.work_mail.address } else { self.imap.address };
        let source = Relay::bind(self.source.address, bout.round_trip).await?;
        let destination = Relay::bind(destination, bout.round_trip).await?;
        let scratch = self.dir.join(format!("scratch{}", self.born));
        fs::create_dir_all(&scratch)?;
        let work = Work {
            contestant,
            kind: mailbox.kind,
            divisor: bout.divisor,
            source: source.address()?.port(),
            destination: destination.address()?.port(),
            to: to.clone(),
            lanes: bout.lanes,
            requests: bout.requests,
            chunk_seconds: bout.chunk_seconds,
            delta: bout.delta,
            scratch: scratch.to_string_lossy().into_owned(),
        };
        let turns = [source.turns(), destination.turns()];
        let relays = [tokio::spawn(source.run()), tokio::spawn(destination.run())];
        let (before, spent) = (measure::machine(), self.spent(to_work_mail));
        let report = apart(&work).await;
        let (after, now) = (measure::machine(), self.spent(to_work_mail));
        relays.iter().for_each(tokio::task::JoinHandle::abort);
        let report = report.with_context(|| bout.title())?;
        let mut messages = 0;
        for name in &to {
            let count = match contestant {
                Contestant::BareFetch => mailbox.messages(),
                _ if to_work_mail => self.work_mail.count(name).await?.saturating_sub(bout.foreign),
                _ => self.imap.count(name)?,
            };
            ensure!(
                count == mailbox.messages(),
                "{}: {count} of {} messages are there",
                contestant.name(),
                mailbox.messages()
            );
            messages += count;
            if to_work_mail {
                self.work_mail.forget(name).await?;
            } else {
                self.imap.forget(name);
            }
        }
        let _ = fs::remove_dir_all(&scratch);
        let [source, destination, whole] = [0, 1, 2].map(|part| now[part] - spent[part]);
        // The links are what is left of this process and its children: neither a server nor the contestant.
        let links = (whole - source - destination - report.whole_cpu).max(0.0);
        let cpu = Cpu { source, destination, links };
        Ok(Run {
            contestant,
            kind: mailbox.kind,
            round_trip_ms: u64::try_from(bout.round_trip.as_millis())?,
            accounts: bout.accounts,
            lanes: bout.lanes,
            foreign: bout.foreign,
            messages,
            octets: mailbox.octets() * bout.accounts,
            round_trips: turns.iter().map(|turns| turns.load(Ordering::Relaxed)).sum(),
            busy: (after.0 - before.0) / (after.1 - before.1).max(0.01),
            own: (cpu.source + cpu.destination + cpu.links + report.cpu) / (after.1 - before.1).max(0.01),
            cpu,
            report,
        })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs a contestant in a process of its own.
async fn apart(work: &Work) -> Result<Report> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg("contestant").arg(serde_json::to_string(work)?).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.stdout(Stdio::piped()).spawn()?.wait_with_output().await?;
    ensure!(output.status.success(), "it failed: {}", String::from_utf8_lossy(&output.stdout));
    Ok(serde_json::from_slice(&output.stdout)?)
}

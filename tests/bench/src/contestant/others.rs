//! What people use today, run as they run it, without TLS as everybody here.

use crate::dovecot::PASSWORD;
use crate::mailbox::Mailbox;
use crate::measure::{self, Meter};
use crate::work::{Report, Work};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// mbsync: everything of the source into an empty mailbox, dates kept, no waiting for the disk.
pub(super) async fn mbsync(work: &Work) -> Result<Report> {
    let user = Mailbox::draw(work.kind, work.divisor).user();
    let (scratch, to) = (Path::new(&work.scratch), work.to.first().context("no mailbox")?);
    let state = scratch.join("mbsync-state");
    std::fs::create_dir_all(&state)?;
    let account = |name: &str, port: u16, user: &str| {
        format!(
            "IMAPAccount {name}\nHost 127.0.0.1\nPort {port}\nUser {user}\nPass {PASSWORD}\nSSLType None\n\
             AuthMechs LOGIN\nTimeout 300\n\nIMAPStore {name}\nAccount {name}\n\n"
        )
    };
    let configuration = format!(
        "FSync no\n\n{}{}Channel all\nFar :from:\nNear :to:\nPatterns *\nSync Pull\nCreate Near\nExpunge None\n\
         CopyArrivalDate yes\nSyncState {}/\n",
        account("from", work.source, user),
        account("to", work.destination, to),
        state.display()
    );
    let file = scratch.join("mbsyncrc");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new("mbsync");
    command.arg("-q").arg("-c").arg(&file).arg("-a");
    watch(command).await.context("mbsync; `apt-get install isync` installs it")
}

/// imapsync with its defaults, but for what it would leave behind or ask the network.
pub(super) async fn imapsync(work: &Work) -> Result<Report> {
    let user = Mailbox::draw(work.kind, work.divisor).user();
    let to = work.to.first().context("no mailbox")?;
    let (from_port, to_port) = (work.source.to_string(), work.destination.to_string());
    let mut command = Command::new("imapsync");
    command.args(["--host1", "127.0.0.1", "--port1", &from_port, "--user1", user, "--password1", PASSWORD]);
    command.args(["--host2", "127.0.0.1", "--port2", &to_port, "--user2", to, "--password2", PASSWORD]);
    command.args(["--nossl1", "--nossl2", "--notls1", "--notls2", "--nolog", "--noreleasecheck"]);
    command.args(["--tmpdir", &work.scratch]);
    watch(command).await
}

/// Runs a program to its end and measures it.
async fn watch(mut command: Command) -> Result<Report> {
    let meter = Meter::start();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = child.id().map(|id| id.to_string()).unwrap_or_default();
    let mut peak = 0;
    let status = loop {
        peak = measure::peak(&pid).unwrap_or(0).max(peak);
        match tokio::time::timeout(Duration::from_millis(20), child.wait()).await {
            Ok(status) => break status?,
            Err(_running) => {}
        }
    };
    ensure!(status.success(), "it ended with {status}");
    Ok(Report { peak, ..meter.stop() })
}

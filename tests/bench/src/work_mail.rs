//! The WorkMail stand-in as a process of its own.

use crate::dovecot::PASSWORD;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running stand-in; it ends with the value.
pub(crate) struct WorkMail {
    child: Child,
    pub(crate) address: SocketAddr,
    http: reqwest::Client,
}

impl WorkMail {
    /// Starts it with its data in `dir`; each request takes 5 ms and 1 ms for each item.
    pub(crate) async fn start(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut command = Command::new(binary()?);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(dir);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("workmail ready http://").and_then(|address| address.parse().ok());
        let address = address.context("the WorkMail stand-in does not start")?;
        let server = Self { child, address, http: reqwest::Client::builder().no_proxy().build()? };
        server.call(reqwest::Method::PUT, "knobs/all", Some(&json!({"latency_ms": 5, "item_ms": 1}))).await?;
        Ok(server)
    }

    /// The process that serves.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes a mailbox.
    pub(crate) async fn mailbox(&self, email: &str) -> Result<()> {
        let seed = json!({"users": [{"email": email, "password": PASSWORD}]});
        self.call(reqwest::Method::POST, "seed", Some(&seed)).await.map(|_| ())
    }

    /// Puts that many messages of somebody else into the Inbox.
    pub(crate) async fn fill(&self, email: &str, messages: usize) -> Result<()> {
        let fill = json!({"folder": "Inbox", "count": messages, "bytes": 400});
        self.call(reqwest::Method::POST, &format!("mailboxes/{email}/fill"), Some(&fill)).await.map(|_| ())
    }

    /// Counts what lies in a mailbox.
    pub(crate) async fn count(&self, email: &str) -> Result<usize> {
        let mailboxes = self.call(reqwest::Method::GET, "mailboxes", None).await?;
        let mine = mailboxes.as_array().into_iter().flatten().find(|mailbox| mailbox["mailbox"] == email);
        let items = mine.and_then(|mailbox| mailbox["items"].as_u64()).context("the mailbox is not listed")?;
        Ok(usize::try_from(items)?)
    }

    /// Empties a mailbox.
    pub(crate) async fn forget(&self, email: &str) -> Result<()> {
        self.call(reqwest::Method::DELETE, &format!("mailboxes/{email}"), None).await?;
        self.call(reqwest::Method::DELETE, "log", None).await.map(|_| ())
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.http.request(method, format!("http://{}/_workmail/{path}", self.address));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?.error_for_status().with_context(|| path.to_owned())?;
        Ok(answer.json().await.unwrap_or(Value::Null))
    }
}

impl Drop for WorkMail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The stand-in's binary: `WORKMAIL_BIN`, else the one beside ours.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WORKMAIL_BIN") {
        return Ok(path.into());
    }
    let mut path = std::env::current_exe()?;
    path.set_file_name("workmail");
    if !path.exists() && path.pop() {
        path.set_file_name("workmail");
    }
    anyhow::ensure!(path.exists(), "the WorkMail stand-in is missing: build it with `cargo build --bin workmail`");
    Ok(path)
}

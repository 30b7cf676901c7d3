//! How soon a function asks for its first event, and how large it is.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The functions.
const FUNCTIONS: [&str; 7] = ["submit", "status", "check", "analyze", "migrate-chunk", "notify", "sweep"];
/// How often a function is started; the median counts.
const STARTS: usize = 7;

/// A function's binary.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    pub(crate) function: String,
    pub(crate) megabytes: f64,
    /// Its size as zip would store it.
    pub(crate) deflated: f64,
    /// From the start of the process to its request for an event; only of the one that copies.
    pub(crate) milliseconds: Option<f64>,
}

/// Measures the functions that were built for release (`cargo build --release`); none when they were not.
pub(crate) fn all(release: &Path) -> Result<Vec<Start>> {
    let mut starts = Vec::new();
    for function in FUNCTIONS {
        let path = release.join(function);
        let Ok(octets) = std::fs::read(&path) else { continue };
        let milliseconds = match function {
            "migrate-chunk" => {
                crate::ratio::median((0..STARTS).map(|_| milliseconds(&path)).collect::<Result<Vec<_>>>()?)
            }
            _ => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "shown in MB")]
        let megabytes = |octets: usize| octets as f64 / 1e6;
        starts.push(Start {
            function: function.to_owned(),
            megabytes: megabytes(octets.len()),
            deflated: megabytes(deflated(&path)?),
            milliseconds,
        });
    }
    Ok(starts)
}

fn deflated(path: &Path) -> Result<usize> {
    let output = Command::new("gzip").arg("-9c").arg(path).output().context("gzip is missing")?;
    Ok(output.stdout.len())
}

/// Starts the function and listens as Lambda's runtime interface does.
fn milliseconds(path: &Path) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
    let names =
        ["AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MAIN_TABLE", "SECRETS_TABLE"];
    let more = ["KMS_KEY_ID", "WORKMAIL_ORGANIZATION_ID", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"];
    command.envs(names.iter().chain(&more).map(|name| (*name, "bench")));
    let queues = ["CHECK_QUEUE_URL", "ANALYZE_QUEUE_URL", "MIGRATE_QUEUE_URL", "NOTIFY_QUEUE_URL"];
    command.envs(queues.map(|name| (name, "http://127.0.0.1:9/queue")));
    command.env("WORKMAIL_EWS_URL", "http://127.0.0.1:9/EWS/Exchange.asmx");
    command.env("BUCKET", "bench").env("PUBLIC_URL", "https://move.example.org");
    command.env("AWS_REGION", "eu-west-1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    command.env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let asked = listener.accept().and_then(|(mut stream, _)| stream.read(&mut [0; 64]));
        let _ = sender.send(asked.map(|_| begun.elapsed()));
    });
    let asked = receiver.recv_timeout(Duration::from_secs(10)).context("the function does not ask for an event");
    let _ = child.kill();
    let _ = child.wait();
    Ok(asked??.as_secs_f64() * 1000.0)
}

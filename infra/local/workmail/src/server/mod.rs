//! Listens, and hands each request to EWS, the management API or the control API.

mod body;
mod connection;
mod ews;
mod management;
mod reply;
mod sign_in;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::net::TcpListener;

pub use reply::Reply;

use crate::knobs::Knobs;
use crate::record::Recorder;
use crate::request_log::RequestLog;
use crate::store::{Store, lock};

/// Everything that requests share.
#[derive(Debug)]
pub struct State {
    /// What lasts.
    pub store: Store,
    /// Trouble on demand.
    pub knobs: Knobs,
    /// What happened.
    pub log: RequestLog,
    recorder: Option<Recorder>,
    in_flight: Mutex<HashMap<String, usize>>,
    connections: AtomicU64,
}

impl State {
    /// Opens the store and the log in a data folder.
    pub fn open(data: &Path, record: Option<&Path>) -> anyhow::Result<Self> {
        let store = Store::open(data).with_context(|| format!("opening the store in {}", data.display()))?;
        let log = RequestLog::open(data).context("opening the request log")?;
        let recorder = record.map(Recorder::open).transpose().context("opening the record folder")?;
        Ok(Self {
            store,
            knobs: Knobs::default(),
            log,
            recorder,
            in_flight: Mutex::new(HashMap::new()),
            connections: AtomicU64::new(1),
        })
    }

    /// Counts a request for a mailbox until the guard is dropped.
    fn enter(self: &Arc<Self>, mailbox: &str) -> InFlight {
        let mut table = lock(&self.in_flight);
        let count = table.entry(mailbox.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
        InFlight { state: Arc::clone(self), mailbox: mailbox.to_owned(), count: *count }
    }
}

struct InFlight {
    state: Arc<State>,
    mailbox: String,
    count: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut table = lock(&self.state.in_flight);
        if let Some(count) = table.get_mut(&self.mailbox) {
            *count = count.saturating_sub(1);
        }
    }
}

/// A server that listens already.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    state: Arc<State>,
}

impl Server {
    /// Starts to listen; only loopback addresses are allowed.
    pub async fn bind(address: SocketAddr, state: State) -> anyhow::Result<Self> {
        anyhow::ensure!(address.ip().is_loopback(), "{address} is not a loopback address");
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("listening on {address}: is another program using the port? Choose another with --listen, or 127.0.0.1:0")
        })?;
        Ok(Self { listener, state: Arc::new(state) })
    }

    /// Gives the address, also when the port was 0.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Gives what the requests share.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Serves until the future is dropped.
    pub async fn run(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of file handles: give those in use time to be closed.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let number = self.state.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(connection::serve(Arc::clone(&self.state), stream, number));
        }
    }
}

/// Runs blocking work of the store; a panic becomes an error.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a request panicked")
}

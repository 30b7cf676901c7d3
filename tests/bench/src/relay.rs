//! A TCP relay that makes a server on this machine look as far away as a round trip says.
//!
//! Each direction holds what it reads for half the round trip and keeps reading meanwhile: the link
//! has a delay and no limit of its own on bandwidth. A new connection waits one round trip, as a
//! handshake would, before the server is called.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// How much one read takes.
const PIECE: usize = 64 * 1024;
/// How many pieces may be under way in one direction before the reader waits.
const UNDER_WAY: usize = 4096;

/// A listening link to one server.
pub(crate) struct Relay {
    listener: TcpListener,
    server: SocketAddr,
    round_trip: Duration,
    turns: Arc<AtomicU64>,
}

impl Relay {
    /// Listens on a free local port for connections that go on to `server`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub(crate) async fn bind(server: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(Self { listener, server, round_trip, turns: Arc::default() })
    }

    /// Where a client connects.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Counts how often a client spoke after its server did: the round trips that were waited for, over all connections.
    pub(crate) fn turns(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.turns)
    }

    /// Relays every connection until the listener fails; a connection that fails ends alone.
    ///
    /// # Errors
    /// When no further connection can be accepted.
    pub(crate) async fn run(self) -> io::Result<()> {
        loop {
            let (client, _) = self.listener.accept().await?;
            tokio::spawn(connection(client, self.server, self.round_trip, Arc::clone(&self.turns)));
        }
    }
}

async fn connection(
    client: TcpStream,
    server: SocketAddr,
    round_trip: Duration,
    turns: Arc<AtomicU64>,
) -> io::Result<()> {
    sleep(round_trip).await;
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let half = round_trip / 2;
    let answered = AtomicBool::new(true);
    let up = || {
        if answered.swap(false, Ordering::Relaxed) {
            turns.fetch_add(1, Ordering::Relaxed);
        }
    };
    let down = || answered.store(true, Ordering::Relaxed);
    tokio::try_join!(direction(from_client, to_server, half, up), direction(from_server, to_client, half, down))?;
    Ok(())
}

async fn direction(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    delay: Duration,
    read: impl Fn(),
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(depart(from, sender, delay, read), arrive(receiver, to))?;
    Ok(())
}

/// Reads pieces and notes when each is due; the end of the stream (an empty piece) is delayed like the rest.
async fn depart(
    mut from: impl AsyncRead + Unpin,
    sender: mpsc::Sender<(Instant, Vec<u8>)>,
    delay: Duration,
    heard: impl Fn(),
) -> io::Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = from.read_buf(&mut piece).await?;
        heard();
        let due = Instant::now() + delay;
        if sender.send((due, piece)).await.is_err() || read == 0 {
            return Ok(());
        }
    }
}

async fn arrive(mut receiver: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    while let Some((due, piece)) = receiver.recv().await {
        sleep_until(due).await;
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it reads, behind a link; a client connected through it.
    async fn echo_behind(round_trip: Duration) -> TcpStream {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let relay = Relay::bind(server.local_addr().unwrap(), round_trip).await.unwrap();
        let address = relay.address().unwrap();
        tokio::spawn(relay.run());
        tokio::spawn(async move {
            let (mut socket, _) = server.accept().await.unwrap();
            let (mut read, mut write) = socket.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
        });
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_takes_at_least_the_round_trip() {
        let round_trip = Duration::from_millis(60);
        let mut client = echo_behind(round_trip).await;
        let mut answer = [0; 4];
        client.write_all(b"warm").await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        let asked = Instant::now();
        client.write_all(b"ping").await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        assert!(asked.elapsed() >= round_trip, "{:?}", asked.elapsed());
    }

    #[tokio::test]
    async fn what_is_sent_arrives_whole_in_order_and_the_end_comes_last() {
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut read, mut write) = echo_behind(Duration::from_millis(10)).await.into_split();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            write.write_all(&copy).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
    }
}

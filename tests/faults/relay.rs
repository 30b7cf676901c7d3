//! A relay between a client and its server that cuts connections after some octets.

use crate::luck::Luck;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// After at most so many octets a connection is cut, when it is to be cut.
const MOST: u64 = 120_000;

/// A relay on a port of its own; it ends with the value.
pub(crate) struct Relay {
    pub(crate) port: u16,
    target: Arc<Mutex<SocketAddr>>,
    listening: JoinHandle<()>,
}

impl Relay {
    pub(crate) fn start(net: &Handle, name: &'static str, to: SocketAddr, luck: &Luck) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, luck) = (Arc::new(Mutex::new(to)), luck.clone());
        let asked = target.clone();
        let listening = net.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let to = *asked.lock().unwrap();
                tokio::spawn(serve(client, to, Cut::draw(name, &luck)));
            }
        });
        Self { port, target, listening }
    }

    /// Connects to another address from now on.
    pub(crate) fn turn_to(&self, to: SocketAddr) {
        *self.target.lock().unwrap() = to;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Where a connection is cut.
struct Cut {
    upwards: bool,
    after: u64,
    name: &'static str,
    luck: Luck,
}

impl Cut {
    fn draw(name: &'static str, luck: &Luck) -> Option<Self> {
        let mut random = luck.strikes()?;
        // Half of them early: while signing in, in the middle of an envelope.
        let after = if random.bool() { random.u64(0..4_000) } else { random.u64(0..MOST) };
        Some(Self { upwards: random.bool(), after, name, luck: luck.clone() })
    }
}

async fn serve(client: TcpStream, to: SocketAddr, cut: Option<Cut>) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let limit = |upwards| cut.as_ref().filter(|c| c.upwards == upwards).map_or(u64::MAX, |c| c.after);
    let up = pump(&mut client_reads, &mut server_writes, limit(true));
    let down = pump(&mut server_reads, &mut client_writes, limit(false));
    if tokio::try_join!(up, down).is_err()
        && let Some(cut) = &cut
    {
        let way = if cut.upwards { "to" } else { "from" };
        cut.luck.tell(format!("a connection {way} the {} was cut, at octet {} at the latest", cut.name, cut.after));
    }
}

/// The connection is over for both sides.
struct Over;

async fn pump(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    mut left: u64,
) -> Result<(), Over> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return Ok(());
            }
            Ok(read) => {
                let passed = usize::try_from(left).map_or(read, |left| left.min(read));
                to.write_all(&buffer[..passed]).await.map_err(|_| Over)?;
                left -= passed as u64;
                if passed < read {
                    return Err(Over);
                }
            }
            Err(_) => return Err(Over),
        }
    }
}

//! A pymap of its own, with its mailboxes in memory.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running pymap.
pub struct Pymap {
    child: Child,
    pub port: u16,
}

impl Pymap {
    pub fn start(user: &str, password: &str) -> Self {
        let program = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local/venv/bin/python"));
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-c", "import sys; from pymap.main import main; sys.exit(main())"])
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--no-tls"])
            .args(["--no-service", "managesieve", "--no-service", "admin"])
            .args(["dict", "--demo-user", user, "--demo-password", password])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let remedy = "pymap does not start: run `infra/local/setup.sh`";
        let mut server = Self { child: child.expect(remedy), port };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "{remedy}");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Pymap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Writes the suite's sample into a mailbox: a client of a few lines that may do what ours must not.

use mailcrane_imap::wire::{date, utf7};
use mailcrane_testkit::conformance::source;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A signed-in connection.
pub struct Filler {
    stream: BufReader<TcpStream>,
    number: u32,
}

impl Filler {
    pub fn sign_in(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut filler = Self { stream: BufReader::new(stream), number: 0 };
        assert!(filler.line().starts_with("* OK"));
        filler.command(&format!("LOGIN {user} {password}"), None);
        filler
    }

    /// Creates the folders and appends the messages; folders stand under a prefix, with levels cut by a delimiter.
    pub fn fill(mut self, prefix: &str, delimiter: char) {
        for folder in source::sample() {
            let levels: Vec<String> = folder.path.iter().map(|level| utf7::encode(level)).collect();
            let name = match levels.as_slice() {
                [inbox] if inbox == "INBOX" => inbox.clone(),
                levels => format!("{prefix}{}", levels.join(&delimiter.to_string())),
            };
            if name != "INBOX" {
                self.command(&format!("CREATE \"{name}\""), None);
            }
            for message in &folder.messages {
                let (flags, received) = (message.flags.join(" "), date::date_time(message.received));
                let command = format!("APPEND \"{name}\" ({flags}) {received}");
                self.command(&command, Some(&message.raw));
            }
        }
        self.command("LOGOUT", None);
    }

    /// Sends a command, with a literal at its end when there is one, and reads until it is answered with OK.
    fn command(&mut self, command: &str, literal: Option<&[u8]>) {
        self.number += 1;
        let tag = format!("F{}", self.number);
        let announced = literal.map(|octets| format!(" {{{}}}", octets.len())).unwrap_or_default();
        self.send(format!("{tag} {command}{announced}\r\n").as_bytes());
        loop {
            let line = self.line();
            if line.starts_with('+') {
                self.send(literal.expect("no literal was announced"));
                self.send(b"\r\n");
            } else if let Some(status) = line.strip_prefix(&tag) {
                assert!(status.starts_with(" OK"), "{command}: {line}");
                return;
            }
        }
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        assert!(self.stream.read_until(b'\n', &mut line).unwrap() > 0, "the server has closed the connection");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}

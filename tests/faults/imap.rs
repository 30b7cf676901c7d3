//! A mail client of somebody else: a session that changes the source, and reads it for the judge.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A session, signed in.
pub(crate) struct Imap {
    stream: BufReader<TcpStream>,
}

impl Imap {
    pub(crate) fn sign_in(port: u16, user: &str, password: &str) -> Self {
        let mut imap = Self::connect(port);
        imap.command(&format!("LOGIN {user} {password}"));
        imap
    }

    /// Tells whether the server knows a user.
    pub(crate) fn lets_in(port: u16, user: &str, password: &str) -> bool {
        let mut imap = Self::connect(port);
        imap.send(&format!("LOGIN {user} {password}"));
        loop {
            if let Some(end) = imap.response().0.strip_prefix("a ") {
                return end.starts_with("OK");
            }
        }
    }

    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut imap = Self { stream: BufReader::new(stream) };
        imap.response();
        imap
    }

    fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(format!("a {text}\r\n").as_bytes()).unwrap();
    }

    /// Sends a command and returns the responses before its OK.
    pub(crate) fn command(&mut self, text: &str) -> Vec<(String, Vec<u8>)> {
        self.send(text);
        let mut responses = Vec::new();
        loop {
            let (line, literal) = self.response();
            if let Some(end) = line.strip_prefix("a ") {
                assert!(end.starts_with("OK"), "{text}: {end}");
                return responses;
            }
            responses.push((line, literal));
        }
    }

    /// Opens a folder and returns its UIDVALIDITY.
    pub(crate) fn open_folder(&mut self, name: &str) -> u32 {
        let said = self.command(&format!("SELECT \"{name}\""));
        let validity = said.iter().find_map(|(line, _)| line.strip_prefix("* OK [UIDVALIDITY "));
        validity.and_then(|rest| rest.split(']').next()?.parse().ok()).unwrap()
    }

    pub(crate) fn uid_of(&mut self, message_id: &str) -> Option<u32> {
        let found = self.command(&format!("UID SEARCH HEADER Message-ID \"{message_id}\""));
        let found = found.iter().find_map(|(line, _)| line.strip_prefix("* SEARCH"))?;
        found.split_whitespace().next()?.parse().ok()
    }

    /// Reads every message of the open folder: UID and octets.
    pub(crate) fn bodies(&mut self) -> Vec<(u32, Vec<u8>)> {
        let uid = |line: &str| -> Option<u32> {
            line.split_once("UID ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        let fetched = self.command("UID FETCH 1:* (UID BODY.PEEK[])");
        fetched
            .into_iter()
            .filter_map(|(line, raw)| Some((uid(&line).filter(|_| line.contains("FETCH"))?, raw)))
            .collect()
    }

    /// Reads one response, with its literal when it has one.
    fn response(&mut self) -> (String, Vec<u8>) {
        let (mut whole, mut literal) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "the server hung up");
            let line = line.trim_end();
            whole.push_str(line);
            let length = line.strip_suffix('}').and_then(|l| l.rsplit_once('{')).and_then(|(_, n)| n.parse().ok());
            let Some(length) = length else { return (whole, literal) };
            literal = vec![0; length];
            self.stream.read_exact(&mut literal).unwrap();
        }
    }
}

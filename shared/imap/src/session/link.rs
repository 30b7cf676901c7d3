//! One signed-in connection: commands go out through async-imap, answers come back whole.

use crate::failure::Failure;
use crate::signin::{Session, classify};
use crate::transport::Event;
use crate::wire::quote::Argument;
use crate::wire::status::{Status, Word};
use bytes::Bytes;
use std::io;
use tokio::io::AsyncWriteExt as _;

/// A connection and what may be asked of it.
#[derive(Debug)]
pub struct Link {
    session: Box<Session>,
}

/// The answer to a command.
#[derive(Debug)]
pub struct Answer {
    /// The untagged responses that came before it.
    pub lines: Vec<Bytes>,
    /// The tagged status: OK.
    pub status: Status,
}

impl Link {
    /// Takes over a session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session: Box::new(session) }
    }

    /// Sends a command and does not wait; gives its tag.
    ///
    /// # Errors
    /// When the connection breaks or the command is not allowed.
    pub async fn send(&mut self, command: &str) -> Result<String, Failure> {
        match self.session.run_command(command).await {
            Ok(tag) => Ok(tag.0),
            Err(async_imap::error::Error::Io(error)) => Err(self.lost(error)),
            Err(other) => Err(self.lost(io::Error::other(other.to_string()))),
        }
    }

    /// Sends a command with one argument that may need a literal; nothing else may be in flight.
    ///
    /// # Errors
    /// Like [`Link::send`], and when the server does not take the literal.
    pub async fn send_with(&mut self, head: &str, argument: &[u8], tail: &str) -> Result<String, Failure> {
        match Argument::new(argument) {
            Argument::Quoted(text) => self.send(&format!("{head} {text}{tail}")).await,
            Argument::Literal(octets) => {
                let tag = self.send(&format!("{head} {{{}}}", octets.len())).await?;
                self.go_ahead(&tag).await?;
                self.write(&octets).await?;
                self.write(format!("{tail}\r\n").as_bytes()).await?;
                Ok(tag)
            }
        }
    }

    /// Waits for the server's `+`.
    ///
    /// # Errors
    /// When the server answers the command at once instead: with NO, say.
    pub async fn go_ahead(&mut self, tag: &str) -> Result<(), Failure> {
        loop {
            let response = self.response().await?;
            if response.starts_with(b"+") {
                return Ok(());
            }
            if let Some(status) = tagged(&response, tag) {
                return Err(refused("a literal", &status));
            }
        }
    }

    /// Writes octets of a literal, or what follows it.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), Failure> {
        let guard = self.session.get_mut();
        let written = async {
            guard.write_all(octets).await?;
            guard.flush().await
        };
        written.await.map_err(|error| self.lost(error))
    }

    /// Reads the next whole response.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn response(&mut self) -> Result<Bytes, Failure> {
        let outcome = self.session.get_mut().response().await;
        outcome.map_err(|error| self.lost(error))
    }

    /// Reads the next piece of a response.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn event(&mut self) -> Result<Event, Failure> {
        let outcome = self.session.get_mut().event().await;
        outcome.map_err(|error| self.lost(error))
    }

    /// Collects the answer to the command with that tag.
    ///
    /// # Errors
    /// When the answer is NO or BAD, or the connection breaks. `name` names the command in the failure.
    pub async fn answer(&mut self, tag: &str, name: &'static str) -> Result<Answer, Failure> {
        let mut lines = Vec::new();
        loop {
            let response = self.response().await?;
            match tagged(&response, tag) {
                Some(status) if status.word == Word::Ok => return Ok(Answer { lines, status }),
                Some(status) => return Err(refused(name, &status)),
                None => lines.push(response),
            }
        }
    }

    /// Sends a command and collects its answer.
    ///
    /// # Errors
    /// Like [`Link::answer`].
    pub async fn call(&mut self, command: &str, name: &'static str) -> Result<Answer, Failure> {
        let tag = self.send(command).await?;
        self.answer(&tag, name).await
    }

    /// Says LOGOUT and waits for its answer.
    pub async fn logout(mut self) {
        if let Err(error) = self.session.logout().await {
            tracing::debug!(error = %error, "the server did not answer LOGOUT");
        }
    }

    /// Explains a broken connection, by the BYE if there was one.
    fn lost(&mut self, error: io::Error) -> Failure {
        match self.session.get_mut().records.bye.take() {
            Some(bye) if error.kind() == io::ErrorKind::UnexpectedEof => classify::goodbye(&bye),
            _ => Failure::from(error),
        }
    }
}

/// Returns the status when the response ends the command with that tag.
#[must_use]
pub fn tagged(response: &[u8], tag: &str) -> Option<Status> {
    Status::parse(response).filter(|status| status.tag == tag)
}

/// Explains a NO or BAD.
#[must_use]
pub fn refused(command: &'static str, status: &Status) -> Failure {
    classify::later(status).unwrap_or_else(|| Failure::Refused {
        command,
        text: status.text.clone(),
        code: status.code_word(),
    })
}

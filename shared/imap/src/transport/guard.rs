//! The transport that sits between async-imap and the network.

use super::event::{Assembly, Event};
use super::frame::Framer;
use super::inspect::{Shown, show};
use super::outbound::Outbound;
use super::patience::Patience;
use super::policy::Verbs;
use super::records::Records;
use crate::wire::status::Status;
use bytes::{Buf as _, Bytes, BytesMut};
use std::fmt;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// How much one read asks for.
const READ: usize = 64 * 1024;
/// How much may wait to be sent before a write waits too.
const SEND_AHEAD: usize = 256 * 1024;

/// What a guard allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long to wait for the next octet.
    pub patience: Duration,
    /// The most octets of one response that is held whole; bodies are not.
    pub response: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { patience: Duration::from_secs(75), response: 32 * 1024 * 1024 }
    }
}

/// The guarding transport.
///
/// As `AsyncRead` it is in *guard mode*: it hands out one whole response at a time, and only what the parser
/// of async-imap certainly takes. [`Guard::event`] and [`Guard::response`] are the *raw mode*: everything, as it
/// came. The end of the stream is always an error.
pub struct Guard<S> {
    wire: S,
    incoming: BytesMut,
    framer: Framer,
    assembly: Assembly,
    outbound: Outbound,
    reading: Patience,
    writing: Patience,
    limits: Limits,
    shown: Bytes,
    failed: Option<ErrorKind>,
    /// What the server said.
    pub records: Records,
}

impl<S> fmt::Debug for Guard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("records", &self.records).field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Puts a guard on a connection.
    #[must_use]
    pub fn new(wire: S, verbs: Verbs, limits: Limits) -> Self {
        Self {
            wire,
            incoming: BytesMut::new(),
            framer: Framer::default(),
            assembly: Assembly::default(),
            outbound: Outbound::new(verbs),
            reading: Patience::new(limits.patience),
            writing: Patience::new(limits.patience),
            limits,
            shown: Bytes::new(),
            failed: None,
            records: Records::default(),
        }
    }

    /// Takes the guard off, for STARTTLS; nothing when octets of the server wait unread, which
    /// somebody could have put there before the protection began.
    #[must_use]
    pub fn into_wire(self) -> Option<S> {
        let clean = self.incoming.is_empty() && self.shown.is_empty() && self.framer.between_responses();
        clean.then_some(self.wire)
    }

    /// Answers the next command with OK instead of sending it: a PREAUTH greeting needs no sign-in.
    pub fn answer_next_here(&mut self) {
        self.outbound.swallow_next();
    }

    /// Tells whether the connection can be used on.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.failed.is_none() && self.framer.between_responses()
    }

    /// Reads the next piece of a response (raw mode).
    ///
    /// # Errors
    /// When the connection ends or nothing comes within the patience.
    pub async fn event(&mut self) -> Result<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Reads a whole response (raw mode).
    ///
    /// # Errors
    /// Like [`Guard::event`], and when the response is larger than the limit.
    pub async fn response(&mut self) -> Result<Bytes> {
        poll_fn(|cx| self.poll_response(cx)).await
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes>> {
        loop {
            let event = ready!(self.poll_event(cx))?;
            if let Some(response) = self.assembly.push(event) {
                return Poll::Ready(Ok(response));
            }
            if self.assembly.held() > self.limits.response {
                return Poll::Ready(Err(self.fail(ErrorKind::InvalidData)));
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event>> {
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(self.fail(kind)));
        }
        loop {
            let begins = self.framer.between_responses();
            match self.framer.next(&mut self.incoming) {
                Ok(Some(Event::End(line))) => {
                    if begins {
                        self.note(&line);
                    }
                    return Poll::Ready(Ok(Event::End(line)));
                }
                Ok(Some(event)) => return Poll::Ready(Ok(event)),
                Ok(None) => {}
                Err(_too_long) => return Poll::Ready(Err(self.fail(ErrorKind::InvalidData))),
            }
            ready!(self.poll_fill(cx))?;
        }
    }

    fn note(&mut self, line: &Bytes) {
        if let Some(status) = Status::parse(line) {
            self.outbound.answered(&status);
            self.records.note(status);
        }
    }

    /// Reads once from the network, after everything waiting has been sent.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.outbound.pending.is_empty()
            && let Poll::Ready(Err(error)) = self.poll_send(cx, 0)
        {
            return Poll::Ready(Err(error));
        }
        self.incoming.reserve(READ);
        let read = pin!(self.wire.read_buf(&mut self.incoming)).poll(cx);
        match read {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(self.fail(ErrorKind::UnexpectedEof))),
            Poll::Ready(Ok(_)) => {
                self.reading.progress();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.failed = Some(error.kind());
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                ready!(self.reading.poll_over(cx));
                Poll::Ready(Err(self.fail(ErrorKind::TimedOut)))
            }
        }
    }

    /// Sends until at most `keep` octets wait.
    fn poll_send(&mut self, cx: &mut Context<'_>, keep: usize) -> Poll<Result<()>> {
        while self.outbound.pending.len() > keep {
            match Pin::new(&mut self.wire).poll_write(cx, &self.outbound.pending) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.fail(ErrorKind::WriteZero))),
                Poll::Ready(Ok(sent)) => {
                    self.outbound.pending.advance(sent);
                    self.writing.progress();
                }
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error.kind());
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    ready!(self.writing.poll_over(cx));
                    return Poll::Ready(Err(self.fail(ErrorKind::TimedOut)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, kind: ErrorKind) -> Error {
        self.failed = Some(kind);
        let text = match kind {
            ErrorKind::UnexpectedEof => match &self.records.bye {
                Some(bye) => format!("the server closed the connection: {}", bye.text),
                None => "the server closed the connection".to_owned(),
            },
            ErrorKind::TimedOut => format!("nothing came for {} s", self.reading.limit().as_secs()),
            ErrorKind::InvalidData => "the server sent a response beyond every limit".to_owned(),
            _ => "the connection is broken".to_owned(),
        };
        Error::new(kind, text)
    }

    /// Fills `shown` with the next response that async-imap may see.
    fn poll_show(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.shown.is_empty() {
            let response = ready!(self.poll_response(cx))?;
            let status = Status::parse(&response);
            if let Some(text) = response.strip_prefix(b"+") {
                self.records.challenge = Some(String::from_utf8_lossy(text.trim_ascii()).into_owned());
            }
            if let Shown::Bytes(bytes) = show(&response, status.as_ref()) {
                self.shown = Bytes::from(bytes);
            }
            if !response.is_empty() {
                self.records.put_aside(response);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_show(cx))?;
        let take = this.shown.len().min(buf.remaining());
        buf.put_slice(&this.shown.split_to(take));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if let Some(kind) = this.failed {
            return Poll::Ready(Err(this.fail(kind)));
        }
        ready!(this.poll_send(cx, SEND_AHEAD))?;
        let buf = buf.get(..buf.len().min(READ)).unwrap_or(buf);
        match this.outbound.accept(buf) {
            Ok(Some(tag)) => {
                this.shown = Bytes::from(format!("{tag} OK seen\r\n"));
                Poll::Ready(Ok(buf.len()))
            }
            Ok(None) => Poll::Ready(Ok(buf.len())),
            Err(forbidden) => {
                this.failed = Some(ErrorKind::PermissionDenied);
                Poll::Ready(Err(Error::new(ErrorKind::PermissionDenied, forbidden)))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx, 0))?;
        Pin::new(&mut this.wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}

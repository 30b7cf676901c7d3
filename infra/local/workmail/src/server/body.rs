//! The body of an answer, which may break off in the middle.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use super::reply::Delivery;

/// How long octets get to leave before the connection is closed behind them.
const FLUSH: Duration = Duration::from_millis(40);

/// The body of an answer.
pub(super) struct AnswerBody {
    rest: Bytes,
    /// What the header promises.
    promised: u64,
    delivery: Delivery,
    pause: Option<Pin<Box<Sleep>>>,
    close: Arc<Notify>,
}

impl AnswerBody {
    pub(super) fn new(bytes: Bytes, delivery: Delivery, close: Arc<Notify>) -> Self {
        let promised = u64::try_from(bytes.len()).unwrap_or(0);
        let rest = if delivery == Delivery::Half { bytes.slice(..bytes.len() / 2) } else { bytes };
        Self { rest, promised, delivery, pause: None, close }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if self.delivery == Delivery::ThenClose {
            let close = Arc::clone(&self.close);
            tokio::spawn(async move {
                sleep(FLUSH).await;
                close.notify_one();
            });
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        if self.delivery != Delivery::Half {
            return Poll::Ready(None);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(FLUSH)));
        if pause.as_mut().poll(context).is_ready() {
            self.close.notify_one();
            self.pause = None;
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.delivery != Delivery::Half
    }

    fn size_hint(&self) -> SizeHint {
        let sent =
            if self.delivery == Delivery::Half { self.promised } else { u64::try_from(self.rest.len()).unwrap_or(0) };
        SizeHint::with_exact(sent)
    }
}

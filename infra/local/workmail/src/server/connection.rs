//! One TCP connection.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::body::AnswerBody;
use super::reply::Delivery;
use super::{Reply, State, ews, management};
use crate::{control, knobs};

/// The connection is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

/// Serves one connection until either side closes it.
pub(super) async fn serve(state: Arc<State>, stream: TcpStream, number: u64) {
    let close = Arc::new(Notify::new());
    let for_bodies = Arc::clone(&close);
    let service = service_fn(move |request| {
        let (state, close) = (Arc::clone(&state), Arc::clone(&for_bodies));
        async move {
            // A task of its own: what a client began goes on when the client is gone.
            let reply =
                tokio::spawn(dispatch(state, request, number)).await.unwrap_or_else(|_| Reply::new(500, "", ""));
            if reply.delivery == Delivery::Nothing {
                return Err(Closed);
            }
            let mut response = Response::new(AnswerBody::new(reply.body, reply.delivery, close));
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            Ok(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        () = close.notified() => {}
    }
}

async fn dispatch(state: Arc<State>, request: Request<Incoming>, connection: u64) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_ascii_lowercase();
    if path == "/ews/exchange.asmx" {
        if head.method != Method::POST {
            return greet(&head);
        }
        return ews::answer(state, head, body, connection).await;
    }
    let limit = state.knobs.settings(knobs::ALL).max_request_bytes;
    let bytes = match read(body, limit).await {
        Body::Whole(bytes) => bytes,
        Body::TooLarge => return Reply::new(413, "", ""),
        Body::Broken => return Reply::closed(),
    };
    if path.starts_with("/_workmail/") {
        let answer = super::blocking(move || control::answer(&state, &head, &bytes)).await;
        return answer.unwrap_or_else(|error| Reply::json(500, &serde_json::json!({"error": format!("{error:#}")})));
    }
    if path == "/" && head.method == Method::POST {
        return management::answer(state, head, bytes, connection).await;
    }
    Reply::new(404, "", "")
}

/// Answers clients that look whether there is a server before they talk to it.
fn greet(head: &Parts) -> Reply {
    if head.headers.contains_key(AUTHORIZATION) {
        return Reply::new(200, "text/html", "<html><body>Exchange Web Services</body></html>");
    }
    Reply::new(401, "", "").with(WWW_AUTHENTICATE, "Basic realm=\"EWS\"")
}

/// A body that was read, or why there is none.
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Larger than the limit; read to its end, so that the client can read the answer.
    TooLarge,
    /// The client went away.
    Broken,
}

/// Reads a body up to a limit.
pub(super) async fn read(mut body: Incoming, limit: usize) -> Body {
    let mut all = BytesMut::new();
    let mut fits = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Body::Broken;
        };
        if let Ok(data) = frame.into_data() {
            fits = fits && all.len().saturating_add(data.len()) <= limit;
            if fits {
                all.extend_from_slice(&data);
            } else {
                all = BytesMut::new();
            }
        }
    }
    if fits { Body::Whole(all.freeze()) } else { Body::TooLarge }
}

//! One EWS request from its header to its answer, with all the trouble that was asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{COOKIE, HeaderName, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use rusqlite::Connection;
use tokio::time::sleep;

use super::connection::{self, Body};
use super::reply::Delivery;
use super::{Reply, State, blocking, sign_in};
use crate::ews::access::{Access, Principal};
use crate::ews::answer::Fault;
use crate::ews::request::{self, Request};
use crate::ews::{self, Answer, CallError, schema};
use crate::knobs::{self, Http, Plan, When};
use crate::random;
use crate::record::Kind;
use crate::request_log::Entry;
use crate::store::{StoreError, user};

/// A request that may be performed.
struct Ready {
    request: Request,
    access: Access,
    mailbox: String,
    way: &'static str,
}

enum Prepared {
    Ready(Box<Ready>),
    Unauthorized,
    /// Refused, with who asked and for which operation.
    Refused(Fault, String, String),
}

/// How our cookie begins.
const SESSION: &str = "X-BackEndCookie=";

/// Answers one EWS request and logs it.
pub(super) async fn answer(state: Arc<State>, head: Parts, body: Incoming, connection: u64) -> Reply {
    let mut entry = Entry::arrive("ews", connection);
    entry.cookie = head.headers.contains_key(COOKIE);
    entry.session = session(&head.headers);
    let action = head.headers.get("soapaction").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let action = action.trim_matches('"').rsplit('/').next().unwrap_or_default();
    if state.knobs.closes_unread(action) {
        entry.outcome = "closed:unread".to_owned();
        state.log.add(entry);
        return Reply::closed();
    }
    let limit = state.knobs.settings(knobs::ALL).max_request_bytes;
    let bytes = match connection::read(body, limit).await {
        Body::Whole(bytes) => bytes,
        Body::TooLarge => {
            return ended(&state, entry, Reply::new(413, "text/html", "Request Entity Too Large"), "http:413");
        }
        Body::Broken => return ended(&state, entry, Reply::closed(), "closed:client"),
    };
    entry.bytes = bytes.len();
    let prepared = {
        let (state, bytes, headers) = (Arc::clone(&state), bytes.clone(), head.headers.clone());
        blocking(move || prepare(&state, &headers, &bytes)).await
    };
    let ready = match prepared {
        Ok(Ok(Prepared::Ready(ready))) => *ready,
        Ok(Ok(Prepared::Unauthorized)) => {
            let reply = Reply::new(401, "", "").with(WWW_AUTHENTICATE, "Basic realm=\"EWS\"");
            return ended(&state, entry, reply, "http:401");
        }
        Ok(Ok(Prepared::Refused(fault, principal, operation))) => {
            entry.principal = principal;
            entry.operation = operation;
            let kind = match fault.failure.code.as_str() {
                "ErrorSchemaValidation" | "ErrorInvalidServerVersion" => Kind::Refused,
                _ => Kind::Plain,
            };
            let reply = fault_reply(&state, &fault, knobs::ALL);
            record(&state, kind, &bytes, Some(&reply.body));
            return ended(&state, entry, reply, &format!("fault:{}", fault.failure.code));
        }
        Ok(Err(error)) => return broken(&state, entry, &error.into()),
        Err(error) => return broken(&state, entry, &error),
    };
    entry.operation.clone_from(&ready.request.body.name);
    entry.mailbox.clone_from(&ready.mailbox);
    entry.principal = ready.access.name();
    entry.way = ready.way;
    entry.items = request::items(&ready.request.body).len();
    entry.early_ms = state.log.early(&entry.mailbox, &entry.principal, entry.at_ms);
    let in_flight = state.enter(&ready.mailbox);
    entry.in_flight = in_flight.count;
    let mut plan = state.knobs.plan(&ready.mailbox, &entry.operation, entry.items);
    entry.rules.clone_from(&plan.rules);
    let most = plan.settings.max_connections;
    if most > 0 && in_flight.count > most {
        plan.fault = Some(knobs::Trouble::plain("ErrorExceededConnectionCount"));
    }
    if bytes.len() > plan.settings.max_request_bytes {
        plan.http = Some(Http::plain(413));
    }
    sleep(plan.wait).await;
    let reply = perform(&state, &mut entry, ready, &plan, &bytes).await;
    drop(in_flight);
    let outcome = std::mem::take(&mut entry.outcome);
    let reply = if entry.cookie { reply } else { with_cookie(reply) };
    ended(&state, entry, reply, &outcome)
}

/// Reads the request. No view of the store is held meanwhile: it would keep the writer from clearing its log.
fn prepare(state: &State, headers: &hyper::HeaderMap, bytes: &[u8]) -> Result<Prepared, StoreError> {
    let Some(principal) = state.store.read(|c| sign_in::principal(c, headers))? else {
        return Ok(Prepared::Unauthorized);
    };
    let access = Access { principal, impersonated: None };
    let level = match &access.principal {
        Principal::User(user) => user.email.clone().unwrap_or_default(),
        Principal::Role(_) => knobs::ALL.to_owned(),
    };
    let request = match request::read(bytes, &state.knobs.settings(&level).max_version) {
        Ok(request) => request,
        Err(fault) => return Ok(Prepared::Refused(fault, access.name(), String::new())),
    };
    state.store.read(|c| allow(c, access, request))
}

/// Finds whose mailbox the request is about, and whether it may be.
fn allow(c: &Connection, mut access: Access, request: Request) -> Result<Prepared, StoreError> {
    let refused = |code: &str, text: &str, access: &Access| {
        Ok(Prepared::Refused(Fault::new(code, text), access.name(), request.body.name.clone()))
    };
    match (&access.principal, &request.impersonated) {
        (Principal::User(_), None) => {}
        (Principal::Role(_), None) => {
            return refused(
                "ErrorImpersonateUserDenied",
                "A token of a role needs an ExchangeImpersonation header.",
                &access,
            );
        }
        (Principal::User(_), Some(_)) => {
            return refused(
                "ErrorImpersonateUserDenied",
                "The account does not have permission to impersonate the requested user.",
                &access,
            );
        }
        (Principal::Role(role), Some(address)) => {
            let Some(target) = user::by_email(c, address)? else {
                return refused(
                    "ErrorNonExistentMailbox",
                    "The SMTP address has no mailbox associated with it.",
                    &access,
                );
            };
            let works = role.works_from <= crate::clock::now_ms();
            if !works || !role.effect(&target.id).0 {
                return refused(
                    "ErrorImpersonateUserDenied",
                    "The role does not allow to act for the requested user.",
                    &access,
                );
            }
            access.impersonated = Some(target);
        }
    }
    let target = access.target(c, &request.body);
    let way = access.way(target.as_ref().map(|t| t.no));
    let mailbox = target.and_then(|t| t.email).unwrap_or_default().to_lowercase();
    Ok(Prepared::Ready(Box::new(Ready { request, access, mailbox, way })))
}

/// Performs what is to be performed, in the order in which the troubles of the plan come.
async fn perform(state: &Arc<State>, entry: &mut Entry, ready: Ready, plan: &Plan, bytes: &Bytes) -> Reply {
    if let Some(http) = plan.http.as_ref().filter(|h| !h.effect) {
        return http_reply(state, entry, http, bytes);
    }
    if let Some(trouble) = plan.fault.as_ref().filter(|f| !f.effect) {
        return told_fault(state, entry, &trouble.into(), plan, bytes);
    }
    if plan.close == Some(When::Before) {
        return closed(state, entry, "closed:before", bytes);
    }
    if let Some(after) = plan.late {
        let reply = closed(state, entry, "late", bytes);
        let mut landed = entry.clone();
        let (state, plan) = (Arc::clone(state), plan.clone());
        tokio::spawn(async move {
            sleep(after).await;
            if let Ok(Ok(answer)) = execute(&state, ready, &plan).await {
                count(&mut landed, &answer);
            }
            landed.outcome = "late:landed".to_owned();
            state.log.add(landed);
        });
        return reply;
    }
    if let Some(hang) = plan.hang.filter(|h| !h.effect) {
        sleep(hang.after).await;
        return closed(state, entry, "hang", bytes);
    }
    let answer = match execute(state, ready, plan).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => return told_fault(state, entry, &fault, plan, bytes),
        Err(error) => {
            eprintln!("workmail: {error:#}");
            return told_fault(
                state,
                entry,
                &Fault::new("ErrorInternalServerError", "An internal server error occurred."),
                plan,
                bytes,
            );
        }
    };
    count(entry, &answer);
    if let Some(hang) = plan.hang {
        sleep(hang.after).await;
    }
    if plan.partial.is_some() {
        return closed(state, entry, "partial", bytes);
    }
    if let Some(http) = &plan.http {
        return http_reply(state, entry, http, bytes);
    }
    if let Some(trouble) = &plan.fault {
        return told_fault(state, entry, &trouble.into(), plan, bytes);
    }
    let odd = answer.messages.iter().any(|m| !schema::is_known_code(&m.code));
    let all_well = answer.messages.iter().all(|m| m.class == "Success");
    entry.outcome = if all_well { "ok" } else { "errors" }.to_owned();
    entry.back_off_ms = answer.messages.iter().filter_map(|m| m.back_off_ms).max().unwrap_or(0);
    let reply = Reply::xml(200, answer.envelope);
    let delivery = match plan.close {
        Some(When::Lost) => return closed(state, entry, "closed:lost", bytes),
        Some(When::Within) => ("closed:within", Delivery::Half),
        Some(When::After) => ("closed:after", Delivery::ThenClose),
        _ => ("", Delivery::Whole),
    };
    if !delivery.0.is_empty() {
        delivery.0.clone_into(&mut entry.outcome);
    }
    record(state, if odd { Kind::Deliberate } else { Kind::Plain }, bytes, Some(&reply.body));
    reply.delivered(delivery.1)
}

async fn execute(state: &Arc<State>, ready: Ready, plan: &Plan) -> anyhow::Result<Result<Answer, Fault>> {
    let (state, plan) = (Arc::clone(state), plan.clone());
    let result = blocking(move || {
        let body = &ready.request.body;
        if ews::writes(&body.name) {
            state.store.write(|c| ews::perform(c, body, &ready.access, &plan))
        } else {
            state.store.read(|c| ews::perform(c, body, &ready.access, &plan))
        }
    })
    .await?;
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(CallError::Fault(fault)) => Ok(Err(*fault)),
        Err(CallError::Store(error)) => Err(error.into()),
    }
}

fn count(entry: &mut Entry, answer: &Answer) {
    for message in &answer.messages {
        let count = entry.codes.entry(message.code.clone()).or_insert(0);
        *count = count.saturating_add(1);
    }
}

fn closed(state: &State, entry: &mut Entry, outcome: &str, bytes: &Bytes) -> Reply {
    outcome.clone_into(&mut entry.outcome);
    record(state, Kind::Plain, bytes, None);
    Reply::closed()
}

fn told_fault(state: &State, entry: &mut Entry, fault: &Fault, plan: &Plan, bytes: &Bytes) -> Reply {
    entry.outcome = format!("fault:{}", fault.failure.code);
    entry.back_off_ms = fault.failure.back_off_ms.unwrap_or(0);
    let status = fault.status.unwrap_or(plan.settings.fault_status);
    let mut fault = fault.clone();
    fault.no_header |= plan.settings.no_headers;
    let reply = Reply::xml(status, fault.envelope());
    let kind = if schema::is_known_code(&fault.failure.code) { Kind::Plain } else { Kind::Deliberate };
    record(state, kind, bytes, Some(&reply.body));
    reply
}

fn fault_reply(state: &State, fault: &Fault, mailbox: &str) -> Reply {
    Reply::xml(fault.status.unwrap_or(state.knobs.settings(mailbox).fault_status), fault.envelope())
}

fn http_reply(state: &State, entry: &mut Entry, http: &Http, bytes: &Bytes) -> Reply {
    entry.outcome = format!("http:{}", http.status);
    entry.back_off_ms =
        http.retry_after_s.map_or(0, |s| Duration::from_secs(s).as_millis().try_into().unwrap_or(u64::MAX));
    let mut reply = match http.body.as_str() {
        "empty" => Reply::new(http.status, "", ""),
        "text" => Reply::new(http.status, "text/plain", "Service temporarily unavailable\n"),
        "garbage" => Reply::new(
            http.status,
            "text/xml; charset=utf-8",
            &b"<?xml version=\"1.0\"?><soap:Envelope><\x00\xff\xfe"[..],
        ),
        _ => Reply::new(
            http.status,
            "text/html",
            "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Error</h1><p>Try later.</body></html>",
        ),
    };
    if http.status == 401 {
        reply = reply.with(WWW_AUTHENTICATE, "Basic realm=\"EWS\"");
    }
    if let Some(seconds) = http.retry_after_s {
        reply = reply.with(RETRY_AFTER, &seconds.to_string());
    }
    record(state, Kind::Deliberate, bytes, Some(&reply.body));
    reply
}

/// Returns what our cookie says; empty without one.
fn session(headers: &hyper::HeaderMap) -> String {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let ours = cookies.flat_map(|value| value.split(';')).find_map(|one| one.trim().strip_prefix(SESSION));
    ours.unwrap_or_default().to_owned()
}

fn with_cookie(reply: Reply) -> Reply {
    let value = format!("{SESSION}{}; path=/EWS; HttpOnly", random::fresh().hex32());
    reply.with(SET_COOKIE, &value).with(HeaderName::from_static("x-powered-by"), "stand-in")
}

fn record(state: &State, kind: Kind, request: &[u8], response: Option<&[u8]>) {
    if let Some(recorder) = &state.recorder {
        recorder.write(kind, request, response);
    }
}

fn ended(state: &State, mut entry: Entry, reply: Reply, outcome: &str) -> Reply {
    outcome.clone_into(&mut entry.outcome);
    entry.status = if reply.delivery == Delivery::Nothing { 0 } else { reply.status.as_u16() };
    state.log.add(entry);
    reply
}

fn broken(state: &State, entry: Entry, error: &anyhow::Error) -> Reply {
    eprintln!("workmail: {error:#}");
    let fault = Fault::new("ErrorInternalServerError", "An internal server error occurred.");
    ended(state, entry, fault_reply(state, &fault, knobs::ALL), "fault:ErrorInternalServerError")
}

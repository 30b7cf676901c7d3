//! A request that did not bring what was asked for: what it means for what was asked, and what may be done.

use std::time::Duration;

use mailcrane_core::fault::{Fault, Remedy};

use crate::gate::Turned;
use crate::soap::answer::Refusal;
use crate::soap::node::Unreadable;
use crate::soap::{Class, ResponseCode};
use crate::transport::NoAnswer;

/// Why a whole request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There was no time left to begin it.
    #[error("no time was left for the request")]
    NoTime,
    /// The gate did not let it through.
    #[error("too many requests are in flight")]
    Turned(Turned),
    /// No token could be had.
    #[error(transparent)]
    Token(Fault),
    /// It was not sent, or not answered.
    #[error(transparent)]
    NoAnswer(NoAnswer),
    /// HTTP said something other than SOAP did.
    #[error("the EWS server answered with HTTP status {status}")]
    Status { status: u16, retry_after: Option<Duration> },
    /// A folder changed all the time while it was listed.
    #[error("the folder changed while it was listed")]
    Moving,
    /// A SOAP fault.
    #[error(transparent)]
    Fault(crate::soap::Fault),
    /// An answer that cannot be read, with a status that promised one.
    #[error(transparent)]
    Unreadable(Unreadable),
}

/// What happened to the thing asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Certainly nothing; the same may be sent again.
    None,
    /// Nobody knows.
    Unknown,
    /// Certainly nothing, and the same again brings the same.
    Refused,
    /// Certainly nothing; a part of it may be taken.
    Smaller,
    /// The server failed inside; parts may have been done.
    Internal,
}

/// An effect and the fault that describes it.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) effect: Effect,
    pub(crate) fault: Fault,
}

/// What the verdicts depend on besides the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// First pause after passing trouble.
    pub(crate) pause: Duration,
    /// Whether a permission was granted so lately that a refusal may pass.
    pub(crate) granted_lately: bool,
    /// Whether a password was used, so that a refusal is about it.
    pub(crate) by_password: bool,
}

impl Failure {
    /// Judges a request; the code's class decides as the table of response codes says.
    pub(crate) fn judge(self, now: Circumstances) -> Verdict {
        match self {
            Self::NoTime => {
                none(Fault::retry(Duration::ZERO, "destination.no_time", "No time was left for this request"))
            }
            Self::Turned(Turned::Busy(wait)) => none(busy(wait)),
            Self::Turned(Turned::Crowded) => none(busy(now.pause)),
            Self::Token(fault) => none(retried(fault, now.pause)),
            Self::NoAnswer(e @ NoAnswer::NotSent(_)) => {
                let text = "The WorkMail server cannot be reached";
                none(Fault::retry(now.pause, "destination.unreachable", text).because(e))
            }
            Self::NoAnswer(e @ NoAnswer::Cut(_)) => unknown(no_answer(now.pause).because(e)),
            Self::Unreadable(e) => unknown(no_answer(now.pause).because(e)),
            Self::Moving => {
                let text = "A folder changed all the time while it was listed";
                none(Fault::retry(now.pause, "destination.folder_moves", text))
            }
            Self::Status { status, retry_after } => by_status(status, retry_after, now),
            Self::Fault(fault) => {
                let crate::soap::Fault { code, text, back_off } = fault;
                judge(&Refusal { code, text, back_off }, now)
            }
        }
    }

    /// Gives the class of a SOAP fault.
    pub(crate) fn class(&self) -> Option<Class> {
        match self {
            Self::Fault(fault) => Some(fault.code.class()),
            _ => None,
        }
    }
}

/// Judges the refusal of one thing asked for, or of the request as a whole.
pub(crate) fn judge(refusal: &Refusal, now: Circumstances) -> Verdict {
    let code = &refusal.code;
    let said = |fault: Fault| fault.because(refusal.clone());
    let unavailable =
        || Fault::retry(now.pause, "destination.unavailable", format!("WorkMail is not available just now ({code})"));
    match code.class() {
        Class::Busy => none(said(busy(refusal.back_off.unwrap_or(now.pause)))),
        Class::Crowded => none(said(busy(refusal.back_off.unwrap_or(now.pause)))),
        Class::Transient => unknown(said(unavailable())),
        Class::Internal => Verdict { effect: Effect::Internal, fault: said(item_refused(code)) },
        Class::TooLarge => {
            let text = "The message is larger than WorkMail takes";
            Verdict { effect: Effect::Smaller, fault: said(Fault::skip("destination.too_large", text)) }
        }
        Class::BadItem | Class::ItemGone | Class::FolderExists => refused(said(item_refused(code))),
        Class::Full => {
            let text = "The destination mailbox is full: raise its quota or empty it, then resume";
            none(said(Fault::give_up("destination.full", text)))
        }
        Class::Denied => none(said(denied(now, code))),
        Class::Rejected => none(said(rejected(code))),
        Class::FolderGone => {
            let text = "A folder of the destination mailbox is gone";
            none(said(Fault::retry(Duration::ZERO, "destination.folder_gone", text)))
        }
        Class::NotTried => {
            none(said(Fault::retry(Duration::ZERO, "destination.not_tried", "WorkMail did not look at this item")))
        }
        Class::Version => {
            let text = "WorkMail takes none of the EWS versions that Mailcrane speaks";
            none(said(Fault::give_up("destination.version", text)))
        }
        Class::Unknown => refused(said(item_refused(code))),
    }
}

fn by_status(status: u16, retry_after: Option<Duration>, now: Circumstances) -> Verdict {
    let cause = Failure::Status { status, retry_after };
    let wait = retry_after.unwrap_or(now.pause);
    match status {
        401 if now.by_password => {
            let text = "WorkMail does not accept this user and password";
            none(Fault::give_up("destination.wrong_password", text).because(cause))
        }
        401 | 403 if now.granted_lately => none(denied(now, &ResponseCode::new(status.to_string())).because(cause)),
        401 | 403 => {
            let text = "WorkMail refuses access: check the permission and that EWS is allowed in its access rules";
            none(Fault::give_up("destination.no_permission", text).because(cause))
        }
        413 => {
            let text = "The message is larger than WorkMail takes";
            Verdict { effect: Effect::Smaller, fault: Fault::skip("destination.too_large", text).because(cause) }
        }
        400 => Verdict { effect: Effect::Internal, fault: item_refused(&ResponseCode::new("HTTP 400")).because(cause) },
        300..=399 | 404 | 405 | 410 => {
            let text = "There is no EWS at the configured address";
            none(Fault::give_up("destination.no_ews", text).because(cause))
        }
        _ => unknown(
            Fault::retry(
                wait,
                "destination.unavailable",
                format!("WorkMail is not available just now (HTTP {status})"),
            )
            .because(cause),
        ),
    }
}

fn none(fault: Fault) -> Verdict {
    Verdict { effect: Effect::None, fault }
}

fn unknown(fault: Fault) -> Verdict {
    Verdict { effect: Effect::Unknown, fault }
}

fn refused(fault: Fault) -> Verdict {
    Verdict { effect: Effect::Refused, fault }
}

fn busy(wait: Duration) -> Fault {
    Fault::retry(wait, "destination.busy", "WorkMail asks to wait")
}

fn no_answer(pause: Duration) -> Fault {
    Fault::retry(pause, "destination.no_answer", "WorkMail did not answer")
}

fn item_refused(code: &ResponseCode) -> Fault {
    Fault::skip("destination.refused", format!("WorkMail does not take this message ({code})"))
}

fn denied(now: Circumstances, code: &ResponseCode) -> Fault {
    if now.granted_lately {
        let text = "The permission is not known everywhere yet; this takes up to five minutes";
        return Fault::retry(now.pause, "destination.permission_spreads", text);
    }
    let text = format!("WorkMail denies access to the mailbox ({code}): grant full access to it");
    Fault::give_up("destination.no_permission", text)
}

fn rejected(code: &ResponseCode) -> Fault {
    let (name, text) = match code.as_str() {
        "ErrorNonExistentMailbox" => ("destination.no_such_mailbox", "There is no such WorkMail mailbox"),
        "ErrorNonPrimarySmtpAddress" => {
            ("destination.not_primary", "Use the mailbox's primary e-mail address, not an alias")
        }
        "ErrorPasswordExpired" => ("destination.wrong_password", "The WorkMail password has expired: set a new one"),
        _ => ("destination.disabled", "The WorkMail account is disabled"),
    };
    Fault::give_up(name, text)
}

/// A fault of one item makes no sense for what is not an item: then it is tried again later.
pub(crate) fn retried(mut fault: Fault, pause: Duration) -> Fault {
    if fault.remedy == Remedy::SkipMessage {
        fault.remedy = Remedy::RetryAfter(pause);
    }
    fault
}

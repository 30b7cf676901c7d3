//! Calls operations of one mailbox: gate, credentials, version ladder, and one renewed token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use mailcrane_core::fault::Fault;
use tokio::time::Instant;

use crate::access::{Access, Authorization, Authorizer};
use crate::failure::{Circumstances, Failure, Verdict, judge};
use crate::gate::{Gate, Turned};
use crate::soap::answer::Refusal;
use crate::soap::node::Unreadable;
use crate::soap::{Class, Envelope, Malformed, Operation, Reply, Version, read};
use crate::transport::{Answer, Endpoint, NoAnswer, Transport};

/// The shortest time in which a request is worth beginning, as a part of its limit.
const WORTH: u32 = 10;

/// Up to this long a busy server's time is waited for on the spot; longer ones are for the caller to plan.
const BRIEF: Duration = Duration::from_secs(5);

/// How often one call waits like that.
const PATIENCE: u32 = 4;

/// The durations of a session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long one call may take altogether.
    pub request_limit: Duration,
    /// How long a connection may take to open.
    pub connect_limit: Duration,
    /// First pause after passing trouble.
    pub pause: Duration,
    /// Until when a refused permission may still be one that has not spread; `None`: never.
    pub permission_spreads_until: Option<Timestamp>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            request_limit: Duration::from_secs(60),
            connect_limit: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            permission_spreads_until: None,
        }
    }
}

/// One mailbox over EWS.
#[derive(Debug)]
pub(crate) struct Session {
    transport: Transport,
    authorizer: Authorizer,
    gate: Arc<Gate>,
    settings: Settings,
    version: AtomicU8,
}

const LADDER: [Version; 3] = [Version::Exchange2010Sp2, Version::Exchange2010Sp1, Version::Exchange2007Sp1];

fn step_of(version: Version) -> u8 {
    LADDER.iter().position(|v| *v == version).and_then(|p| u8::try_from(p).ok()).unwrap_or_default()
}

impl Session {
    pub(crate) fn new(
        endpoint: &Endpoint,
        access: Access,
        gate: Arc<Gate>,
        settings: Settings,
        first: Version,
    ) -> Result<Self, Failure> {
        let transport =
            Transport::new(endpoint, access.mailbox(), settings.connect_limit).map_err(Failure::NoAnswer)?;
        let version = AtomicU8::new(step_of(first));
        Ok(Self { transport, authorizer: Authorizer::new(access), gate, settings, version })
    }

    pub(crate) fn access(&self) -> &Access {
        self.authorizer.access()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives the schema version that is used now.
    pub(crate) fn version(&self) -> Version {
        let step = usize::from(self.version.load(Ordering::Relaxed));
        LADDER.get(step).copied().unwrap_or(Version::Exchange2007Sp1)
    }

    /// Gives when a call that begins now has to end.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.settings.request_limit).unwrap_or(now)
    }

    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances {
            pause: self.settings.pause,
            granted_lately: self.settings.permission_spreads_until.is_some_and(|until| Timestamp::now() < until),
            by_password: !matches!(self.access(), Access::Impersonation { .. }),
        }
    }

    /// Judges a request that brought nothing.
    pub(crate) fn judge(&self, failure: Failure) -> Verdict {
        failure.judge(self.circumstances())
    }

    /// Judges the refusal of one thing asked for.
    pub(crate) fn judge_item(&self, refusal: &Refusal) -> Verdict {
        judge(refusal, self.circumstances())
    }

    /// Gives the fault of a request that is not about single messages.
    pub(crate) fn fault(&self, failure: Failure) -> Fault {
        crate::failure::retried(self.judge(failure).fault, self.settings.pause)
    }

    /// Gives the fault of a refusal that is not about a single message.
    pub(crate) fn item_fault(&self, refusal: &Refusal) -> Fault {
        crate::failure::retried(self.judge_item(refusal).fault, self.settings.pause)
    }

    /// Calls an operation whose answer has exactly one reply.
    pub(crate) async fn one<O, T>(&self, operation: &O, deadline: Instant) -> Result<Result<T, Refusal>, Failure>
    where
        O: Operation<Answer = Vec<Reply<T>>> + Sync,
    {
        let mut replies = self.call(operation, deadline).await?.into_iter();
        replies.next().map(Reply::done).ok_or(Failure::Unreadable(Unreadable::Missing("response message")))
    }

    /// Calls an operation; a refused version is replaced by an older one, a refused token by a new one,
    /// and what may be repeated is sent once more when the connection was cut. A busy server's time is waited for
    /// here when it is brief: nothing had happened at the server.
    pub(crate) async fn call<O: Operation + Sync>(
        &self,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Failure> {
        let mut authorization = self.authorizer.authorization().await.map_err(Failure::Token)?;
        let (mut renewed, mut repeated, mut waited) = (false, false, 0);
        loop {
            let version = self.version();
            let outcome = self.attempt(operation, version, &authorization, deadline).await;
            if let Some(wait) = outcome.as_ref().err().and_then(|failure| self.brief_wait(failure, deadline))
                && waited < PATIENCE
            {
                waited += 1;
                tokio::time::sleep(wait).await;
                continue;
            }
            match outcome {
                Err(Failure::Status { status: 401, .. }) if !renewed => {
                    renewed = true;
                    let Some(another) = self.authorizer.another(&authorization).await else {
                        return Err(Failure::Status { status: 401, retry_after: None });
                    };
                    authorization = another.map_err(Failure::Token)?;
                }
                Err(failure) if failure.class() == Some(Class::Version) && self.step_down(version) => {}
                Err(Failure::NoAnswer(NoAnswer::Cut(_))) if O::REPEATABLE && !repeated => repeated = true,
                outcome => return outcome,
            }
        }
    }

    /// Gives the time that a busy server asked for, when it is brief and leaves enough for the request.
    fn brief_wait(&self, failure: &Failure, deadline: Instant) -> Option<Duration> {
        let wait = match failure {
            Failure::Turned(Turned::Busy(wait)) => *wait,
            Failure::Fault(fault) if fault.code.class() == Class::Busy => fault.back_off.unwrap_or(self.settings.pause),
            _ => return None,
        };
        let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(wait);
        (wait <= BRIEF && left >= self.settings.request_limit / WORTH).then_some(wait)
    }

    /// Steps below `refused`; false at the end of the ladder. Requests refused together step once.
    fn step_down(&self, refused: Version) -> bool {
        let Some(older) = refused.older() else { return false };
        self.version.fetch_max(step_of(older), Ordering::Relaxed);
        tracing::info!(refused = refused.name(), next = older.name(), "The EWS version was refused");
        true
    }

    async fn attempt<O: Operation + Sync>(
        &self,
        operation: &O,
        version: Version,
        authorization: &Authorization,
        deadline: Instant,
    ) -> Result<O::Answer, Failure> {
        let pass = self.gate.enter(deadline).await.map_err(Failure::Turned)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left < self.settings.request_limit / WORTH {
            return Err(Failure::NoTime);
        }
        let body = Envelope { version, impersonate: self.access().impersonates() }.wrap(operation);
        let began = Instant::now();
        let answer = self.transport.post(&body, &authorization.header, left).await;
        let outcome = answer.map_err(Failure::NoAnswer).and_then(|answer| interpret::<O>(&answer));
        drop(pass);
        self.report(&outcome, began.elapsed(), body.content_length());
        outcome
    }

    fn report<T>(&self, outcome: &Result<T, Failure>, took: Duration, bytes: u64) {
        let Err(failure) = outcome else { return self.gate.answered(took, bytes) };
        match failure {
            Failure::Fault(fault) => match fault.code.class() {
                Class::Busy => self.gate.trouble(Some(fault.back_off.unwrap_or(self.settings.pause))),
                Class::Crowded | Class::Transient => self.gate.trouble(fault.back_off),
                _ => self.gate.answered(took, bytes),
            },
            Failure::Status { status: 429 | 502 | 503 | 504, retry_after } => self.gate.trouble(*retry_after),
            Failure::NoAnswer(_) | Failure::Unreadable(_) => self.gate.trouble(None),
            Failure::Status { .. } | Failure::NoTime | Failure::Turned(_) | Failure::Token(_) | Failure::Moving => {}
        }
    }

    /// Tells the gate about trouble that came as the reply to single items.
    pub(crate) fn report_item(&self, refusal: &Refusal) {
        match refusal.code.class() {
            Class::Busy => self.gate.trouble(Some(refusal.back_off.unwrap_or(self.settings.pause))),
            Class::Crowded => self.gate.trouble(refusal.back_off),
            _ => {}
        }
    }
}

/// Looks at the body first: some servers send faults with status 200, others results with 500.
fn interpret<O: Operation>(answer: &Answer) -> Result<O::Answer, Failure> {
    match read::<O>(&answer.text) {
        Ok(value) => Ok(value),
        Err(Malformed::Fault(fault)) => Err(Failure::Fault(fault)),
        Err(Malformed::Unreadable(_)) if !(200..=299).contains(&answer.status) => {
            Err(Failure::Status { status: answer.status, retry_after: answer.retry_after })
        }
        Err(Malformed::Unreadable(why)) => Err(Failure::Unreadable(why)),
    }
}

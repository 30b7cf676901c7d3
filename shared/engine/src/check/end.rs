//! One end of an account is tried: signed in to and looked at, a few times when its trouble may pass.

use crate::mailbox;
use crate::permission;
use crate::world::{World, later, until};
use futures_util::future::{Either, select};
use mailcrane_core::folder::WireName;
use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::destination::Destination as _;
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::Source as _;
use mailcrane_core::record::{Account, DestinationKind, Migration, SourceAuth};
use mailcrane_core::{Fault, Remedy, Timestamp};
use std::pin::pin;
use std::time::Duration;

/// How often an end is tried when its trouble may pass.
const TRIES: u32 = 3;

/// What was found at one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Probe {
    /// It can be worked with.
    Well,
    /// It refused, or cannot be reached.
    Refused {
        /// The code of the fault.
        code: String,
        /// What to do next.
        message: String,
        /// The certificate that may be confirmed.
        fingerprint: Option<String>,
    },
    /// A permission was made then and is not known everywhere yet.
    Spreading(Timestamp),
}

impl From<Fault> for Probe {
    fn from(fault: Fault) -> Self {
        Self::Refused { code: fault.code.into_owned(), message: fault.message, fingerprint: fault.fingerprint }
    }
}

/// Makes the permission where one is needed, then signs in at the source, opens INBOX for reading and lists the folders.
pub(super) async fn source<W: World, E: Ends, D: Directory>(
    world: &W,
    ends: &E,
    directory: &D,
    migration: &Migration,
    account: &Account,
    deadline: Timestamp,
) -> Probe {
    let granted = match patiently(world, deadline, "source", async || {
        permission::grant_source(world, directory, migration, &account.source).await
    })
    .await
    {
        Ok(granted) => granted,
        Err(fault) => return logged(migration, account, "source", of_source(fault)).into(),
    };
    let look = async || {
        let mut session = ends.source(migration, account).await?;
        let inbox = session.examine(&WireName::from("INBOX")).await;
        let folders = session.folders().await;
        session.close().await;
        inbox?;
        folders.map(|_| ())
    };
    match patiently(world, deadline, "source", look).await {
        Ok(()) => Probe::Well,
        Err(fault) => refused(world, migration, account, "source", granted, fault),
    }
}

/// A refusal soon after a permission was made may only mean that it has not spread.
fn refused<W: World>(
    world: &W,
    migration: &Migration,
    account: &Account,
    end: &'static str,
    granted: Option<Timestamp>,
    fault: Fault,
) -> Probe {
    let spreading =
        granted.filter(|since| is_permission(&fault) && later(*since, world.times().propagation) > world.now());
    spreading.map_or_else(|| logged(migration, account, end, fault).into(), Probe::Spreading)
}

/// Renames the code of a fault for the source.
fn of_source(mut fault: Fault) -> Fault {
    if let Some(name) = fault.code.strip_prefix("destination.") {
        fault.code = format!("source.{name}").into();
    }
    fault
}

/// Makes the permission where one is needed, then opens the mailbox and lists its folders.
pub(super) async fn destination<W: World, E: Ends, D: Directory>(
    world: &W,
    ends: &E,
    directory: &D,
    migration: &Migration,
    account: &Account,
    deadline: Timestamp,
) -> Probe {
    let mailbox = &account.destination.mailbox;
    if is_its_own_source(migration, account) {
        let text = "source and destination are the same mailbox; enter another destination";
        return Fault::give_up("destination.same_as_source", text).into();
    }
    let granted = match patiently(world, deadline, "destination", async || {
        permission::grant(world, directory, migration, mailbox).await
    })
    .await
    {
        Ok(granted) => granted,
        Err(fault) => return not_granted(world, migration, account, fault).await,
    };
    let look = async || {
        let mailbox = ends.destination(migration, account).await?;
        mailbox.folders().await.map(|_| ())
    };
    match patiently(world, deadline, "destination", look).await {
        Ok(()) => {
            // Without a result the copy does without what it cannot be sure of.
            let tried =
                patiently(world, deadline, "destination", async || ends.try_out(migration, account).await).await;
            if let Err(fault) = tried {
                let error = &fault as &dyn std::error::Error;
                tracing::warn!(migration.id = %migration.id, account.no = account.no.0, error, "the self-test failed");
            }
            Probe::Well
        }
        Err(fault) => refused(world, migration, account, "destination", granted, fault),
    }
}

/// A mailbox that we have just created takes a moment to be ready, as a permission does.
async fn not_granted<W: World>(world: &W, migration: &Migration, account: &Account, fault: Fault) -> Probe {
    if fault.code == "destination.not_ready"
        && let Ok(Some(since)) = mailbox::created(world, migration, &account.destination.mailbox).await
        && later(since, world.times().propagation) > world.now()
    {
        return Probe::Spreading(since);
    }
    logged(migration, account, "destination", fault).into()
}

/// Returns how many octets are free in a WorkMail mailbox; the analysis shows whether that is enough.
pub(super) async fn free<D: Directory>(directory: &D, migration: &Migration, account: &Account) -> Option<u64> {
    let DestinationKind::Workmail { .. } = &migration.destination else { return None };
    match directory.mailbox(&account.destination.mailbox).await {
        Ok(info) => Some(info.quota?.saturating_sub(info.used?)),
        Err(fault) => {
            let error = &fault as &dyn std::error::Error;
            tracing::warn!(migration.id = %migration.id, account.no = account.no.0, error, "the quota is not known");
            None
        }
    }
}

/// Tells whether an account would be copied into itself, as far as its names show that.
fn is_its_own_source(migration: &Migration, account: &Account) -> bool {
    let (source, end) = (&account.source, &account.destination);
    let DestinationKind::Imap { endpoint } = &migration.destination else {
        let one_organisation = matches!(source.auth, SourceAuth::Workmail(_));
        return one_organisation && source.user.eq_ignore_ascii_case(&end.mailbox);
    };
    let user = end.user.as_ref().unwrap_or(&end.mailbox);
    endpoint.host.eq_ignore_ascii_case(&source.endpoint.host)
        && endpoint.port == source.endpoint.port
        && user.eq_ignore_ascii_case(&source.user)
}

/// Tells whether the fault may be one of a permission that has not spread.
fn is_permission(fault: &Fault) -> bool {
    matches!(
        fault.code.as_ref(),
        "destination.permission_spreads"
            | "destination.no_permission"
            | "source.permission_spreads"
            | "source.no_permission"
    )
}

fn logged(migration: &Migration, account: &Account, end: &'static str, fault: Fault) -> Fault {
    let code = fault.code.as_ref();
    tracing::info!(migration.id = %migration.id, account.no = account.no.0, end, code, "an end refused the check");
    fault
}

/// Tries again while the trouble may pass and time is left.
async fn patiently<W: World, T>(
    world: &W,
    deadline: Timestamp,
    end: &'static str,
    attempt: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut tries = 0;
    loop {
        tries += 1;
        let left = until(world.now(), deadline);
        let limit = left.mul_f64(0.8);
        let outcome = {
            let work = pin!(attempt());
            let over = pin!(world.clock().sleep(limit));
            match select(work, over).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(((), _)) => return Err(too_slow(end)),
            }
        };
        let fault = match outcome {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        match fault.remedy {
            Remedy::RetryAfter(after) if tries < TRIES && !is_permission(&fault) => {
                let pause = after.max(world.times().back_off);
                if pause > until(world.now(), deadline).mul_f64(0.4) {
                    return Err(fault);
                }
                world.clock().sleep(pause).await;
            }
            Remedy::RetryAfter(_) | Remedy::SkipMessage | Remedy::GiveUp => return Err(fault),
        }
    }
}

fn too_slow(end: &'static str) -> Fault {
    let (code, text) = if end == "source" {
        ("source.too_slow", "the source did not answer in time; check again in a few minutes")
    } else {
        ("destination.too_slow", "the destination did not answer in time; check again in a few minutes")
    };
    Fault::retry(Duration::from_secs(60), code, text)
}

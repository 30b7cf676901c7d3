//! Tells a migration's webhook of an event: what is told, and how it is signed.

use crate::handler::{App, Notice, may_ask};
use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mailcrane_core::digest::Digest;
use mailcrane_core::ports::mailer::Mailer;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::ports::webhook::{Call, Webhooks};
use mailcrane_core::record::{Account, Migration, PassKind, Telling, Versioned, keys};
use mailcrane_core::secret::Secret;
use mailcrane_core::token::MailEvent;
use mailcrane_core::{Fault, Remedy, Timestamp};
use mailcrane_engine::world::World;
use mailcrane_engine::{ledger, webhook};
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::view::MigrationView;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write as _;
use std::time::Duration;

/// Tells the webhook, when there is one and the event was not told yet. What it does not take is tried again by the
/// sweeper; only a failure of our own services is an error.
pub(crate) async fn tell<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
) -> anyhow::Result<()> {
    let Some(hook) = &migration.webhook else { return Ok(()) };
    // Before its address is confirmed, a trial tells nobody else.
    let Some(event) = word(notice, migration).filter(|_| !migration.right.unconfirmed) else { return Ok(()) };
    let body = body(app, notice, migration, event).await?.to_string();
    let fresh = Telling {
        v: 1,
        migration: migration.id.clone(),
        event: notice.event,
        pass: notice.pass,
        detail: notice.detail.clone(),
        body,
        tries: 0,
        next: None,
        refused: String::new(),
    };
    let claimed = webhook::claim(&app.world, fresh).await.context("the webhook's record cannot be written")?;
    let Some(telling) = claimed else { return Ok(()) };
    let first = telling.record.tries == 1 && notice.event == MailEvent::Attention;
    if first && !may_ask(app, notice, "#hook").await? {
        let left = webhook::dropped(&app.world, telling, "enough events of this pass asked for attention").await;
        return left.context("the webhook's record cannot be written");
    }
    let posted = match app.vault.open(&migration.id, webhook::SECRET).await {
        Ok(secret) => app.webhooks.post(&call(&hook.url, event, &telling, &secret, app.world.now())).await,
        Err(fault) => Err(fault),
    };
    let noted = match posted {
        Ok(()) => {
            tracing::info!(migration.id = %migration.id, webhook.event = event, "a webhook was told");
            webhook::taken(&app.world, telling).await
        }
        Err(fault) => {
            tracing::warn!(migration.id = %migration.id, webhook.event = event, error = chain(&fault), "a webhook was not told");
            webhook::failed(&app.world, telling, event, &fault, again(&fault)).await
        }
    };
    noted.context("the webhook's record cannot be written")
}

fn again(fault: &Fault) -> Option<Duration> {
    if let Remedy::RetryAfter(after) = fault.remedy { Some(after) } else { None }
}

/// Names the event as programs are told it; nothing for the question that goes to an address alone.
fn word(notice: &Notice, migration: &Migration) -> Option<&'static str> {
    let delta = migration.pass_kind == PassKind::Delta && notice.pass == migration.pass;
    Some(match notice.event {
        MailEvent::Submitted => "submitted",
        MailEvent::Started if delta => "delta_started",
        MailEvent::Started => "started",
        MailEvent::Ended if delta => "delta_ended",
        MailEvent::Ended => "ended",
        MailEvent::Attention => "attention",
        MailEvent::Confirm => return None,
    })
}

/// Writes what is told; nothing of it is secret, and the link asks for the token.
async fn body<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
    event: &str,
) -> anyhow::Result<Value> {
    let view = MigrationView::of(migration);
    let mut body = json!({
        "v": 1,
        "event": event,
        "at": app.world.now(),
        "migration": view.id,
        "name": view.name,
        "state": view.state,
        "pass": view.pass,
        "accounts": view.accounts,
        "totals": view.totals,
        "started": view.started,
        "ended": view.ended,
        "link": format!("{}{}", app.public_url, view.links.this),
    });
    if let Some((no, code)) = notice.about() {
        let account = ledger::find::<Account>(app.world.table(), &keys::account(&migration.id, no)).await;
        let account = account.context("the account cannot be read")?;
        let message = account.map(|account| account.record.error).unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            body.insert("account".to_owned(), json!({"no": no.0, "code": code, "message": message}));
        }
    }
    Ok(body)
}

/// Makes the call: every try has the same body and the same `Mailcrane-Delivery`, and a signature of its own time.
fn call(url: &str, event: &str, telling: &Versioned<Telling>, secret: &Secret, now: Timestamp) -> Call {
    let name = format!("{}\n{}", telling.key.pk, telling.key.sk);
    let mut delivery = Digest::of(name.as_bytes()).to_string();
    delivery.truncate(32);
    let body = telling.record.body.clone();
    let headers = vec![
        ("mailcrane-event", event.to_owned()),
        ("mailcrane-delivery", delivery),
        ("mailcrane-signature", signature(secret, now.as_second(), &body)),
    ];
    Call { url: url.to_owned(), headers, body }
}

/// Signs time and body: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hexadecimal digits>`.
fn signature(secret: &Secret, seconds: i64, body: &str) -> String {
    let mut signed = format!("t={seconds},v1=");
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return signed };
    mac.update(format!("{seconds}.{body}").as_bytes());
    for octet in mac.finalize().into_bytes() {
        let _ = write!(signed, "{octet:02x}");
    }
    signed
}

#[cfg(test)]
mod tests;

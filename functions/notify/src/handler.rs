//! Takes notifications from the queue, sends each mail once, and tells the webhook.

use crate::facts::{Exception, Facts, Trouble};
use crate::letter;
use crate::webhook;
use anyhow::{Context as _, bail};
use mailcrane_core::id::{AccountNo, MigrationId, PassNo};
use mailcrane_core::ports::mailer::Mailer;
use mailcrane_core::ports::table::Table as _;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::ports::webhook::Webhooks;
use mailcrane_core::record::{Account, Migration, Record, Versioned, keys};
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_core::token::{MailEvent, Task};
use mailcrane_core::{Remedy, Timestamp};
use mailcrane_engine::world::{World, later};
use mailcrane_engine::{check, intake, ledger};
use mailcrane_lambda::batch::{Answer, Batch, chain};
use mailcrane_lambda::view::MigrationView;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many accounts are named in a mail.
const NAMED: usize = 20;

/// At most so many mails of one pass ask for attention.
const ATTENTIONS: i64 = 5;

/// Another delivery of the same task waits so long for the first one.
const SENDING: Duration = Duration::from_secs(60);

/// The adapters and settings of one process.
pub(crate) struct App<W: World, V: Vault, M: Mailer, H: Webhooks> {
    pub(crate) world: W,
    pub(crate) vault: V,
    pub(crate) mailer: M,
    pub(crate) webhooks: H,
    /// Where the web page is, without a final slash.
    pub(crate) public_url: String,
    /// Whose name stands above the mails.
    pub(crate) brand: String,
}

/// A mail that was sent, or is being sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    v: u8,
    /// Whether it is on its way, or was given up for good.
    done: bool,
    /// Until when its sender may be at work.
    until: Timestamp,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    refused: String,
}

impl Record for Sent {}

/// A notification.
pub(crate) struct Notice {
    pub(crate) migration: MigrationId,
    pub(crate) event: MailEvent,
    pub(crate) pass: PassNo,
    pub(crate) detail: String,
}

impl Notice {
    /// Returns the account that an attention is about, and the code of its trouble.
    pub(crate) fn about(&self) -> Option<(AccountNo, &str)> {
        let (no, code) = self.detail.split_once(':')?;
        Some((AccountNo(no.parse().ok()?), code))
    }
}

/// Sends the mail of every task; one that fails is delivered again.
pub(crate) async fn handle<W: World, V: Vault, M: Mailer, H: Webhooks>(app: &App<W, V, M, H>, batch: Batch) -> Answer {
    batch.each(|message| async move { one(app, &message.body).await }).await
}

async fn one<W: World, V: Vault, M: Mailer, H: Webhooks>(app: &App<W, V, M, H>, body: &str) -> anyhow::Result<()> {
    let notice = match serde_json::from_str(body).context("the message is no task")? {
        Task::Notify { migration, event, pass, detail, .. } => Notice { migration, event, pass, detail },
        Task::Check { .. } | Task::CheckAll { .. } | Task::Permit { .. } => {
            bail!("a check came to the notify function")
        }
    };
    let table = app.world.table();
    if notice.event == MailEvent::Ended {
        check::roll_up(&app.world, &notice.migration).await.context("the totals cannot be rolled up")?;
    }
    let key = keys::migration(&notice.migration);
    let migration = ledger::find::<Migration>(table, &key).await.context("the migration cannot be read")?;
    let Some(migration) = migration.map(|found| found.record) else { return Ok(()) };
    if matches!(migration.state, MigrationState::Erasing | MigrationState::Erased) {
        return Ok(());
    }
    let mailed = mail(app, &notice, &migration).await;
    webhook::tell(app, &notice, &migration).await?;
    mailed
}

async fn mail<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
) -> anyhow::Result<()> {
    if migration.notify.is_empty() {
        return Ok(());
    }
    let Some(claim) = claim(app, notice).await? else { return Ok(()) };
    if notice.event == MailEvent::Attention && !may_ask(app, notice, "").await? {
        return end(app, claim, "enough mails of this pass asked for attention").await;
    }
    send(app, notice, migration, claim).await
}

/// Takes the right to send the mail; nothing when it was sent, or another delivery sends it.
async fn claim<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
) -> anyhow::Result<Option<Versioned<Sent>>> {
    let (table, now) = (app.world.table(), app.world.now());
    let name = format!("{}#{}#{}", notice.event.as_str(), notice.pass, notice.detail);
    let key = keys::mail(&notice.migration, &name);
    let until = later(now, SENDING);
    let fresh = Sent { v: 1, done: false, until, refused: String::new() };
    let mut sent = match ledger::find::<Sent>(table, &key).await.context("the mail's record cannot be read")? {
        None => Versioned::fresh(key, fresh),
        Some(known) if known.record.done => return Ok(None),
        Some(known) if known.record.until > now => bail!("another delivery is sending this mail"),
        Some(known) => Versioned { record: fresh, ..known },
    };
    match ledger::put(table, &mut sent).await {
        Ok(()) => Ok(Some(sent)),
        Err(error) if error.is_conflict() => bail!("another delivery is sending this mail"),
        Err(error) => Err(error).context("the mail's record cannot be written"),
    }
}

/// Counts what asks for attention in one pass, by mail or otherwise, and tells whether this may.
pub(crate) async fn may_ask<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    way: &str,
) -> anyhow::Result<bool> {
    let key = keys::mail(&notice.migration, &format!("count#{}{way}", notice.pass));
    let count = app.world.table().add(&key, 1, None).await.context("the mails cannot be counted")?;
    Ok(count <= ATTENTIONS)
}

async fn send<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
    mut claim: Versioned<Sent>,
) -> anyhow::Result<()> {
    let facts = facts(app, notice, migration).await?;
    let mail = letter::mail(&facts, &app.brand, &migration.language, migration.notify.clone())
        .context("the mail is not written")?;
    match app.mailer.send(&mail).await {
        Ok(()) => {
            tracing::info!(migration.id = %migration.id, mail.event = notice.event.as_str(), "a mail was sent");
            end(app, claim, "").await
        }
        Err(fault) if matches!(fault.remedy, Remedy::RetryAfter(_)) => {
            claim.record.until = app.world.now();
            let freed = ledger::put(app.world.table(), &mut claim).await;
            freed.context("the mail's record cannot be written")?;
            Err(fault).context("the mail was not sent")
        }
        Err(fault) => {
            tracing::error!(migration.id = %migration.id, error = chain(&fault), "a mail was refused and is given up");
            end(app, claim, &fault.code).await
        }
    }
}

async fn end<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    mut claim: Versioned<Sent>,
    refused: &str,
) -> anyhow::Result<()> {
    claim.record.done = true;
    refused.clone_into(&mut claim.record.refused);
    ledger::put(app.world.table(), &mut claim).await.context("the mail's record cannot be written")
}

async fn facts<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
) -> anyhow::Result<Facts> {
    let view = MigrationView::of(migration);
    let (exceptions, exceptions_total) = exceptions(app, notice, migration).await?;
    let link = match app.vault.open(&migration.id, intake::TOKEN).await {
        Ok(token) => format!("{}/#{}.{}", app.public_url, migration.id, token.expose()),
        // Without the token the page asks for the link of an earlier mail.
        Err(fault) if fault.code == "vault.shredded" => format!("{}/", app.public_url),
        Err(fault) => return Err(fault).context("the link cannot be made"),
    };
    Ok(Facts {
        event: notice.event,
        id: view.id,
        name: view.name,
        state: migration.state,
        kind: migration.pass_kind,
        accounts: migration.present(),
        totals: view.totals,
        created: migration.created,
        started: migration.started,
        ended: migration.ended,
        keep_until: migration.keep_until,
        exceptions,
        exceptions_total,
        link,
        trouble: notice.about().map_or(Trouble::Other, |(_, code)| Trouble::of(code)),
    })
}

/// Names the accounts that did not end well; for an attention that is about one account, that one.
async fn exceptions<W: World, V: Vault, M: Mailer, H: Webhooks>(
    app: &App<W, V, M, H>,
    notice: &Notice,
    migration: &Migration,
) -> anyhow::Result<(Vec<Exception>, usize)> {
    if !matches!(notice.event, MailEvent::Ended | MailEvent::Attention) {
        return Ok((Vec::new(), 0));
    }
    let table = app.world.table();
    if let Some((no, _)) = notice.about() {
        let account = ledger::find::<Account>(table, &keys::account(&migration.id, no)).await;
        let account = account.context("the account cannot be read")?;
        let named: Vec<_> = account.into_iter().filter_map(|account| exception(&account.record)).collect();
        return Ok((named, 1));
    }
    let (mut named, mut total) = (Vec::new(), 0);
    for bucket in 0..migration.accounts.div_ceil(250) {
        let accounts = ledger::all::<Account>(table, &keys::bucket(&migration.id, bucket), "A#").await;
        for account in accounts.context("the accounts cannot be read")? {
            if let Some(exception) = exception(&account.record) {
                total += 1;
                if named.len() < NAMED {
                    named.push(exception);
                }
            }
        }
    }
    Ok((named, total))
}

fn exception(account: &Account) -> Option<Exception> {
    let failed = account.pass.counters.failed;
    let stands = matches!(account.state, AccountState::CheckFailed | AccountState::Stalled);
    let wrong = account.selected && (stands || failed > 0);
    let (code, message) = if stands { (account.error_code.clone(), account.error.clone()) } else { Default::default() };
    wrong.then(|| Exception { mailbox: account.destination.mailbox.clone(), code, message, failed })
}

#[cfg(test)]
mod tests;

//! `POST …/mailboxes`: the operator has mailboxes created that are missing at the destination, or a password reset of
//! one that was created so. Passwords are told in the answer and nowhere else.

use crate::answer::of_intake;
use crate::app::App;
use crate::password;
use mailcrane_core::Fault;
use mailcrane_core::Remedy;
use mailcrane_core::id::AccountNo;
use mailcrane_core::ports::directory::{Directory, NewUser};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{Account, CreatedMailbox, DestinationKind, Migration, keys};
use mailcrane_core::secret::Secret;
use mailcrane_core::state::AccountState;
use mailcrane_engine::mailbox::{self, Made, NewMailbox};
use mailcrane_engine::world::{World, later};
use mailcrane_engine::{intake, ledger};
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::http::{Faults, Fields, Problem, Request, Response};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// The most mailboxes of one request: each takes some calls that WorkMail answers slowly.
const MOST: usize = 20;

/// No mailbox is begun after this time, so that the answer with the passwords is given.
const BEGIN: Duration = Duration::from_secs(15);

/// The longest name of a user; a Simple AD takes no longer one.
const LONGEST_NAME: usize = 20;

/// What is asked for one account.
struct Wanted {
    account: AccountNo,
    mailbox: NewMailbox,
}

/// What became of the mailbox of one account.
#[derive(Serialize)]
struct MailboxView {
    account: u32,
    mailbox: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary_password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl MailboxView {
    fn of(wanted: &Wanted, state: &'static str) -> Self {
        let (account, mailbox) = (wanted.account.0, wanted.mailbox.email.clone());
        Self { account, mailbox, state, user: None, temporary_password: None, error_code: None, error: None }
    }

    fn telling(mut self, user: &str, password: &Secret) -> Self {
        self.user = Some(user.to_owned());
        self.temporary_password = Some(password.expose().to_owned());
        self
    }

    fn failed(wanted: &Wanted, fault: &Fault) -> Self {
        let state = if matches!(fault.remedy, Remedy::RetryAfter(_)) { "unfinished" } else { "failed" };
        let (code, text) = (Some(fault.code.to_string()), Some(fault.message.clone()));
        Self { error_code: code, error: text, ..Self::of(wanted, state) }
    }
}

/// What the request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Create,
    Reset,
}

/// Creates mailboxes, or resets passwords.
pub(crate) async fn make<W: World, V: Vault, D: Directory>(
    app: &App<W, V>,
    directory: Option<&D>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    if !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    let Some(directory) = directory else {
        let text = "this stack creates no mailboxes; set its parameter WorkMailCreateMailboxes to true, or create them \
                    in the WorkMail console";
        return Err(Problem::conflict("mailboxes.off", text));
    };
    possible(&migration)?;
    let (wanted, wish) = read(app, request, &migration).await?;
    // An Idempotency-Key is not needed: what was created is not created again, and a password is told once.
    let views = carry(&app.world, directory, &migration, &wanted, wish).await?;
    Ok(Response::json(200, &json!({"mailboxes": views})))
}

fn possible(migration: &Migration) -> Result<(), Problem> {
    if !matches!(migration.destination, DestinationKind::Workmail { .. }) {
        let text = "mailboxes are created in WorkMail alone; the destination of this migration is another server";
        return Err(Problem::conflict("mailbox.not_workmail", text));
    }
    if !migration.by_operator {
        let text = "mailboxes are created only for a migration that the operator created";
        return Err(Problem::conflict("destination.not_permitted", text));
    }
    Ok(())
}

async fn carry<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    wanted: &[Wanted],
    wish: Wish,
) -> Result<Vec<MailboxView>, Problem> {
    let stop_at = later(world.now(), BEGIN);
    let mut views = Vec::new();
    for one in wanted {
        if world.now() >= stop_at {
            let text = "there was no time left for this mailbox; ask for it again";
            views.push(MailboxView::failed(one, &Fault::retry(Duration::ZERO, "mailbox.no_time", text)));
            continue;
        }
        let password = password::temporary().map_err(|_| Problem::internal())?;
        views.push(match wish {
            Wish::Create => created(world, directory, migration, one, &password).await,
            Wish::Reset => reset(world, directory, migration, one, &password).await,
        });
    }
    Ok(views)
}

async fn created<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    wanted: &Wanted,
    password: &Secret,
) -> MailboxView {
    let (id, no) = (&migration.id, wanted.account);
    match mailbox::create(world, directory, migration, &wanted.mailbox, password).await {
        Ok(Made::Exists) => MailboxView::of(wanted, "exists"),
        Ok(Made::Before) => MailboxView::of(wanted, "created_before"),
        Ok(Made::Created) => {
            tracing::info!(migration.id = %id, account.no = no.0, "a mailbox was created");
            check_again(world, migration, no).await;
            MailboxView::of(wanted, "created").telling(&wanted.mailbox.user.name, password)
        }
        Err(fault) => refused(migration, wanted, &fault),
    }
}

/// What was refused for want of the mailbox is checked again.
async fn check_again<W: World>(world: &W, migration: &Migration, no: AccountNo) {
    let found = ledger::find::<Account>(world.table(), &keys::account(&migration.id, no)).await;
    let failed = found.ok().flatten().is_some_and(|found| found.record.state == AccountState::CheckFailed);
    if failed && let Err(error) = intake::recheck(world, &migration.id, no).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(migration.id = %migration.id, account.no = no.0, error, "the account waits for another check");
    }
}

async fn reset<W: World, D: Directory>(
    world: &W,
    directory: &D,
    migration: &Migration,
    wanted: &Wanted,
    password: &Secret,
) -> MailboxView {
    let key = keys::created_mailbox(&migration.id, &wanted.mailbox.email);
    let user = ledger::find::<CreatedMailbox>(world.table(), &key).await.ok().flatten().map(|known| known.record.user);
    match mailbox::reset_password(world, directory, migration, &wanted.mailbox.email, password).await {
        Ok(()) => {
            tracing::info!(migration.id = %migration.id, account.no = wanted.account.0, "a password was reset");
            MailboxView::of(wanted, "reset").telling(&user.unwrap_or_default(), password)
        }
        Err(fault) => refused(migration, wanted, &fault),
    }
}

fn refused(migration: &Migration, wanted: &Wanted, fault: &Fault) -> MailboxView {
    let (id, no, error) = (&migration.id, wanted.account.0, fault as &dyn std::error::Error);
    tracing::warn!(migration.id = %id, account.no = no, error, "A mailbox could not be created, or its password not be set anew");
    MailboxView::failed(wanted, fault)
}

async fn read<W: World, V: Vault>(
    app: &App<W, V>,
    request: &Request,
    migration: &Migration,
) -> Result<(Vec<Wanted>, Wish), Problem> {
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let reset = fields.typed("reset", "true or false").unwrap_or(false);
    let mut wanted: Vec<Wanted> = Vec::new();
    let list = fields.objects("mailboxes").unwrap_or_default();
    if !(1..=MOST).contains(&list.len()) {
        fields.fault("mailboxes", "field.invalid", format!("must name 1 to {MOST} accounts; ask again for the others"));
    }
    for one in list.into_iter().take(MOST) {
        let no = one.typed::<u32>("account", "the number of an account");
        if no.is_none() && one.value("account").is_none() {
            one.fault("account", "field.missing", "is missing");
        }
        let (user, display_name) = (one.text("user", 64), one.text("display_name", 256));
        if user.as_deref().is_some_and(|user| !is_name(user)) {
            one.fault("user", "field.invalid", "may have letters, digits, dots, hyphens and underscores");
        }
        if let Some(no) = no {
            match account(app, migration, no).await? {
                Some(account) if wanted.iter().all(|known| known.account != account.no) => {
                    wanted.push(of(&account, user, display_name));
                }
                Some(_) => one.fault("account", "accounts.repeated", "is named twice"),
                None => one.fault("account", "account.not_found", format!("there is no account {no}")),
            }
        }
        one.end();
    }
    fields.end();
    faults.check().map(|()| (wanted, if reset { Wish::Reset } else { Wish::Create }))
}

async fn account<W: World, V: Vault>(
    app: &App<W, V>,
    migration: &Migration,
    no: u32,
) -> Result<Option<Account>, Problem> {
    let found = ledger::find::<Account>(app.world.table(), &keys::account(&migration.id, AccountNo(no))).await;
    let found = found.map_err(|error| of_intake(error.into()))?.map(|found| found.record);
    Ok(found.filter(|account| !account.removed && no < migration.accounts))
}

fn of(account: &Account, user: Option<String>, display_name: Option<String>) -> Wanted {
    let email = account.destination.mailbox.clone();
    let local = email.rsplit_once('@').map_or(email.as_str(), |(local, _)| local).to_owned();
    let user = NewUser { name: user.unwrap_or_else(|| name_of(&local)), display_name: display_name.unwrap_or(local) };
    Wanted { account: account.no, mailbox: NewMailbox { email, user } }
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Returns a name to sign in with, made of what stands before the @.
fn name_of(local: &str) -> String {
    local.chars().map(|c| if is_name(&c.to_string()) { c } else { '-' }).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_user_is_made_of_the_address() {
        assert_eq!(name_of("anna.berg"), "anna.berg");
        assert_eq!(name_of("o'brien+news"), "o-brien-news");
        assert_eq!(name_of("a-very-long-name-of-somebody"), "a-very-long-name-of-");
    }
}

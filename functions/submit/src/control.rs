//! `POST /v1/migrations/{id}/start` and the other actions on a whole migration.

use crate::actions::Action;
use crate::answer::{of_control, of_fault, of_intake};
use crate::app::App;
use crate::entry;
use crate::rehearsal;
use crate::repeat::{self, Repeat};
use mailcrane_core::Timestamp;
use mailcrane_core::id::AccountNo;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{Access, Account, DestinationKind, Migration, PassKind, keys};
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_engine::rehearsal::Wanted;
use mailcrane_engine::world::World;
use mailcrane_engine::{check, control, export, ledger};
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::http::{Faults, Fields, Problem, Request, Response};
use mailcrane_lambda::view::MigrationView;

/// What a start says.
struct Start {
    kind: PassKind,
    at: Option<Timestamp>,
    before: Option<Timestamp>,
    dry_run: bool,
    /// The hash of the voucher that pays.
    voucher: Option<String>,
}

impl Start {
    fn of(kind: PassKind) -> Self {
        Self { kind, at: None, before: None, dry_run: false, voucher: None }
    }
}

/// An undo of a whole migration is taken for so many accounts; above that account by account.
const UNDONE_AT_ONCE: u32 = 500;

/// Carries out an action.
pub(crate) async fn act<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
    action: Action,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let start = match action {
        Action::Start => read_start(request, PassKind::Full)?,
        Action::Delta => read_start(request, PassKind::Delta)?,
        Action::Undo => Start { dry_run: read_dry_run(request)?, ..Start::of(PassKind::Full) },
        _ => Start::of(PassKind::Delta),
    };
    if let Some(hash) = &start.voucher
        && !entry::guess(app, request, hash).await?
    {
        let text = "is not a voucher, or it is used up, expired or was taken back";
        return Err(Problem::field("voucher", "voucher.refused", text));
    }
    if start.dry_run && matches!(action, Action::Start | Action::Delta) {
        let wanted = Wanted { kind: start.kind, at: start.at, before: start.before, voucher: start.voucher };
        return rehearsal::show(&app.world, &migration.id, &wanted).await;
    }
    match repeat::begin(&app.world, request, migration.id.clone()).await? {
        Repeat::Done(_) => Ok(Response::json(202, &MigrationView::of(&migration))),
        Repeat::Carry(attempt, _) => {
            let done = Box::pin(carry(&app.world, &migration, action, &start)).await;
            if done.is_ok() {
                tracing::info!(migration.id = %migration.id, ?action, "a person acted");
            }
            let answer = done.map(|migration| Response::json(202, &MigrationView::of(&migration)));
            repeat::end(&app.world, attempt, answer).await
        }
    }
}

async fn carry<W: World>(
    world: &W,
    migration: &Migration,
    action: Action,
    start: &Start,
) -> Result<Migration, Problem> {
    let id = &migration.id;
    match action {
        Action::Start | Action::Delta => begin(world, migration, start).await,
        Action::Pause => control::pause(world, id).await.map_err(of_control),
        Action::Resume => control::resume(world, id).await.map_err(of_control),
        Action::Cancel => control::cancel(world, id).await.map_err(of_control),
        Action::Keep => control::keep(world, id).await.map_err(of_control),
        Action::Erase => control::erase(world, id).await.map_err(of_control),
        Action::Retry => retry_all(world, migration).await,
        Action::Undo => undo_all(world, migration, start.dry_run).await,
    }
}

/// Starts a pass. Where the permissions of the last pass were taken back, every account is checked again first, which
/// makes them anew; for a pass at a later time this happens now, so that what is refused is known before.
async fn begin<W: World>(world: &W, migration: &Migration, start: &Start) -> Result<Migration, Problem> {
    let again = is_over(migration.state) && needs_permission(migration);
    if again {
        check::again(world, migration).await.map_err(|fault| of_fault(&fault))?;
    }
    let voucher = start.voucher.as_deref();
    let started = control::start_with(world, &migration.id, start.kind, start.at, start.before, voucher).await;
    let started = started.map_err(of_control)?;
    if again && let Err(fault) = check::fan_out(world, &migration.id, AccountNo(0)).await {
        return Err(of_fault(&fault));
    }
    Ok(started)
}

fn is_over(state: MigrationState) -> bool {
    matches!(state, MigrationState::Finished | MigrationState::FinishedWithErrors | MigrationState::Failed)
}

fn needs_permission(migration: &Migration) -> bool {
    matches!(migration.destination, DestinationKind::Workmail { access: Access::Administrator | Access::Impersonation })
}

/// Tries one account again and returns it.
pub(crate) async fn retry<W: World>(world: &W, migration: &Migration, no: AccountNo) -> Result<Account, Problem> {
    if is_over(migration.state) && needs_permission(migration) {
        begin(world, migration, &Start::of(PassKind::Delta)).await?;
    } else {
        control::retry(world, &migration.id, no).await.map_err(of_control)?;
    }
    let account = ledger::get::<Account>(world.table(), &keys::account(&migration.id, no)).await;
    Ok(account.map_err(|error| of_intake(error.into()))?.record)
}

/// Tries every account again that needs it: within a running pass those that are stalled, after it by a delta.
async fn retry_all<W: World>(world: &W, migration: &Migration) -> Result<Migration, Problem> {
    if is_over(migration.state) {
        return begin(world, migration, &Start::of(PassKind::Delta)).await;
    }
    let mut latest = migration.clone();
    for bucket in 0..migration.accounts.div_ceil(250) {
        let partition = keys::bucket(&migration.id, bucket);
        let accounts = ledger::all::<Account>(world.table(), &partition, "A#").await;
        for account in accounts.map_err(|error| of_intake(error.into()))? {
            if account.record.state == AccountState::Stalled {
                latest = control::retry(world, &migration.id, account.record.no).await.map_err(of_control)?;
            }
        }
    }
    Ok(latest)
}

/// Takes back what was stored for one account and returns the account.
pub(crate) async fn undo<W: World>(
    world: &W,
    migration: &Migration,
    no: AccountNo,
    dry_run: bool,
) -> Result<Account, Problem> {
    control::undo(world, &migration.id, no, dry_run).await.map_err(of_control)?;
    let account = ledger::get::<Account>(world.table(), &keys::account(&migration.id, no)).await;
    Ok(account.map_err(|error| of_intake(error.into()))?.record)
}

/// Begins an export of an account's manifest and returns the account.
pub(crate) async fn export<W: World>(world: &W, migration: &Migration, no: AccountNo) -> Result<Account, Problem> {
    export::begin(world, &migration.id, no).await.map_err(|error| of_intake(error.into()))?;
    let account = ledger::get::<Account>(world.table(), &keys::account(&migration.id, no)).await;
    Ok(account.map_err(|error| of_intake(error.into()))?.record)
}

async fn undo_all<W: World>(world: &W, migration: &Migration, dry_run: bool) -> Result<Migration, Problem> {
    if migration.accounts > UNDONE_AT_ONCE {
        let text = format!("a migration of more than {UNDONE_AT_ONCE} accounts is undone account by account");
        return Err(Problem::field("accounts", "undo.too_many", text));
    }
    for no in (0..migration.accounts).map(AccountNo) {
        let account = ledger::find::<Account>(world.table(), &keys::account(&migration.id, no)).await;
        let account = account.map_err(|error| of_intake(error.into()))?;
        if account.is_some_and(|account| account.record.pass.no.0 > 0) {
            control::undo(world, &migration.id, no, dry_run).await.map_err(of_control)?;
        }
    }
    Ok(migration.clone())
}

/// Reads whether an undo only counts.
pub(crate) fn read_dry_run(request: &Request) -> Result<bool, Problem> {
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let dry_run = fields.typed("dry_run", "true or false").unwrap_or(false);
    fields.end();
    faults.check().map(|()| dry_run)
}

fn read_start(request: &Request, or: PassKind) -> Result<Start, Problem> {
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let kind = if or == PassKind::Delta { Some(or) } else { fields.typed("kind", "full, trial, prestage or delta") };
    let at = match fields.text("at", 64).as_deref() {
        None | Some("now") => None,
        Some(text) => {
            let read = text.parse::<Timestamp>().ok();
            if read.is_none() {
                let text = "must be now, or a time with zone such as 2026-01-31T08:00:00Z or 2026-01-31T08:00:00+01:00";
                fields.fault("at", "field.invalid", text);
            }
            read
        }
    };
    let before = fields.typed("before", "a time with zone such as 2026-01-31T08:00:00Z");
    if kind == Some(PassKind::Prestage) && before.is_none() && !fields.has("before") {
        fields.fault("before", "field.missing", "is missing; a pre-stage copies what is older than this time");
    }
    let voucher = fields.text("voucher", 100).map(|code| entry::code_hash(&code));
    let dry_run = fields.typed("dry_run", "true or false").unwrap_or(false);
    fields.end();
    faults.check().map(|()| Start { kind: kind.unwrap_or(or), at, before, dry_run, voucher })
}

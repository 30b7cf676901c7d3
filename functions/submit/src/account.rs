//! `POST …/accounts`, `PATCH …/accounts/{no}`, `POST …/accounts/{no}/check` and `/retry`.

use crate::answer::of_intake;
use crate::app::App;
use crate::control;
use crate::create::needs_password;
use crate::csv;
use crate::endpoint::{Server, is_address};
use crate::entry;
use crate::oauth::{self, For};
use crate::repeat::{self, Repeat};
use mailcrane_core::id::AccountNo;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{
    Access, Account, DestinationEnd, Migration, PassKind, Secrets, SourceAuth, SourceEnd, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::state::MigrationState;
use mailcrane_engine::intake::{self, AccountChange, NewAccount};
use mailcrane_engine::ledger;
use mailcrane_engine::world::World;
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::http::{BODY_LIMIT, Faults, Fields, Problem, Request, Response};
use mailcrane_lambda::view::{AccountView, MigrationView};
use mailcrane_providers::Catalogue;
use serde_json::json;
use std::collections::BTreeMap;

/// What an account is read with.
pub(crate) struct Context<'a> {
    /// What the migration says for all sources.
    pub(crate) defaults: &'a Server,
    /// Whether the password of the destination must be there.
    pub(crate) needs_password: bool,
}

/// Reads a new account; its faults are noted by the fields.
pub(crate) fn read_new(fields: Fields<'_>, context: &Context<'_>) -> Option<NewAccount> {
    let source = fields.object("source");
    if source.is_none() && !fields.has("source") {
        fields.fault("source", "field.missing", "is missing");
    }
    let source = source.and_then(|source| {
        let read = read_source(&source, context);
        source.end();
        read
    });
    let destination = fields.object("destination");
    if destination.is_none() && !fields.has("destination") {
        fields.fault("destination", "field.missing", "is missing");
    }
    let destination = destination.and_then(|destination| {
        let read = read_destination(&destination, context.needs_password);
        destination.end();
        read
    });
    let selected = fields.typed("selected", "true or false").unwrap_or(true);
    fields.end();
    let ((source, mut secrets), (destination, password)) = (source?, destination?);
    secrets.destination_password = password;
    Some(NewAccount { source, destination, secrets, selected })
}

fn read_source(fields: &Fields<'_>, context: &Context<'_>) -> Option<(SourceEnd, Secrets)> {
    let user = fields.need("user", 320);
    let password = fields.raw_text("password", 1_000).filter(|password| !password.is_empty());
    let server = Server::place(fields);
    if let Some(access) = Server::workmail(fields).or(context.defaults.workmail) {
        return read_workmail(fields, &server, user, password, access);
    }
    let endpoint = server.endpoint(context.defaults);
    let host = endpoint.as_ref().map(|endpoint| endpoint.host.clone());
    let entered = fields.has("oauth");
    let oauth = oauth::read(fields, host.as_deref(), For::Account);
    if entered && password.is_some() {
        fields.fault("oauth", "field.invalid", "cannot be sent together with password");
    }
    if entered && oauth.is_none() {
        return None;
    }
    if endpoint.is_none() && !fields.has("host") {
        fields.fault("host", "field.missing", "is missing, here and in the migration's source");
    }
    let own_admin = server.admin_password.is_some();
    let oauth = oauth.or_else(|| context.defaults.oauth.clone().filter(|_| !own_admin));
    let admin_user = server.admin_user.clone().or_else(|| context.defaults.admin_user.clone());
    let admin_password = server.admin_password.clone().or_else(|| context.defaults.admin_password.clone());
    let known = || host.as_deref().and_then(|host| Catalogue::built_in().admin_scheme(host));
    let scheme = server.admin_scheme.or(context.defaults.admin_scheme).or_else(known).unwrap_or_default();
    let (auth, secrets) = match (password, admin_user, admin_password) {
        (Some(password), ..) => {
            let secrets = Secrets { source_password: Some(Secret::new(password)), ..Secrets::default() };
            (SourceAuth::Password, secrets)
        }
        _ if oauth.is_some() => (SourceAuth::Oauth, Secrets { source_oauth: oauth, ..Secrets::default() }),
        (None, Some(user), Some(password)) => {
            let secrets = Secrets {
                source_admin_user: Some(user),
                source_admin_password: Some(Secret::new(password)),
                ..Secrets::default()
            };
            (SourceAuth::Administrator(scheme), secrets)
        }
        (None, Some(_), None) => {
            fields.fault("admin_password", "field.missing", "is missing");
            return None;
        }
        (None, None, _) => {
            let text = "is missing; send the user's password, oauth, or admin_user and admin_password";
            fields.fault("password", "field.missing", text);
            return None;
        }
    };
    Some((SourceEnd { endpoint: endpoint?, user: user?, auth }, secrets))
}

/// Reads a source in the stack's own WorkMail: an address, and a password where its user signs in.
fn read_workmail(
    fields: &Fields<'_>,
    server: &Server,
    user: Option<String>,
    password: Option<&str>,
    access: Access,
) -> Option<(SourceEnd, Secrets)> {
    if server.names_place() || server.admin_user.is_some() || server.admin_password.is_some() || fields.has("oauth") {
        fields.fault("kind", "field.invalid", "is workmail, which takes a user, a password and access only");
    }
    let user = user.filter(|user| {
        let good = is_address(user);
        if !good {
            fields.fault("user", "field.invalid", "must be an e-mail address such as anna@example.org");
        }
        good
    });
    match (access, password) {
        (Access::User, None) => {
            let text = "is missing; send it, or access impersonation, which needs none";
            fields.fault("password", "field.missing", text);
        }
        (Access::Administrator | Access::Impersonation, Some(_)) => {
            fields.fault("password", "field.invalid", "is only taken with access user");
        }
        _ => {}
    }
    let secrets = Secrets { source_password: password.map(Secret::new), ..Secrets::default() };
    Some((SourceEnd { endpoint: Server::own_workmail(), user: user?, auth: SourceAuth::Workmail(access) }, secrets))
}

fn read_destination(fields: &Fields<'_>, needs_password: bool) -> Option<(DestinationEnd, Option<Secret>)> {
    let mailbox = fields.need("mailbox", 320).filter(|mailbox| {
        let good = is_address(mailbox);
        if !good {
            fields.fault("mailbox", "field.invalid", "must be an e-mail address such as anna@example.org");
        }
        good
    });
    let user = fields.text("user", 320);
    let password = fields.raw_text("password", 1_000).filter(|password| !password.is_empty()).map(Secret::new);
    if needs_password && password.is_none() {
        let text = "is missing; send it, or let the operator choose access administrator or impersonation";
        fields.fault("password", "field.missing", text);
    }
    Some((DestinationEnd { mailbox: mailbox?, user }, password))
}

/// Returns what makes an account the same as another: source user, host and destination mailbox.
pub(crate) fn pair(account: &NewAccount) -> (String, String, String) {
    let host = account.source.endpoint.host.to_lowercase();
    (account.source.user.to_lowercase(), host, account.destination.mailbox.to_lowercase())
}

/// Reads the accounts of a body: the list `accounts`, or the file `accounts_csv` (or the whole body as a file).
pub(crate) fn read_list(
    fields: &Fields<'_>,
    file: Option<&[u8]>,
    context: &Context<'_>,
    faults: &Faults,
) -> Vec<NewAccount> {
    let skip = fields.typed("skip_bad_rows", "true or false").unwrap_or(false);
    let member = fields.raw_text("accounts_csv", BODY_LIMIT);
    let list = fields.objects("accounts");
    let accounts = if let Some(file) = file.or(member.map(str::as_bytes)) {
        if list.is_some() {
            fields.fault("accounts_csv", "field.invalid", "cannot be sent together with accounts");
        }
        let read = csv::read(file, context).and_then(|table| table.accounts(skip));
        read.unwrap_or_else(|problem| {
            faults.extend(problem.into_parts());
            Vec::new()
        })
    } else {
        let accounts: Vec<_> = list.into_iter().flatten().filter_map(|one| read_new(one, context)).collect();
        tell_repetitions(&accounts, "accounts", faults);
        accounts
    };
    if accounts.len() > intake::MOST_ACCOUNTS as usize {
        fields.fault("accounts", "accounts.too_many", format!("has more than {} accounts", intake::MOST_ACCOUNTS));
    }
    accounts
}

/// Notes accounts that are the same pair as an earlier one.
fn tell_repetitions(accounts: &[NewAccount], path: &str, faults: &Faults) {
    let mut seen = BTreeMap::new();
    for (no, account) in accounts.iter().enumerate() {
        if let Some(first) = seen.insert(pair(account), no) {
            let text = format!("is the same source and destination as account {first}; leave one of them out");
            faults.add(format!("{path}.{no}"), "accounts.repeated", text);
        }
    }
}

/// Adds accounts.
pub(crate) async fn add<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let defaults = fields.object("source").map(|source| {
        let defaults = Server::read(&source);
        source.end();
        defaults
    });
    let defaults = defaults.unwrap_or_default();
    let context = Context { defaults: &defaults, needs_password: needs_password(Some(&migration.destination)) };
    let before = faults.count();
    let accounts = read_list(&fields, None, &context, &faults);
    if accounts.is_empty() && faults.count() == before {
        fields.fault("accounts", "field.missing", "must have at least one account");
    }
    fields.end();
    faults.check()?;
    if accounts.iter().any(|account| opens_others(account.source.auth)) && !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    if !migration.by_operator && !operator.matches(request) {
        entry::checks(&app.world, request, accounts.len()).await?;
    }
    match repeat::begin(&app.world, request, migration.id.clone()).await? {
        Repeat::Done(_) => Ok(Response::json(201, &json!({"accounts": migration.present()}))),
        Repeat::Carry(attempt, id) => {
            let added = intake::add(&app.world, &app.vault, &id, &accounts).await.map_err(of_intake);
            let added = match added {
                Ok((migration, first)) => {
                    if let Err(fault) = intake::set_off_checks(&app.world, &id, first).await {
                        tracing::warn!(error = &fault as &dyn std::error::Error, "the checks wait for the sweeper");
                    }
                    Ok(Response::json(201, &json!({"first": first.0, "accounts": migration.present()})))
                }
                Err(problem) => Err(problem),
            };
            repeat::end(&app.world, attempt, added).await
        }
    }
}

/// Tells whether a source is read without its user: then the operator alone says which mailbox it is.
pub(crate) fn opens_others(auth: SourceAuth) -> bool {
    matches!(auth, SourceAuth::Workmail(Access::Administrator | Access::Impersonation))
}

async fn find<W: World>(world: &W, migration: &Migration, no: &str) -> Result<Account, Problem> {
    let no = no.parse().ok().filter(|no| *no < migration.accounts).map(AccountNo);
    let key = keys::account(&migration.id, no.ok_or_else(|| Problem::not_found("account"))?);
    let account = ledger::get::<Account>(world.table(), &key).await.map_err(|error| of_intake(error.into()))?.record;
    if account.removed { Err(Problem::not_found("account")) } else { Ok(account) }
}

/// Removes an account of which nothing was copied.
pub(crate) async fn remove<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
    no: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let account = find(&app.world, &migration, no).await?;
    intake::remove(&app.world, &app.vault, &migration.id, account.no).await.map_err(of_intake)?;
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    Ok(Response::json(200, &MigrationView::of(&migration)))
}

/// Changes credentials, host, mailbox or the tick of an account.
pub(crate) async fn change<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
    no: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let account = find(&app.world, &migration, no).await?;
    let change = read_change(&request.json()?, &account)?;
    if change.source_user.is_some() && opens_others(account.source.auth) && !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    if !migration.by_operator && !operator.matches(request) {
        entry::checks(&app.world, request, usize::from(change.needs_check())).await?;
        may_tick(&migration, &account, &change)?;
    }
    let changed = intake::change(&app.world, &app.vault, &migration.id, account.no, &change).await;
    Ok(Response::json(200, &AccountView::of(&changed.map_err(of_intake)?)))
}

/// Refuses to add to a pass that is under way an account that was not redeemed.
fn may_tick(migration: &Migration, account: &Account, change: &AccountChange) -> Result<(), Problem> {
    let ticks = change.selected == Some(true) && !account.selected;
    let under_way = migration.state.copies() || migration.state == MigrationState::Scheduled;
    if ticks && under_way && migration.pass_kind != PassKind::Trial && !migration.right.covers(account.no) {
        let text = "this account was not redeemed with the pass under way; tick it after the pass and start another";
        return Err(Problem::conflict("voucher.not_redeemed", text));
    }
    Ok(())
}

fn read_change(body: &serde_json::Value, account: &Account) -> Result<AccountChange, Problem> {
    let faults = Faults::default();
    let fields = Fields::of(body, "", &faults);
    let mut change = AccountChange { selected: fields.typed("selected", "true or false"), ..AccountChange::default() };
    if let Some(source) = fields.object("source") {
        let server = Server::place(&source);
        let known = &account.source.endpoint;
        let defaults = Server {
            host: Some(known.host.clone()),
            port: Some(known.port),
            security: Some(known.security),
            fingerprint: known.fingerprint.clone(),
            ..Server::default()
        };
        change.endpoint = server.endpoint(&defaults).filter(|_| server.names_place());
        change.source_user = source.text("user", 320);
        let host = change.endpoint.as_ref().unwrap_or(known).host.clone();
        let oauth = oauth::read(&source, Some(&host), For::Account);
        let password = source.raw_text("password", 1_000).filter(|password| !password.is_empty());
        let administrator = server.admin_user.is_some() || server.admin_password.is_some();
        if oauth.is_some() && (password.is_some() || administrator) {
            source.fault("oauth", "field.invalid", "cannot be sent together with a password");
        }
        let known = || Catalogue::built_in().admin_scheme(&host);
        let scheme = server.admin_scheme;
        if let Some(password) = password {
            change.secrets.source_password = Some(Secret::new(password));
            // A WorkMail mailbox stays one, whose user signs in now.
            change.auth = match account.source.auth {
                SourceAuth::Workmail(_) => Some(SourceAuth::Workmail(Access::User)),
                _ => Some(SourceAuth::Password),
            };
        } else if oauth.is_some() {
            change.secrets.source_oauth = oauth;
            change.auth = Some(SourceAuth::Oauth);
        } else if administrator {
            let before = match account.source.auth {
                SourceAuth::Administrator(scheme) => Some(scheme),
                _ => None,
            };
            change.secrets.source_admin_user = server.admin_user;
            change.secrets.source_admin_password = server.admin_password.map(Secret::new);
            change.auth = Some(SourceAuth::Administrator(scheme.or(before).or_else(known).unwrap_or_default()));
        } else if let (Some(scheme), SourceAuth::Administrator(_)) = (scheme, account.source.auth) {
            change.auth = Some(SourceAuth::Administrator(scheme));
        }
        source.end();
    }
    if let Some(destination) = fields.object("destination") {
        change.mailbox = destination.text("mailbox", 320);
        if change.mailbox.as_deref().is_some_and(|mailbox| !is_address(mailbox)) {
            destination.fault("mailbox", "field.invalid", "must be an e-mail address such as anna@example.org");
        }
        change.destination_user = destination.text("user", 320);
        let password = destination.raw_text("password", 1_000).filter(|password| !password.is_empty());
        change.secrets.destination_password = password.map(Secret::new);
        destination.end();
    }
    fields.end();
    faults.check().map(|()| change)
}

/// Checks an account again, tries it again, or takes back what was stored for it.
pub(crate) async fn act<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
    no: &str,
    action: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let account = find(&app.world, &migration, no).await?;
    if action == "check" && !migration.by_operator && !operator.matches(request) {
        entry::checks(&app.world, request, 1).await?;
    }
    let dry_run = action == "undo" && control::read_dry_run(request)?;
    match repeat::begin(&app.world, request, migration.id.clone()).await? {
        Repeat::Done(_) => Ok(Response::json(202, &AccountView::of(&account))),
        Repeat::Carry(attempt, _) => {
            let done = match action {
                "check" => intake::recheck(&app.world, &migration.id, account.no).await.map_err(of_intake),
                "export" => control::export(&app.world, &migration, account.no).await,
                "undo" => control::undo(&app.world, &migration, account.no, dry_run).await,
                _ => control::retry(&app.world, &migration, account.no).await,
            };
            let answer = done.map(|account| Response::json(202, &AccountView::of(&account)));
            repeat::end(&app.world, attempt, answer).await
        }
    }
}

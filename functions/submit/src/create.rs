//! `POST /v1/migrations`: a new migration with its accounts.

use crate::account::{self, Context};
use crate::answer::{of_fault, of_intake};
use crate::app::App;
use crate::endpoint::{Server, is_address};
use crate::entry::{self, Caller};
use crate::options;
use crate::repeat::{self, Repeat};
use crate::webhook;
use mailcrane_core::id::MigrationId;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{Access, DestinationKind, Migration, Right};
use mailcrane_core::secret::Secret;
use mailcrane_engine::intake::{self, Order};
use mailcrane_engine::ledger;
use mailcrane_engine::webhook::SECRET;
use mailcrane_engine::world::World;
use mailcrane_lambda::access::{self, OperatorKey, hash};
use mailcrane_lambda::http::{Faults, Fields, Problem, Request, Response};
use mailcrane_lambda::view::MigrationView;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a new migration is answered with; the only time that the token is told.
#[derive(Serialize)]
struct Created {
    id: String,
    token: String,
    status_url: String,
    state: mailcrane_core::state::MigrationState,
    accounts: u32,
    /// What signs the calls of the webhook, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

/// Takes an order.
pub(crate) async fn create<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Response, Problem> {
    let caller = entry::caller(app, operator, request).await?;
    let (body, file) = body(request)?;
    let (fresh, token) = (access::new_migration_id(app.world.now()), access::new_token());
    let (Ok(fresh), Ok(token)) = (fresh, token) else { return Err(Problem::internal()) };
    let order = read(&body, file.as_deref(), (fresh.clone(), token), &caller, app.private_hosts)?;
    options::offered(&order.options, app.rescue)?;
    if caller != Caller::Operator {
        entry::creation(&app.world, request, &order.notify).await?;
        entry::checks(&app.world, request, order.accounts.len()).await?;
    }
    match repeat::begin(&app.world, request, fresh).await? {
        Repeat::Done(id) => replayed(app, &id).await,
        Repeat::Carry(attempt, id) => {
            let made = make(app, Order { id, ..order }).await;
            repeat::end(&app.world, attempt, made).await
        }
    }
}

async fn make<W: World, V: Vault>(app: &App<W, V>, order: Order) -> Result<Response, Problem> {
    let (token, token_hash) = (order.token.clone(), order.token_hash.clone());
    let secret = order.webhook.as_ref().map(|webhook| webhook.secret.clone());
    let migration = intake::create(&app.world, &app.vault, order).await.map_err(of_intake)?;
    if let Err(fault) = intake::set_off(&app.world, &migration).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "the checks wait for the sweeper");
    }
    tracing::info!(migration.id = %migration.id, accounts = migration.accounts, "a migration was submitted");
    if migration.token_hash == token_hash {
        Ok(created(app, &migration, &token, secret.as_ref()))
    } else {
        replayed(app, &migration.id).await
    }
}

/// Answers a repeated order as the first time; token and secret come out of the vault.
async fn replayed<W: World, V: Vault>(app: &App<W, V>, id: &MigrationId) -> Result<Response, Problem> {
    let key = mailcrane_core::record::keys::migration(id);
    let migration = ledger::get::<Migration>(app.world.table(), &key).await.map_err(|error| of_intake(error.into()))?;
    let token = app.vault.open(id, intake::TOKEN).await.map_err(|fault| of_fault(&fault))?;
    let secret = match &migration.record.webhook {
        Some(_) => Some(app.vault.open(id, SECRET).await.map_err(|fault| of_fault(&fault))?),
        None => None,
    };
    Ok(created(app, &migration.record, &token, secret.as_ref()))
}

fn created<W: World, V: Vault>(
    app: &App<W, V>,
    migration: &Migration,
    token: &Secret,
    webhook_secret: Option<&Secret>,
) -> Response {
    let location = format!("/v1/migrations/{}", migration.id);
    if migration.right.unconfirmed {
        // Whoever reads the mail is told the token, and nobody else.
        let body = json!({"id": migration.id, "state": migration.state, "accounts": migration.accounts,
            "detail": "open the link in the e-mail that was sent; before that nothing is signed in to"});
        return Response::json(202, &body).with("location", location);
    }
    let body = Created {
        id: migration.id.to_string(),
        token: token.expose().to_owned(),
        status_url: format!("{}/#{}.{}", app.public_url, migration.id, token.expose()),
        state: migration.state,
        accounts: migration.accounts,
        webhook_secret: webhook_secret.map(|secret| secret.expose().to_owned()),
    };
    Response::json(201, &body).with("location", location)
}

/// Confirms the address of a migration, with the token that only the mail to that address told.
pub(crate) async fn confirm<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let confirmed = intake::confirm(&app.world, &migration.id).await.map_err(of_intake)?;
    Ok(Response::json(202, &MigrationView::of(&confirmed)))
}

/// Returns the body as JSON, or as a file of accounts whose order is in the query.
fn body(request: &Request) -> Result<(Value, Option<Vec<u8>>), Problem> {
    if request.media_type() != "text/csv" {
        return Ok((request.json()?, None));
    }
    let text = |name: &str| request.query(name).filter(|value| !value.is_empty());
    let (mut order, mut source, mut destination) = (Map::new(), Map::new(), Map::new());
    for name in ["name", "notify", "language"] {
        order.extend(text(name).map(|value| (name.to_owned(), Value::from(value))));
    }
    if let Some(skip) = text("skip_bad_rows") {
        order.insert("skip_bad_rows".into(), skip.parse().map_or(Value::from(skip.as_str()), Value::Bool));
    }
    for name in ["host", "security", "admin_scheme"] {
        source.extend(text(&format!("source_{name}")).map(|value| (name.to_owned(), Value::from(value))));
    }
    if let Some(port) = text("source_port") {
        source.insert("port".into(), port.parse::<u16>().map_or(Value::from(port.as_str()), Value::from));
    }
    destination.insert("kind".into(), Value::from(text("kind").unwrap_or_else(|| "workmail".into())));
    destination.extend(text("access").map(|value| ("access".to_owned(), Value::from(value))));
    order.insert("source".into(), Value::Object(source));
    order.insert("destination".into(), Value::Object(destination));
    Ok((Value::Object(order), Some(request.body()?)))
}

/// Reads an order, naming everything that is wrong with it.
fn read(
    body: &Value,
    file: Option<&[u8]>,
    (id, token): (MigrationId, Secret),
    caller: &Caller,
    private_hosts: bool,
) -> Result<Order, Problem> {
    let faults = Faults::default();
    let fields = Fields::of(body, "", &faults);
    let destination = destination(&fields);
    if *caller != Caller::Operator && destination.is_some() && !needs_password(destination.as_ref()) {
        let text = "must be user: only the operator may have mailboxes opened without their passwords";
        fields.fault("destination.access", "destination.not_permitted", text);
    }
    let defaults = fields.object("source").map(|source| {
        let defaults = Server::read(&source);
        source.end();
        defaults
    });
    let defaults = defaults.unwrap_or_default();
    let context = Context { defaults: &defaults, needs_password: needs_password(destination.as_ref()) };
    let accounts = account::read_list(&fields, file, &context, &faults);
    let another = |account: &intake::NewAccount| account::opens_others(account.source.auth);
    if *caller != Caller::Operator
        && let Some(at) = accounts.iter().position(another)
    {
        let text = "must be user: only the operator may have mailboxes opened without their passwords";
        fields.fault(&format!("accounts.{at}.source.access"), "source.not_permitted", text);
    }
    let webhook = webhook::read(&fields, private_hosts);
    if webhook.is_some() && *caller == Caller::Public {
        let text = "is set once the address is confirmed, with the token that the e-mail tells";
        fields.fault("webhook", "webhook.not_permitted", text);
    }
    let order = Order {
        id,
        token_hash: hash(token.expose()),
        token,
        name: fields.text("name", 200).unwrap_or_default(),
        notify: notify(&fields, caller),
        webhook: webhook.map(webhook::new).transpose()?,
        language: language(&fields),
        destination: destination.unwrap_or(DestinationKind::Workmail { access: Access::User }),
        options: options::read(&fields),
        by_operator: *caller == Caller::Operator,
        right: right(caller),
        accounts,
    };
    fields.end();
    faults.check().map(|()| order)
}

fn right(caller: &Caller) -> Right {
    let offered = if let Caller::Voucher(hash) = caller { Some(hash.clone()) } else { None };
    Right { unconfirmed: *caller == Caller::Public, offered, ..Right::default() }
}

/// Tells whether each account must bring the password of its destination.
pub(crate) fn needs_password(destination: Option<&DestinationKind>) -> bool {
    !matches!(
        destination,
        None | Some(DestinationKind::Workmail { access: Access::Administrator | Access::Impersonation })
    )
}

/// Reads the object `destination`.
pub(crate) fn destination(fields: &Fields<'_>) -> Option<DestinationKind> {
    if !fields.has("destination") {
        fields.fault("destination", "field.missing", "is missing; for WorkMail send {\"kind\":\"workmail\"}");
        return None;
    }
    let destination = fields.object("destination")?;
    let kind = destination.need("kind", 20);
    let read = match kind.as_deref() {
        Some("workmail") => {
            let access = destination.typed("access", "user, administrator or impersonation").unwrap_or_default();
            Some(DestinationKind::Workmail { access })
        }
        Some("imap") => {
            let server = Server::place(&destination);
            if server.admin_user.is_some() || server.admin_password.is_some() {
                let text = "is not taken; each account brings the password of its destination";
                destination.fault("admin_user", "field.invalid", text);
            }
            if server.host.is_none() && !destination.has("host") {
                destination.fault("host", "field.missing", "is missing");
            }
            server.endpoint(&Server::default()).map(|endpoint| DestinationKind::Imap { endpoint })
        }
        Some(_) => {
            destination.fault("kind", "field.invalid", "must be workmail or imap");
            None
        }
        None => None,
    };
    destination.end();
    read
}

/// Reads who is told by e-mail.
pub(crate) fn notify(fields: &Fields<'_>, caller: &Caller) -> Vec<String> {
    let list = match fields.value("notify") {
        Some(Value::String(one)) => vec![one.trim().to_owned()],
        Some(_) => fields.typed::<Vec<String>>("notify", "a list of e-mail addresses").unwrap_or_default(),
        None => Vec::new(),
    };
    if list.len() > 20 || list.iter().any(|one| !is_address(one)) {
        fields.fault("notify", "field.invalid", "must have at most 20 e-mail addresses such as admin@example.org");
    }
    if *caller == Caller::Public && list.len() != 1 {
        let text = "must be the one e-mail address that the link is sent to";
        fields.fault("notify", "field.invalid", text);
    }
    list
}

/// Reads the language of mails and page.
pub(crate) fn language(fields: &Fields<'_>) -> String {
    match fields.text("language", 10).as_deref() {
        None | Some("en") => "en".to_owned(),
        Some("de") => "de".to_owned(),
        Some(_) => {
            fields.fault("language", "field.invalid", "must be en or de");
            "en".to_owned()
        }
    }
}

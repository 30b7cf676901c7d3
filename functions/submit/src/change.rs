//! `PATCH /v1/migrations/{id}`: its name, who is told of it in which language, its webhook, and what is copied.

use crate::answer::of_intake;
use crate::app::App;
use crate::create;
use crate::entry::Caller;
use crate::options;
use crate::webhook;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::secret::Secret;
use mailcrane_engine::intake::{self, MigrationChange};
use mailcrane_engine::world::World;
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::http::{Faults, Fields, Problem, Request, Response};
use mailcrane_lambda::view::MigrationView;
use serde::Serialize;

/// Changes a migration.
pub(crate) async fn change<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Response, Problem> {
    let migration = access::migration(app.world.table(), operator, request, id).await?.record;
    let change = read(&request.json()?, app.private_hosts)?;
    change.options.as_ref().map_or(Ok(()), |options| options::offered(options, app.rescue))?;
    // The address of a public trial was confirmed; another one would not be.
    if change.notify.is_some() && !migration.by_operator && !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    let changed = intake::amend(&app.world, &app.vault, &migration.id, &change).await.map_err(of_intake)?;
    let secret = change.webhook.flatten().map(|webhook| webhook.secret);
    let view = MigrationView::of(&changed);
    Ok(Response::json(200, &Changed { view, webhook_secret: secret.as_ref().map(Secret::expose) }))
}

/// What a change is answered with; the only time that a new webhook's secret is told.
#[derive(Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    view: MigrationView,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<&'a str>,
}

fn read(body: &serde_json::Value, private_hosts: bool) -> Result<MigrationChange, Problem> {
    let faults = Faults::default();
    let fields = Fields::of(body, "", &faults);
    let there = |name: &'static str| fields.value(name).is_some();
    let webhook = webhook::read(&fields, private_hosts);
    let change = MigrationChange {
        name: fields.text("name", 200),
        notify: there("notify").then(|| create::notify(&fields, &Caller::Operator)),
        language: there("language").then(|| create::language(&fields)),
        webhook: fields.has("webhook").then(|| webhook.map(webhook::new).transpose()).transpose()?,
        options: there("options").then(|| options::read(&fields)),
    };
    fields.end();
    faults.check().map(|()| change)
}

//! `POST /v1/vouchers` and `DELETE /v1/vouchers/{id}`: the operator makes vouchers out and takes them back.

use crate::answer::of_intake;
use crate::app::App;
use crate::entry::code_hash;
use crate::repeat::{self, Repeat};
use mailcrane_core::Timestamp;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::Voucher;
use mailcrane_core::secret::Secret;
use mailcrane_engine::ledger::LedgerError;
use mailcrane_engine::voucher::{self, NewVoucher};
use mailcrane_engine::world::World;
use mailcrane_lambda::access::{self, OperatorKey};
use mailcrane_lambda::http::{Faults, Fields, Problem, Request, Response};
use mailcrane_lambda::view::VoucherView;
use serde_json::json;

/// Characters of a code: 100 bits.
const CODE: usize = 20;

/// The most mailboxes of one voucher.
const MOST: u32 = 100_000;

fn operator_only(operator: &OperatorKey, request: &Request) -> Result<(), Problem> {
    if request.bearer().is_none() {
        return Err(Problem::no_access());
    }
    if operator.matches(request) { Ok(()) } else { Err(Problem::operator_only()) }
}

/// Makes out a voucher. Its code, 100 bits that nobody can guess, is told only here.
pub(crate) async fn issue<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Response, Problem> {
    operator_only(operator, request)?;
    let body = request.json()?;
    let faults = Faults::default();
    let fields = Fields::of(&body, "", &faults);
    let expected = format!("a number from 1 to {MOST}");
    let mailboxes = fields.typed::<u32>("mailboxes", &expected);
    if fields.value("mailboxes").is_none() {
        fields.fault("mailboxes", "field.missing", "is missing");
    } else if mailboxes.is_some_and(|mailboxes| !(1..=MOST).contains(&mailboxes)) {
        fields.fault("mailboxes", "field.invalid", format!("must be {expected}"));
    }
    let expires = fields.typed::<Timestamp>("expires", "a time with zone such as 2026-01-31T08:00:00Z");
    if expires.is_some_and(|expires| expires <= app.world.now()) {
        fields.fault("expires", "field.invalid", "must be in the future");
    }
    let note = fields.text("note", 200).unwrap_or_default();
    fields.end();
    faults.check()?;
    let (Ok(id), Ok(salt)) = (access::new_migration_id(app.world.now()), access::random(26)) else {
        return Err(Problem::internal());
    };
    let key = Secret::new(request.bearer().unwrap_or_default());
    match repeat::begin(&app.world, request, id).await? {
        Repeat::Done(id) => {
            let known = voucher::listed(&app.world, id.as_str()).await.map_err(|error| of_intake(error.into()))?;
            let (voucher, salt) = known.ok_or_else(Problem::unavailable)?;
            Ok(told(app, &key, &voucher, &salt))
        }
        Repeat::Carry(attempt, id) => {
            let hash = code_hash(&access::derived(&key, &salt, CODE));
            let mailboxes = mailboxes.unwrap_or_default();
            let new = NewVoucher { id: id.to_string(), hash, salt, note, mailboxes, expires };
            let made = voucher::issue(&app.world, new).await.map_err(|error| of_intake(error.into()));
            let made = made.map(|(made, salt)| {
                tracing::info!(voucher.id = made.id, voucher.mailboxes = made.mailboxes, "a voucher was made out");
                told(app, &key, &made, &salt)
            });
            repeat::end(&app.world, attempt, made).await
        }
    }
}

/// Tells a voucher with its code, which is kept nowhere: the operator key and the salt make it again.
fn told<W: World, V: Vault>(app: &App<W, V>, key: &Secret, voucher: &Voucher, salt: &str) -> Response {
    let code = grouped(&access::derived(key, salt, CODE));
    let url = format!("{}/#voucher={code}", app.public_url);
    let answer = json!({"code": code, "url": url, "voucher": VoucherView::of(voucher, app.world.now())});
    Response::json(201, &answer)
}

/// Takes a voucher back.
pub(crate) async fn revoke<W: World, V: Vault>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
    id: &str,
) -> Result<Response, Problem> {
    operator_only(operator, request)?;
    match voucher::revoke(&app.world, id).await {
        Ok(voucher) => Ok(Response::json(200, &VoucherView::of(&voucher, app.world.now()))),
        Err(LedgerError::Missing) => Err(Problem::not_found("voucher")),
        Err(error) => Err(of_intake(error.into())),
    }
}

/// Writes a code in groups of five, as people read it.
fn grouped(code: &str) -> String {
    let characters: Vec<_> = code.chars().collect();
    let groups: Vec<String> = characters.chunks(5).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

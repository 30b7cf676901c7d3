//! `GET /v1/vouchers`.

use mailcrane_core::Timestamp;
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{ListedVoucher, Voucher, keys};
use mailcrane_engine::ledger::{self, LedgerError};
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_lambda::view::VoucherView;
use serde_json::json;

/// Lists vouchers for the operator, oldest first.
pub(crate) async fn list<T: Table>(
    table: &T,
    operator: &OperatorKey,
    request: &Request,
    now: Timestamp,
) -> Result<Response, Problem> {
    if request.bearer().is_none() {
        return Err(Problem::no_access());
    }
    if !operator.matches(request) {
        return Err(Problem::operator_only());
    }
    let limit = request.limit(50, 200)?;
    let after = request.query("cursor").map(|text| cursor::decode(&text)).transpose()?;
    let failed = |error: &LedgerError| {
        tracing::error!(error = chain(error), "the list of vouchers could not be read");
        Problem::unavailable()
    };
    let page = ledger::page::<ListedVoucher>(table, "LIST#vouchers", "", after.as_deref(), limit).await;
    let (listed, next) = page.map_err(|error| failed(&error))?;
    let keys = listed.iter().map(|one| keys::voucher(&one.record.hash));
    let vouchers: Vec<Voucher> = ledger::find_each(table, keys).await.map_err(|error| failed(&error))?;
    let vouchers: Vec<_> = vouchers.iter().map(|voucher| VoucherView::of(voucher, now)).collect();
    let next = next.map(|place| cursor::encode(&place));
    Ok(Response::json(200, &json!({"vouchers": vouchers, "next": next})).tagged(request))
}

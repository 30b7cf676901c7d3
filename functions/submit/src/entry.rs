//! Who may create a migration: the operator, the bearer of a voucher, and, where the public trial is on, anybody.

use crate::answer::of_intake;
use crate::app::App;
use mailcrane_engine::limit::{Limit, Verdict};
use mailcrane_engine::voucher;
use mailcrane_engine::world::World;
use mailcrane_lambda::access::{self, OperatorKey, hash};
use mailcrane_lambda::http::{Problem, Request};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Wrong keys and vouchers from one place.
const WRONG_KEYS: Limit = Limit::new("wrong-key", 30, HOUR);

/// Migrations that customers create from one place.
const CREATIONS: Limit = Limit::new("create", 20, HOUR);

/// Accounts that customers have checked from one place.
const CHECKS: Limit = Limit::new("check-place", 2_000, HOUR);

/// Questions for a confirmation that one address is sent.
const QUESTIONS: Limit = Limit::new("confirm", 5, Duration::from_secs(24 * 3600));

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The operator.
    Operator,
    /// The bearer of the voucher of that hash.
    Voucher(String),
    /// Anybody, for a trial.
    Public,
}

/// Tells who asks.
///
/// # Errors
/// 401 without a key where the public trial is off, 403 for a wrong one, 429 after too many wrong ones.
pub(crate) async fn caller<W: World, V>(
    app: &App<W, V>,
    operator: &OperatorKey,
    request: &Request,
) -> Result<Caller, Problem>
where
    V: mailcrane_core::ports::vault::Vault,
{
    let Some(bearer) = request.bearer() else {
        return if app.public_trial { Ok(Caller::Public) } else { Err(Problem::no_access()) };
    };
    if operator.matches(request) {
        return Ok(Caller::Operator);
    }
    let hash = code_hash(bearer);
    match guess(app, request, &hash).await? {
        true => Ok(Caller::Voucher(hash)),
        false => Err(Problem::new(403, "access.refused", "this needs the operator key, or a voucher that is valid")),
    }
}

/// Returns the hash of a voucher's code as people type it: in any case, with or without hyphens.
pub(crate) fn code_hash(code: &str) -> String {
    let plain: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    hash(&plain.to_ascii_lowercase())
}

/// Tells whether there is such a voucher with mailboxes left; wrong ones are counted.
///
/// # Errors
/// 429 after too many wrong ones, 503 when the table does not answer.
pub(crate) async fn guess<W: World, V>(app: &App<W, V>, request: &Request, hash: &str) -> Result<bool, Problem>
where
    V: mailcrane_core::ports::vault::Vault,
{
    let (world, place) = (&app.world, request.place());
    count(world, &WRONG_KEYS, &place, 0, "wrong keys or vouchers were sent from here").await?;
    let found = voucher::find(world, hash).await.map_err(|error| of_intake(error.into()))?;
    let good = found.is_some_and(|voucher| voucher.left(world.now()) > 0);
    if !good {
        count(world, &WRONG_KEYS, &place, 1, "wrong keys or vouchers were sent from here").await?;
    }
    Ok(good)
}

/// Counts a new migration of somebody who is not the operator.
///
/// # Errors
/// 429 after too many.
pub(crate) async fn creation<W: World>(world: &W, request: &Request, notify: &[String]) -> Result<(), Problem> {
    count(world, &CREATIONS, &request.place(), 1, "migrations were created from here").await?;
    for address in notify {
        count(world, &QUESTIONS, &address.to_lowercase(), 1, "e-mails of this kind went to this address").await?;
    }
    Ok(())
}

/// Counts accounts that somebody who is not the operator has checked.
///
/// # Errors
/// 429 after too many.
pub(crate) async fn checks<W: World>(world: &W, request: &Request, accounts: usize) -> Result<(), Problem> {
    let times = u32::try_from(accounts).unwrap_or(u32::MAX);
    count(world, &CHECKS, &request.place(), times, "accounts were checked from here").await
}

async fn count<W: World>(world: &W, limit: &Limit, who: &str, times: u32, what: &str) -> Result<(), Problem> {
    let counted = limit.count(world.table(), who, times, world.now()).await;
    match counted.map_err(|error| access::unavailable(&error))? {
        Verdict::Within => Ok(()),
        Verdict::Beyond(left) => {
            let minutes = left.as_secs().div_ceil(60);
            let detail = format!("more than {} {what} within a while; try again in {minutes} minutes", limit.most);
            Err(Problem::too_many(detail, left))
        }
    }
}

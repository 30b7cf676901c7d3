//! `POST …/start` and `…/delta` with `dry_run`: what would happen, and nothing does.

use crate::answer::of_control;
use mailcrane_core::id::MigrationId;
use mailcrane_engine::control::ControlError;
use mailcrane_engine::rehearsal::{FolderFate, Wanted, rehearse};
use mailcrane_engine::world::World;
use mailcrane_lambda::http::{Problem, Response};
use serde_json::{Value, json};

/// Shows what a start would do.
pub(crate) async fn show<W: World>(world: &W, id: &MigrationId, wanted: &Wanted) -> Result<Response, Problem> {
    let found = rehearse(world, id, wanted).await.map_err(of_control)?;
    let folders: Vec<_> = found.folders.iter().map(folder).collect();
    let answer = json!({
        "dry_run": true,
        "kind": wanted.kind,
        "begins": wanted.at.filter(|at| *at > world.now()).unwrap_or(world.now()),
        "refusals": found.refusals.into_iter().map(refusal).collect::<Vec<_>>(),
        "accounts": {
            "copied": found.copied,
            "unticked": found.unticked,
            "check_failed": found.check_failed,
            "uncounted": found.uncounted,
        },
        "messages": found.left.messages,
        "bytes": found.left.octets,
        "at_most": found.at_most,
        "too_large": found.too_large,
        "folders": folders,
        "more_folders": found.more_folders,
        "estimate": found.estimate,
    });
    Ok(Response::json(200, &answer))
}

fn refusal(error: ControlError) -> Value {
    let problem = of_control(error);
    let parts = problem.into_parts();
    let part = parts.into_iter().next();
    part.map_or(Value::Null, |part| json!({"code": part.code, "field": part.field, "detail": part.detail}))
}

fn folder(folder: &FolderFate) -> Value {
    let (to, skipped) = match &folder.fate {
        Ok(path) => (Some(path), None),
        Err(why) => (None, Some(why)),
    };
    json!({"account": folder.account.0, "path": folder.path, "destination_path": to, "skipped": skipped})
}

//! Dry runs of a start.

use super::{own_order, scene};
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::record::{Account, keys};
use mailcrane_engine::ledger;
use serde_json::{Value, json};

#[test]
fn a_dry_run_tells_what_a_start_would_do_and_changes_nothing() {
    let scene = scene();
    let (id, token) = scene.made();
    let key = keys::account(&MigrationId::new(id.as_str()).unwrap(), AccountNo(0));
    let counted = ledger::update::<Account>(&scene.app.world.table, &key, |account| {
        account.analysis.complete = true;
        (account.analysis.messages, account.analysis.bytes) = (1_000, 50_000_000);
        (account.analysis.recent_messages, account.analysis.recent_bytes) = (10, 500_000);
        account.analysis.too_large = 2;
        Ok(ledger::Change::Write)
    });
    scene.memory.clock.block_on(counted).unwrap();
    let path = format!("/v1/migrations/{id}");
    scene.call("PATCH", &format!("{path}/accounts/1"), &token, &json!({"selected": false}));
    let before = scene.memory.table.snapshot();
    let sent = scene.memory.queues.sent().len();
    let ask = |body: Value| scene.call("POST", &format!("{path}/start"), &token, &body);
    let (status, told) = ask(json!({"dry_run": true}));
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["accounts"], json!({"copied": 1, "unticked": 1, "check_failed": 0, "uncounted": 0}));
    assert_eq!((&told["messages"], &told["bytes"], &told["too_large"]), (&json!(1000), &json!(50_000_000), &json!(2)));
    assert_eq!((&told["refusals"], &told["at_most"]), (&json!([]), &json!(false)));
    assert!(told["estimate"]["seconds_high"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(ask(json!({"dry_run": true, "kind": "trial"})).1["messages"], 10);
    let (_, prestage) = ask(json!({"dry_run": true, "kind": "prestage", "before": "2025-01-01T00:00:00Z"}));
    assert_eq!((&prestage["at_most"], &prestage["refusals"]), (&json!(true), &json!([])));
    let delta = scene.call("POST", &format!("{path}/delta"), &token, &json!({"dry_run": true}));
    assert_eq!((delta.0, &delta.1["kind"]), (200, &json!("delta")));
    assert_eq!(scene.memory.table.snapshot(), before, "a dry run changed the table");
    assert_eq!(scene.memory.queues.sent().len(), sent, "a dry run sent something");
    assert_eq!(ask(json!({"dry_run": 1})).0, 422);

    // What would be refused is told as the start itself tells it.
    assert_eq!(ask(json!({})).0, 202);
    let (status, refused) = ask(json!({"dry_run": true}));
    assert_eq!((status, &refused["refusals"][0]["code"]), (200, &json!("state.illegal")), "{refused}");
}

#[test]
fn a_dry_run_says_that_a_voucher_is_missing_or_does_not_reach() {
    let scene = scene();
    let (code, _) = scene.voucher(1);
    let (_, made) = scene.call("POST", "/v1/migrations", &code, &own_order());
    let path = format!("/v1/migrations/{}/start", made["id"].as_str().unwrap());
    let token = made["token"].as_str().unwrap();
    let ask = |body: Value| scene.call("POST", &path, token, &body).1["refusals"].clone();
    assert_eq!(ask(json!({"dry_run": true}))[0]["code"], "voucher.refused");
    assert_eq!(ask(json!({"dry_run": true, "kind": "trial"})), json!([]));
    let (more, _) = scene.voucher(9);
    assert_eq!(ask(json!({"dry_run": true, "voucher": more})), json!([]));
}

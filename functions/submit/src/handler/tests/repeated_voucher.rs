//! Vouchers whose order is sent again.

use super::{KEY, own_order, scene};
use mailcrane_lambda::http::Request;
use serde_json::json;

#[test]
fn a_voucher_that_is_ordered_twice_is_made_out_once_and_told_again() {
    let scene = scene();
    let ask = |key: &str, mailboxes: u32| {
        let body = json!({"mailboxes": mailboxes, "note": "Shop"}).to_string();
        let request = Request::new("POST", "/v1/vouchers", body).with("authorization", &format!("Bearer {KEY}"));
        scene.send(&request.with("idempotency-key", key))
    };
    let first = ask("one", 5);
    assert_eq!(first.0, 201, "{}", first.1);
    assert_eq!(ask("one", 5), first);
    assert_eq!(ask("one", 6).0, 422, "the key belongs to another request");
    let other = ask("two", 5);
    assert_ne!(other.1["code"], first.1["code"]);
    let vouchers = scene.memory.table.snapshot().keys().filter(|key| key.sk == "VOUCHER").count();
    assert_eq!(vouchers, 2);
    let code = first.1["code"].as_str().unwrap();
    assert_eq!((code.len(), code.matches('-').count()), (23, 3));
    assert_eq!(scene.call("POST", "/v1/migrations", code, &own_order()).0, 201);
    let stored = format!("{:?}", scene.memory.table.snapshot());
    assert!(!stored.contains(code) && !stored.contains(&code.replace('-', "")), "the code is in clear");
}

#[test]
fn a_voucher_whose_order_was_cut_off_half_way_is_made_out_once() {
    use mailcrane_testkit::faults::{Mishap, Port};
    // The key is noted, the voucher made out, the key noted as done.
    let calls = [("write", 0), ("transact", 0), ("write", 1)];
    for ((method, nth), mishap) in calls.into_iter().flat_map(|at| [(at, Mishap::FailBefore), (at, Mishap::FailAfter)])
    {
        let scene = scene();
        scene.memory.plan.on(Port::Table, method, nth, mishap);
        let request = Request::new("POST", "/v1/vouchers", json!({"mailboxes": 5}).to_string())
            .with("authorization", &format!("Bearer {KEY}"))
            .with("idempotency-key", "one");
        scene.send(&request);
        scene.memory.clock.advance(std::time::Duration::from_secs(60));
        let (status, told) = scene.send(&request);
        assert_eq!(status, 201, "{method} {nth} {mishap:?}: {told}");
        let vouchers = scene.memory.table.snapshot().keys().filter(|key| key.sk == "VOUCHER").count();
        assert_eq!(vouchers, 1, "{method} {nth} {mishap:?}");
        assert_eq!(scene.call("POST", "/v1/migrations", told["code"].as_str().unwrap(), &own_order()).0, 201);
    }
}

//! Mailboxes are created by the operator alone, told with a password once, and refused in words that name the account.

use super::{KEY, Scene, own_order, scene};
use crate::handler::handle;
use mailcrane_lambda::access::OperatorKey;
use mailcrane_lambda::http::Request;
use mailcrane_testkit::directory::MemoryDirectory;
use mailcrane_testkit::faults::{Mishap, Port};
use serde_json::{Value, json};

fn ask(scene: &Scene, id: &str, body: &Value) -> (u16, Value) {
    scene.call("POST", &format!("/v1/migrations/{id}/mailboxes"), KEY, body)
}

#[test]
fn a_missing_mailbox_is_created_and_one_that_is_there_is_left_alone() {
    let scene = scene();
    let (id, _) = scene.made();
    scene.memory.directory.add("ben@example.org");
    let (status, body) = ask(&scene, &id, &json!({"mailboxes": [{"account": 0}, {"account": 1}]}));
    assert_eq!(status, 200, "{body}");
    let (anna, ben) = (&body["mailboxes"][0], &body["mailboxes"][1]);
    assert_eq!(
        (&anna["state"], &anna["mailbox"], &anna["user"]),
        (&json!("created"), &json!("anna@example.org"), &json!("anna"))
    );
    assert_eq!((&ben["state"], ben.get("temporary_password")), (&json!("exists"), None));
    let made = scene.memory.directory.users()["anna"].clone();
    assert_eq!(json!(made.password), anna["temporary_password"]);
    assert_eq!(made.email.as_deref(), Some("anna@example.org"));
    assert!(!format!("{:?}", scene.memory.table.snapshot()).contains(&made.password), "the password is kept in clear");
}

#[test]
fn the_password_is_told_once_and_reset_only_where_the_user_is_ours() {
    let scene = scene();
    let (id, _) = scene.made();
    scene.memory.directory.add("ben@example.org");
    let both = json!({"mailboxes": [{"account": 0}, {"account": 1}]});
    ask(&scene, &id, &both);
    let (_, again) = ask(&scene, &id, &both);
    assert_eq!(again["mailboxes"][0]["state"], "created_before");
    assert_eq!(again["mailboxes"][0].get("temporary_password"), None);
    let before = scene.memory.directory.users()["anna"].password.clone();
    let mut body = both;
    body["reset"] = json!(true);
    let (status, reset) = ask(&scene, &id, &body);
    let (anna, ben) = (&reset["mailboxes"][0], &reset["mailboxes"][1]);
    assert_eq!((status, &anna["state"], &anna["user"]), (200, &json!("reset"), &json!("anna")), "{reset}");
    let now = scene.memory.directory.users()["anna"].password.clone();
    assert!(now != before && json!(now) == anna["temporary_password"]);
    assert_eq!((&ben["state"], &ben["error_code"]), (&json!("failed"), &json!("mailbox.not_ours")), "{ben}");
}

#[test]
fn a_name_is_given_where_the_usual_one_is_taken() {
    let scene = scene();
    let (id, _) = scene.made();
    scene.memory.directory.add_user("anna");
    let (_, body) = ask(&scene, &id, &json!({"mailboxes": [{"account": 0}]}));
    let anna = &body["mailboxes"][0];
    assert_eq!((&anna["account"], &anna["error_code"]), (&json!(0), &json!("destination.user_name_taken")), "{body}");
    let named = json!({"mailboxes": [{"account": 0, "user": "anna.berg", "display_name": "Anna Berg"}]});
    let (_, body) = ask(&scene, &id, &named);
    assert_eq!(
        (&body["mailboxes"][0]["state"], &body["mailboxes"][0]["user"]),
        (&json!("created"), &json!("anna.berg"))
    );
}

#[test]
fn one_that_fails_for_now_is_named_and_the_others_are_made() {
    let scene = scene();
    let (id, _) = scene.made();
    scene.memory.plan.on(Port::Directory, "register", 0, Mishap::FailBefore);
    let both = json!({"mailboxes": [{"account": 0}, {"account": 1}]});
    let (_, body) = ask(&scene, &id, &both);
    assert_eq!(
        (&body["mailboxes"][0]["state"], &body["mailboxes"][1]["state"]),
        (&json!("unfinished"), &json!("created"))
    );
    let (_, body) = ask(&scene, &id, &both);
    assert_eq!(
        (&body["mailboxes"][0]["state"], &body["mailboxes"][1]["state"]),
        (&json!("created"), &json!("created_before"))
    );
}

#[test]
fn neither_the_token_of_a_migration_nor_a_voucher_creates_a_mailbox() {
    let scene = scene();
    let (id, token) = scene.made();
    let body = json!({"mailboxes": [{"account": 0}]});
    let path = format!("/v1/migrations/{id}/mailboxes");
    assert_eq!(scene.call("POST", &path, &token, &body).0, 403);
    let (code, _) = scene.voucher(2);
    let (_, made) = scene.call("POST", "/v1/migrations", &code, &own_order());
    let (status, problem) = ask(&scene, made["id"].as_str().unwrap(), &body);
    assert_eq!((status, &problem["code"]), (409, &json!("destination.not_permitted")), "{problem}");
    assert!(scene.memory.directory.users().is_empty());
}

#[test]
fn wrong_requests_are_named_by_field_and_begin_nothing() {
    let scene = scene();
    let (id, _) = scene.made();
    let wrong = [
        (json!({}), "mailboxes"),
        (json!({"mailboxes": []}), "mailboxes"),
        (json!({"mailboxes": [{}]}), "mailboxes.0.account"),
        (json!({"mailboxes": [{"account": 0}, {"account": 7}]}), "mailboxes.1.account"),
        (json!({"mailboxes": [{"account": 0}, {"account": 0}]}), "mailboxes.1.account"),
        (json!({"mailboxes": [{"account": 0, "user": "a b"}]}), "mailboxes.0.user"),
        (json!({"mailboxes": [{"account": 0, "password": "p"}]}), "mailboxes.0.password"),
    ];
    for (body, field) in wrong {
        let (status, problem) = ask(&scene, &id, &body);
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{problem}");
    }
    assert!(scene.memory.directory.users().is_empty());
}

#[test]
fn a_stack_that_creates_no_mailboxes_says_so() {
    let scene = scene();
    let (id, _) = scene.made();
    let body = json!({"mailboxes": [{"account": 0}]}).to_string();
    let request = Request::new("POST", &format!("/v1/migrations/{id}/mailboxes"), body);
    let request = request.with("authorization", &format!("Bearer {KEY}"));
    let operator = OperatorKey::of(&mailcrane_core::secret::Secret::new(KEY));
    let answered = handle(&scene.app, None::<&MemoryDirectory>, &operator, &request);
    let answer = scene.memory.clock.block_on(answered);
    assert_eq!(answer.status(), 409);
    assert!(answer.body().contains("WorkMailCreateMailboxes"), "{}", answer.body());
}

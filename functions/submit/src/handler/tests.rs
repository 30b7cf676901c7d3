mod mailboxes;
mod reach;
mod rehearsal;
mod repeated_voucher;
mod webhook;

use super::*;
use crate::app::App;
use mailcrane_core::record::{Migration, keys};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::token::Task;
use mailcrane_engine::ledger;
use mailcrane_engine::world::Parts;
use mailcrane_testkit::queues::{Delivery, MemoryQueues};
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::vault::MemoryVault;
use mailcrane_testkit::{ManualClock, Memory};
use serde_json::{Value, json};

type TestApp = App<Parts<MemoryTable, MemoryQueues, ManualClock>, MemoryVault>;

const KEY: &str = "operator-key";

struct Scene {
    app: TestApp,
    memory: Memory,
}

fn scene() -> Scene {
    let memory = Memory::default();
    let world = Parts {
        table: memory.table.clone(),
        queues: memory.queues.clone(),
        clock: memory.clock.clone(),
        settings: Settings::default(),
    };
    let (vault, public_url) = (memory.vault.clone(), "https://move.example.org".into());
    Scene { app: App { world, vault, public_url, public_trial: false, rescue: false, private_hosts: false }, memory }
}

impl Scene {
    fn send(&self, request: &Request) -> (u16, Value) {
        let operator = OperatorKey::of(&Secret::new(KEY));
        let directory = Some(&self.memory.directory);
        let answer = self.memory.clock.block_on(handle(&self.app, directory, &operator, request));
        (answer.status(), serde_json::from_str(answer.body()).unwrap_or_default())
    }

    fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        self.send(&Request::new(method, path, body.to_string()).with("authorization", &bearer))
    }

    fn made(&self) -> (String, String) {
        let (status, body) = self.call("POST", "/v1/migrations", KEY, &order());
        assert_eq!(status, 201, "{body}");
        (body["id"].as_str().unwrap().to_owned(), body["token"].as_str().unwrap().to_owned())
    }
}

fn order() -> Value {
    json!({
        "name": "Office", "notify": ["admin@example.org"],
        "source": {"host": "imap.example.org"},
        "destination": {"kind": "workmail", "access": "administrator"},
        "accounts": [
            {"source": {"user": "anna", "password": "a"}, "destination": {"mailbox": "anna@example.org"}},
            {"source": {"user": "ben", "admin_user": "root", "admin_password": "r"},
             "destination": {"mailbox": "ben@example.org"}}
        ]
    })
}

#[test]
fn an_order_is_stored_sealed_and_set_off() {
    let scene = scene();
    let event = include_str!("../../events/create.json");
    let (status, body) = scene.send(&serde_json::from_str(event).unwrap());
    assert_eq!(status, 201, "{body}");
    let (id, token) = (body["id"].as_str().unwrap(), body["token"].as_str().unwrap());
    assert_eq!(body["status_url"], format!("https://move.example.org/#{id}.{token}"));
    let sent = scene.memory.queues.sent();
    assert!(
        matches!(&sent[..], [Delivery::Task(Task::Notify { .. }), Delivery::Task(Task::CheckAll { .. })]),
        "{sent:?}"
    );
    let stored = format!("{:?}", scene.memory.table.snapshot());
    assert!(stored.contains("anna@example.org"));
    assert!(!stored.contains("Source-secret-1") && !stored.contains(token), "a secret is in clear");
}

#[test]
fn whatever_is_wrong_is_named_and_nothing_is_stored() {
    let scene = scene();
    let wrong = json!({
        "notify": ["nobody"], "colour": "red",
        "source": {"host": "https://imap.example.org"},
        "destination": {"kind": "workmail", "access": "root"},
        "accounts": [
            {"source": {"user": "anna"}, "destination": {"mailbox": "anna"}},
            {"source": {"user": "ben", "password": "b", "port": 70000}, "destination": {}}
        ]
    });
    let (status, problem) = scene.call("POST", "/v1/migrations", KEY, &wrong);
    assert_eq!(status, 422);
    let errors = problem["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    for field in [
        "notify",
        "colour",
        "source.host",
        "destination.access",
        "accounts.0.source.password",
        "accounts.0.destination.mailbox",
        "accounts.1.source.port",
        "accounts.1.destination.mailbox",
    ] {
        assert!(fields.contains(&field), "{field} is not among {fields:?}");
    }
    assert!(scene.memory.table.snapshot().is_empty());
    assert!(scene.memory.queues.sent().is_empty());
}

#[test]
fn a_repeated_order_is_answered_again_and_carried_out_once() {
    let scene = scene();
    let request = Request::new("POST", "/v1/migrations", order().to_string())
        .with("authorization", &format!("Bearer {KEY}"))
        .with("idempotency-key", "one");
    let first = scene.send(&request);
    let second = scene.send(&request);
    assert_eq!(first.0, 201);
    assert_eq!(first, second);
    let mut other = order();
    other["name"] = json!("Another");
    let reused = Request::new("POST", "/v1/migrations", other.to_string())
        .with("authorization", &format!("Bearer {KEY}"))
        .with("idempotency-key", "one");
    assert_eq!(scene.send(&reused).0, 422);
}

#[test]
fn creating_needs_the_operator_key_or_a_voucher() {
    let scene = scene();
    assert_eq!(scene.send(&Request::new("POST", "/v1/migrations", order().to_string())).0, 401);
    assert_eq!(scene.call("POST", "/v1/migrations", "guess", &order()).0, 403);
    let stored = scene.memory.table.snapshot();
    assert!(stored.keys().all(|key| key.pk.starts_with("RATE#")), "more than the guess was kept: {stored:?}");
}

#[test]
fn a_wrong_token_and_no_migration_look_alike() {
    let scene = scene();
    let (id, _) = scene.made();
    let wrong = scene.call("POST", &format!("/v1/migrations/{id}/start"), "wrong", &json!({}));
    let missing = scene.call("POST", "/v1/migrations/0123456789ab/start", "wrong", &json!({}));
    let malformed = scene.call("POST", "/v1/migrations/NO/start", "wrong", &json!({}));
    assert_eq!(wrong.0, 404);
    assert_eq!(wrong, missing);
    assert_eq!(wrong, malformed);
}

#[test]
fn a_migration_is_started_paused_resumed_and_cancelled_by_its_token() {
    let scene = scene();
    let (id, token) = scene.made();
    let act = |action: &str, body: &Value| scene.call("POST", &format!("/v1/migrations/{id}/{action}"), &token, body);
    let (status, body) = act("start", &json!({"at": "2099-01-01T00:00:00+01:00"}));
    assert_eq!((status, &body["state"]), (202, &json!("scheduled")), "{body}");
    let (status, body) = act("start", &json!({"at": "now", "kind": "trial"}));
    assert_eq!((status, &body["state"]), (202, &json!("running")), "{body}");
    assert_eq!(act("start", &json!({})).0, 409);
    assert_eq!(act("pause", &json!({})).0, 202);
    assert_eq!(act("resume", &json!({})).0, 202);
    assert_eq!(act("cancel", &json!({})).0, 202);
    assert_eq!(act("start", &json!({"at": "tomorrow"})).1["field"], "at");
    assert_eq!(act("undo", &json!({"dry_run": true})).0, 202);
    assert_eq!(act("undo", &json!({"dry_run": "no"})).1["field"], "dry_run");
    assert_eq!(act("explode", &json!({})).0, 404);
}

#[test]
fn a_repeated_start_is_no_conflict() {
    let scene = scene();
    let (id, token) = scene.made();
    let request = Request::new("POST", &format!("/v1/migrations/{id}/start"), "{}")
        .with("authorization", &format!("Bearer {token}"))
        .with("idempotency-key", "start");
    assert_eq!(scene.send(&request).0, 202);
    assert_eq!(scene.send(&request).0, 202);
}

#[test]
fn accounts_are_added_and_changed() {
    let scene = scene();
    let (id, token) = scene.made();
    let path = format!("/v1/migrations/{id}/accounts");
    let more = json!({"source": {"host": "imap.example.org"}, "accounts": [
        {"source": {"user": "carla", "password": "c"}, "destination": {"mailbox": "carla@example.org"}}]});
    let (status, body) = scene.call("POST", &path, &token, &more);
    assert_eq!((status, &body["first"], &body["accounts"]), (201, &json!(2), &json!(3)), "{body}");
    let change = json!({"source": {"password": "new", "port": 143, "security": "starttls"}, "selected": false});
    let (status, body) = scene.call("PATCH", &format!("{path}/2"), &token, &change);
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["selected"], &body["source"]["port"]), (&json!(false), &json!(143)));
    assert_eq!(scene.call("PATCH", &format!("{path}/3"), &token, &change).0, 404);
    assert_eq!(scene.call("PATCH", &format!("{path}/2"), &token, &json!({"pasword": 1})).1["field"], "pasword");
    assert_eq!(scene.call("POST", &format!("{path}/2/check"), &token, &json!({})).0, 202);
    assert_eq!(scene.call("POST", &format!("{path}/2/retry"), &token, &json!({})).0, 409);
}

#[test]
fn a_way_to_sign_in_is_changed_to_one_other_at_a_time() {
    let scene = scene();
    let (id, token) = scene.made();
    let path = format!("/v1/migrations/{id}/accounts/1");
    let change = |source: Value| scene.call("PATCH", &path, &token, &json!({"source": source}));
    let oauth =
        json!({"kind": "refresh_token", "client_id": "c", "refresh_token": "r", "token_url": "https://o.example"});
    for with in [json!({"oauth": oauth, "password": "p"}), json!({"oauth": oauth, "admin_password": "p"})] {
        let (status, problem) = change(with);
        assert_eq!((status, &problem["field"]), (422, &json!("source.oauth")), "{problem}");
    }
    let (status, body) = change(json!({"admin_scheme": "exchange"}));
    assert_eq!((status, &body["source"]["auth"]), (200, &json!({"administrator": "exchange"})), "{body}");
    let (status, body) = change(json!({"admin_password": "new"}));
    assert_eq!((status, &body["source"]["auth"]), (200, &json!({"administrator": "exchange"})), "{body}");
    let (status, body) = change(json!({"oauth": oauth}));
    assert_eq!((status, &body["source"]["auth"]), (200, &json!("oauth")), "{body}");
    assert_eq!(body["source"]["oauth_kind"], "refresh_token");
    let (_, body) = change(json!({"port": 1993}));
    assert_eq!(body["source"]["oauth_kind"], "refresh_token", "it is signed in to as before");
    let (_, body) = change(json!({"password": "p"}));
    assert_eq!((&body["source"]["auth"], body["source"].get("oauth_kind")), (&json!("password"), None), "{body}");
}

#[test]
fn the_kind_of_oauth_is_told_and_nothing_of_its_secret() {
    let scene = scene();
    let app = json!({"kind": "client_credentials", "client_id": "c", "client_secret": "Hidden-1", "scope": "s",
        "token_url": "https://o.example"});
    let own = json!({"kind": "refresh_token", "client_id": "c", "refresh_token": "Hidden-2",
        "token_url": "https://o.example"});
    let account = |user: &str, source: Value| {
        let mut source = source;
        source["user"] = json!(user);
        json!({"source": source, "destination": {"mailbox": format!("{user}@example.org"), "password": "p"}})
    };
    let accounts =
        [account("a", json!({})), account("b", json!({"oauth": own})), account("c", json!({"password": "p"}))];
    let order = json!({"source": {"host": "imap.example.org", "oauth": app}, "accounts": accounts,
        "destination": {"kind": "workmail", "access": "user"}});
    let (status, made) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!(status, 201, "{made}");
    let path = format!("/v1/migrations/{}/accounts", made["id"].as_str().unwrap());
    for (no, kind) in [json!("client_credentials"), json!("refresh_token"), Value::Null].into_iter().enumerate() {
        let (status, body) = scene.call("PATCH", &format!("{path}/{no}"), KEY, &json!({"selected": true}));
        assert_eq!((status, &body["source"]["oauth_kind"]), (200, &kind), "{body}");
        assert!(!body.to_string().contains("Hidden"), "{body}");
    }
}

#[test]
fn nothing_else_begins_while_an_undo_is_under_way() {
    let scene = scene();
    let (id, token) = scene.made();
    let key = keys::migration(&mailcrane_core::id::MigrationId::new(id.clone()).unwrap());
    let undoing = ledger::update::<Migration>(&scene.memory.table, &key, |migration| {
        migration.undoing = 1;
        Ok(ledger::Change::Write)
    });
    scene.memory.clock.block_on(undoing).unwrap();
    let path = format!("/v1/migrations/{id}");
    for (method, path) in [("DELETE", path.clone()), ("POST", format!("{path}/start"))] {
        let (status, problem) = scene.call(method, &path, &token, &json!({}));
        assert_eq!((status, &problem["code"]), (409, &json!("undo.under_way")), "{problem}");
    }
    assert_eq!(scene.call("PATCH", &path, &token, &json!({"name": "x"})).1["undoing"], 1);
}

#[test]
fn an_account_is_removed_with_its_passwords_and_nobody_waits_for_it() {
    let scene = scene();
    let (id, token) = scene.made();
    let path = format!("/v1/migrations/{id}/accounts/1");
    let (status, body) = scene.call("DELETE", &path, &token, &json!({}));
    assert_eq!((status, &body["accounts"], &body["checked"]), (200, &json!(1), &json!(0)), "{body}");
    let id = mailcrane_core::id::MigrationId::new(id).unwrap();
    let open = |no| scene.memory.clock.block_on(scene.app.vault.open(&id, mailcrane_core::id::AccountNo(no))).unwrap();
    assert!(open(0).expose().contains("source_password") && !open(1).expose().contains("admin_password"));
    for (method, body) in [("DELETE", json!({})), ("PATCH", json!({"selected": true}))] {
        assert_eq!(scene.call(method, &path, &token, &body).0, 404, "{method}");
    }
    let path = format!("/v1/migrations/{id}/accounts/0");
    assert_eq!(scene.call("DELETE", &path, &token, &json!({})).1["accounts"], 0);
    let (status, problem) = scene.call("POST", &format!("/v1/migrations/{id}/start"), &token, &json!({}));
    assert_eq!((status, &problem["field"]), (422, &json!("accounts")), "{problem}");
}

#[test]
fn a_migration_is_changed_and_what_is_copied_only_between_passes() {
    let scene = scene();
    let (id, token) = scene.made();
    let path = format!("/v1/migrations/{id}");
    let change = json!({"name": "New office", "language": "de", "options": {"exclude_folders": ["Junk"]}});
    let (status, body) = scene.call("PATCH", &path, &token, &change);
    assert_eq!((status, &body["name"], &body["language"]), (200, &json!("New office"), &json!("de")), "{body}");
    assert_eq!(body["options"]["exclude_folders"], json!(["Junk"]));
    let (status, body) = scene.call("PATCH", &path, &token, &json!({"options": {"since": "yesterday"}, "notify": "x"}));
    assert_eq!(status, 422, "{body}");
    let faults: Vec<_> = body["errors"].as_array().unwrap().iter().map(|fault| fault["field"].clone()).collect();
    assert!(faults.contains(&json!("options.since")) && faults.contains(&json!("notify")), "{faults:?}");
    scene.call("POST", &format!("{path}/start"), &token, &json!({}));
    let (status, body) = scene.call("PATCH", &path, &token, &json!({"options": {}}));
    assert_eq!((status, &body["code"]), (409, &json!("state.illegal")), "{body}");
    let (status, body) = scene.call("PATCH", &path, &token, &json!({"notify": ["b@example.org"]}));
    assert_eq!((status, &body["notify"]), (200, &json!(["b@example.org"])), "{body}");
}

#[test]
fn a_rescue_is_refused_where_the_stack_offers_none() {
    let mut scene = scene();
    let mut wanted = order();
    wanted["options"] = json!({"rescue_oversize": true});
    let (status, problem) = scene.call("POST", "/v1/migrations", KEY, &wanted);
    assert_eq!((status, &problem["field"]), (422, &json!("options.rescue_oversize")), "{problem}");
    let (id, token) = scene.made();
    let change = json!({"options": {"rescue_oversize": true}});
    assert_eq!(scene.call("PATCH", &format!("/v1/migrations/{id}"), &token, &change).1["code"], "rescue.off");
    scene.app.rescue = true;
    assert_eq!(scene.call("POST", "/v1/migrations", KEY, &wanted).0, 201);
    let (status, body) = scene.call("PATCH", &format!("/v1/migrations/{id}"), &token, &change);
    assert_eq!((status, &body["options"]["rescue_oversize"]), (200, &json!(true)), "{body}");
}

#[test]
fn an_erased_migration_is_marked_for_the_sweeper() {
    let scene = scene();
    let (id, token) = scene.made();
    let (status, body) = scene.call("DELETE", &format!("/v1/migrations/{id}"), &token, &json!({}));
    assert_eq!((status, &body["state"]), (202, &json!("erasing")), "{body}");
}

#[test]
fn a_file_of_accounts_is_previewed_and_taken() {
    let scene = scene();
    let file = "source_user;source_password;destination_mailbox\nanna;a;anna@example.org\nben;;ben@example.org\n";
    let mut order = json!({
        "source": {"host": "imap.example.org"},
        "destination": {"kind": "workmail", "access": "administrator"},
        "accounts_csv": file
    });
    let (status, preview) = scene.call("POST", "/v1/previews", KEY, &order);
    assert_eq!((status, &preview["good"], &preview["bad"]), (200, &json!(1), &json!(1)), "{preview}");
    let (status, problem) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!((status, &problem["row"], &problem["field"]), (422, &json!(3), &json!("source_password")), "{problem}");
    assert!(scene.memory.table.snapshot().is_empty());
    order["skip_bad_rows"] = json!(true);
    let (status, body) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!((status, &body["accounts"]), (201, &json!(1)), "{body}");
    let path = "/v1/migrations?source_host=imap.example.org&access=administrator&skip_bad_rows=true&name=Office";
    let request = Request::new("POST", path, file)
        .with("authorization", &format!("Bearer {KEY}"))
        .with("content-type", "text/csv; charset=utf-8");
    let (status, body) = scene.send(&request);
    assert_eq!((status, &body["accounts"]), (201, &json!(1)), "{body}");
}

#[test]
fn every_described_change_is_answered() {
    let described: Value = serde_json::from_str(include_str!("../../../status/openapi.json")).unwrap();
    let mut tried = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in ["post", "patch", "delete"].into_iter().filter(|method| methods.get(method).is_some()) {
            let scene = scene();
            let (id, _) = scene.made();
            let real = path.replace("{id}", &id).replace("{no}", "0").replace("{voucher}", "none");
            let (status, body) = scene.call(&method.to_uppercase(), &real, KEY, &json!({}));
            assert!(status < 500 && status != 405, "{method} {path}: {status}");
            assert!(!body["detail"].as_str().unwrap_or_default().contains("no such route"), "{method} {path}: {body}");
            let documented = methods[method]["responses"].get(status.to_string());
            assert!(documented.is_some(), "{method} {path} answers {status}, which is not described");
            tried += 1;
        }
    }
    assert!(tried >= 15, "{tried}");
}

#[test]
fn only_the_operator_names_a_workmail_mailbox_that_is_read_without_its_user() {
    let scene = scene();
    let mut order = order();
    order["destination"] = json!({"kind": "imap", "host": "imap.example.com"});
    order["source"] = json!({"kind": "workmail", "access": "impersonation"});
    let account = |user: &str| {
        let destination = json!({"mailbox": format!("new-{user}"), "password": "b"});
        json!({"source": {"user": user}, "destination": destination})
    };
    order["accounts"] = json!([account("anna@example.org")]);
    let (status, body) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!(status, 201, "{body}");
    let path = format!("/v1/migrations/{}/accounts", body["id"].as_str().unwrap());
    let token = body["token"].as_str().unwrap().to_owned();
    let more = |access: &str| json!({"source": {"kind": "workmail", "access": access}, "accounts": [account("boss@example.org")]});
    for access in ["impersonation", "administrator"] {
        assert_eq!(scene.call("POST", &path, &token, &more(access)).0, 403, "{access}");
    }
    let (status, problem) = scene.call("POST", &path, &token, &more("user"));
    assert_eq!((status, &problem["field"]), (422, &json!("accounts.0.source.password")), "{problem}");
    let other = json!({"source": {"user": "boss@example.org"}});
    assert_eq!(scene.call("PATCH", &format!("{path}/0"), &token, &other).0, 403);
    assert_eq!(scene.call("PATCH", &format!("{path}/0"), KEY, &other).0, 200);
    assert_eq!(scene.call("POST", &path, KEY, &more("impersonation")).0, 201);
}

#[test]
fn an_imap_server_is_taken_as_destination_with_a_password_for_each_account() {
    let scene = scene();
    let mut order = order();
    order["destination"] = json!({"kind": "imap", "host": "imap.example.com", "security": "starttls"});
    let (status, problem) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!((status, &problem["field"]), (422, &json!("accounts.0.destination.password")), "{problem}");
    order["accounts"] = json!([{
        "source": {"user": "anna", "password": "a"}, "destination": {"mailbox": "anna@example.com", "password": "b"}
    }]);
    let (status, body) = scene.call("POST", "/v1/migrations", KEY, &order);
    assert_eq!(status, 201, "{body}");
    for destination in [json!({"kind": "imap"}), json!({"kind": "imap", "host": "h", "access": "user"})] {
        order["destination"] = destination;
        assert_eq!(scene.call("POST", "/v1/migrations", KEY, &order).0, 422, "{order}");
    }
}

impl Scene {
    fn voucher(&self, mailboxes: u32) -> (String, String) {
        let (status, body) = self.call("POST", "/v1/vouchers", KEY, &json!({"mailboxes": mailboxes, "note": "Shop"}));
        assert_eq!(status, 201, "{body}");
        (body["code"].as_str().unwrap().to_owned(), body["voucher"]["id"].as_str().unwrap().to_owned())
    }
}

/// An order that needs no power of the operator.
fn own_order() -> Value {
    let mut own = order();
    own["destination"] = json!({"kind": "workmail"});
    for account in own["accounts"].as_array_mut().unwrap() {
        account["destination"]["password"] = json!("d");
    }
    own
}

#[test]
fn the_bearer_of_a_voucher_creates_and_starts_what_it_reaches() {
    let scene = scene();
    let (code, id) = scene.voucher(2);
    assert!(!format!("{:?}", scene.memory.table.snapshot()).contains(&code), "the code is kept in clear");
    let typed = code.to_uppercase().replace('-', " ").replace(' ', "");
    let (status, made) = scene.call("POST", "/v1/migrations", &typed, &own_order());
    assert_eq!(status, 201, "{made}");
    let (status, refused) = scene.call("POST", "/v1/migrations", &code, &order());
    assert_eq!((status, &refused["code"]), (422, &json!("destination.not_permitted")), "{refused}");
    let start = |made: &Value, body: &Value| {
        let path = format!("/v1/migrations/{}/start", made["id"].as_str().unwrap());
        scene.call("POST", &path, made["token"].as_str().unwrap(), body)
    };
    let (_, other) = scene.call("POST", "/v1/migrations", &code, &own_order());
    assert_eq!(start(&made, &json!({})).0, 202);
    let (status, refused) = start(&other, &json!({}));
    assert_eq!((status, &refused["field"]), (422, &json!("voucher")), "{refused}");
    assert_eq!(start(&other, &json!({"kind": "trial"})).0, 202, "a trial is free");
    assert_eq!(scene.call("POST", "/v1/migrations", &code, &own_order()).0, 403, "it is used up");
    assert_eq!(scene.call("DELETE", &format!("/v1/vouchers/{id}"), &code, &json!({})).0, 403);
    let (status, revoked) = scene.call("DELETE", &format!("/v1/vouchers/{id}"), KEY, &json!({}));
    assert_eq!((status, &revoked["used"], &revoked["left"]), (200, &json!(2), &json!(0)), "{revoked}");
}

#[test]
fn a_public_trial_begins_when_its_address_is_confirmed() {
    let mut scene = scene();
    let ask = |scene: &Scene| scene.send(&Request::new("POST", "/v1/migrations", own_order().to_string()));
    assert_eq!(ask(&scene).0, 401, "it is off unless the operator switches it on");
    scene.app.public_trial = true;
    let (status, made) = ask(&scene);
    assert_eq!((status, made.get("token")), (202, None), "{made}");
    let sent = scene.memory.queues.sent();
    assert!(matches!(&sent[..], [Delivery::Task(Task::Notify { .. })]), "nothing is checked: {sent:?}");
    let id = mailcrane_core::id::MigrationId::new(made["id"].as_str().unwrap()).unwrap();
    let told = scene.app.vault.open(&id, mailcrane_engine::intake::TOKEN);
    let token = scene.memory.clock.block_on(told).unwrap();
    let act = |action: &str, token: &str| {
        scene.call("POST", &format!("/v1/migrations/{id}/{action}"), token, &json!({"kind": "trial"}))
    };
    assert_eq!(act("start", token.expose()).1["code"], "access.unconfirmed");
    assert_eq!(act("confirm", "guess").0, 404);
    assert_eq!(act("confirm", token.expose()).0, 202);
    assert!(scene.memory.queues.sent().iter().any(|one| matches!(one, Delivery::Task(Task::CheckAll { .. }))));
    assert_eq!(act("start", token.expose()).0, 202);
}

#[test]
fn ten_thousand_guesses_of_keys_and_vouchers_are_stopped_and_told() {
    let scene = scene();
    let (id, token) = scene.made();
    let mut answers = std::collections::BTreeMap::new();
    for guess in 0..5_000 {
        let (status, _) = scene.call("POST", "/v1/migrations", &format!("guess-{guess}"), &order());
        *answers.entry(status).or_insert(0) += 1;
    }
    assert_eq!(answers, [(403, 30), (429, 4_970)].into());
    let (status, told) = scene.call("POST", "/v1/migrations", "guess", &order());
    assert_eq!((status, told["code"].as_str()), (429, Some("limit.reached")), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("try again in"), "{told}");
    let path = format!("/v1/migrations/{id}/start");
    for guess in 0..5_000 {
        let (status, _) = scene.call("POST", &path, &token, &json!({"voucher": format!("guess-{guess}")}));
        assert_eq!(status, 429, "vouchers are counted together with keys");
    }
    assert_eq!(scene.call("POST", "/v1/migrations", KEY, &order()).0, 201, "the operator is not locked out");
    scene.memory.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(scene.call("POST", "/v1/migrations", "guess", &order()).0, 403);
}

#[test]
fn ten_thousand_changed_passwords_are_stopped_and_told() {
    let scene = scene();
    let (code, _) = scene.voucher(2);
    let (_, made) = scene.call("POST", "/v1/migrations", &code, &own_order());
    let path = format!("/v1/migrations/{}/accounts/0", made["id"].as_str().unwrap());
    let mut taken = 0;
    for guess in 0..10_000 {
        let change = json!({"source": {"password": format!("guess-{guess}")}});
        let (status, _) = scene.call("PATCH", &path, made["token"].as_str().unwrap(), &change);
        assert!(matches!(status, 200 | 429), "{status}");
        taken += u32::from(status == 200);
    }
    // The check itself lets 20 an hour through to a mailbox; this is what one place may ask for at all.
    assert_eq!(taken, 1_998);
}

#[test]
fn a_wrong_token_and_no_migration_cost_the_table_the_same() {
    let scene = scene();
    let (id, _) = scene.made();
    let cost = |id: &str| {
        let before = scene.memory.table.counts();
        scene.call("POST", &format!("/v1/migrations/{id}/pause"), "wrong", &json!({}));
        let after = scene.memory.table.counts();
        (after.gets - before.gets, after.queries - before.queries, after.writes - before.writes)
    };
    assert_eq!(cost(&id), (1, 0, 0));
    assert_eq!([cost("0123456789ab"), cost("NO")], [(1, 0, 0); 2]);
}

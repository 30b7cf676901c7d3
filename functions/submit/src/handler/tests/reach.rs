//! Whoever is not the operator opens no mailbox without its password, whatever field of whatever request is tried.

use super::{Scene, own_order, scene};
use mailcrane_core::ports::table::Body;
use mailcrane_core::ports::vault::Vault as _;
use mailcrane_lambda::http::Request;
use serde_json::{Value, json};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Operator,
    Voucher,
    Public,
}

/// The fields of a described object as paths, each with values to try: every word that it may be, or texts that name
/// somebody else or a power.
fn fields(described: &Value, schema: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    if let Some(name) = schema["$ref"].as_str() {
        let found = described.pointer(name.trim_start_matches('#')).unwrap();
        return fields(described, found, path, out);
    }
    if let Some(words) = schema["enum"].as_array() {
        out.extend(words.iter().map(|word| (path.to_owned(), word.clone())));
    } else if schema["type"] == "string" {
        let texts = ["boss@example.org", "administrator", "impersonation"];
        out.extend(texts.map(|text| (path.to_owned(), json!(text))));
    } else if schema["type"] == "array" {
        fields(described, &schema["items"], &format!("{path}/0"), out);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        fields(described, inner, &format!("{path}/{name}"), out);
    }
}

/// Sets what a path names, and makes the objects on its way.
fn set(body: &mut Value, path: &str, value: &Value) {
    let mut place = body;
    for name in path.split('/').skip(1) {
        if !place.is_object() && !place.is_array() {
            *place = json!({});
        }
        place = match name.parse::<usize>() {
            Ok(at) if place.is_array() => &mut place[at],
            _ => &mut place[name],
        };
    }
    *place = value.clone();
}

/// The bodies that are tried of a described object: one field changed, and what only works together.
fn bodies(schema: &str, base: &Value) -> Vec<Value> {
    let described: Value = serde_json::from_str(include_str!("../../../../status/openapi.json")).unwrap();
    let mut tried = Vec::new();
    fields(&described, &described["components"]["schemas"][schema], "", &mut tried);
    let mut bodies = Vec::new();
    for (path, value) in tried {
        let mut body = base.clone();
        set(&mut body, &path, &value);
        bodies.push(body.clone());
        if let Some(object) = path.strip_suffix("/access") {
            set(&mut body, &format!("{object}/kind"), &json!("workmail"));
            bodies.push(body.clone());
            // A WorkMail source takes no server and no password of an IMAP one.
            for more in ["host", "port", "security"] {
                let Some(source) = body.pointer_mut(object).and_then(Value::as_object_mut) else { continue };
                source.remove(more);
            }
            if let Some(account) = body.pointer_mut("/accounts/0/source").and_then(Value::as_object_mut) {
                account.remove("password");
            }
            bodies.push(body);
        }
    }
    bodies
}

/// Makes a migration as that caller and returns its path and token.
fn made(scene: &Scene, who: Who) -> (String, String) {
    let (token, body) = match who {
        Who::Operator => (super::KEY.to_owned(), own_order()),
        Who::Voucher => (scene.voucher(9).0, own_order()),
        Who::Public => (String::new(), own_order()),
    };
    let (_, made) = ask(scene, "POST", "/v1/migrations", &token, &body);
    let id = mailcrane_core::id::MigrationId::new(made["id"].as_str().unwrap()).unwrap();
    let told = scene.app.vault.open(&id, mailcrane_engine::intake::TOKEN);
    let token = scene.memory.clock.block_on(told).unwrap().expose().to_owned();
    let path = format!("/v1/migrations/{id}");
    ask(scene, "POST", &format!("{path}/confirm"), &token, &json!({}));
    (path, token)
}

fn ask(scene: &Scene, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    if token.is_empty() {
        scene.send(&Request::new(method, path, body.to_string()))
    } else {
        scene.call(method, path, token, body)
    }
}

/// Tells whether a mailbox is to be opened without its password.
fn opens_another(scene: &Scene) -> bool {
    let powers = [r#""access":"administrator""#, r#""access":"impersonation""#, r#""workmail":"administrator""#];
    let powers = powers.into_iter().chain([r#""workmail":"impersonation""#]);
    let powers: Vec<_> = powers.collect();
    scene.memory.table.snapshot().values().any(|item| match &item.body {
        Body::Json(text) => powers.iter().any(|power| text.contains(power)),
        Body::Packed(_) => false,
    })
}

/// Tries everything as that caller; returns how many requests were made and how many of them opened a mailbox.
fn tried(who: Who) -> (usize, usize) {
    let (mut count, mut opened) = (0, 0);
    let mut one_account = own_order();
    one_account["accounts"].as_array_mut().unwrap().truncate(1);
    // A WorkMail source is named by an address.
    one_account["accounts"][0]["source"]["user"] = json!("anna@example.org");
    let more = json!({"accounts": one_account["accounts"], "source": {"host": "imap.example.org"}});
    let requests = [
        ("POST", "", "NewMigration", one_account),
        ("POST", "/accounts", "MoreAccounts", more),
        ("PATCH", "/accounts/0", "AccountChange", json!({})),
        ("PATCH", "", "MigrationChange", json!({})),
        ("POST", "/start", "Start", json!({})),
        ("POST", "/mailboxes", "NewMailboxes", json!({"mailboxes": [{"account": 0}]})),
    ];
    for (method, path, schema, base) in requests {
        for body in bodies(schema, &base) {
            let mut scene = scene();
            scene.app.public_trial = true;
            if schema == "NewMigration" {
                let token = match who {
                    Who::Operator => super::KEY.to_owned(),
                    Who::Voucher => scene.voucher(9).0,
                    Who::Public => String::new(),
                };
                ask(&scene, method, "/v1/migrations", &token, &body);
            } else {
                let (migration, token) = made(&scene, who);
                let token = if who == Who::Operator { super::KEY.to_owned() } else { token };
                ask(&scene, method, &format!("{migration}{path}"), &token, &body);
            }
            count += 1;
            let opens = opens_another(&scene);
            let made = !scene.memory.directory.users().is_empty();
            assert!(who == Who::Operator || !(opens || made), "{who:?} {method} {path}: {body}");
            opened += usize::from(opens);
        }
    }
    for access in ["administrator", "impersonation"] {
        let mut scene = scene();
        scene.app.public_trial = true;
        let token = if who == Who::Operator { super::KEY.to_owned() } else { scene.voucher(9).0 };
        let file = "source_user;source_password;destination_mailbox\nanna;a;boss@example.org\n";
        let path = format!("/v1/migrations?source_host=imap.example.org&access={access}");
        let request = Request::new("POST", &path, file).with("content-type", "text/csv");
        scene.send(&request.with("authorization", &format!("Bearer {token}")));
        count += 1;
        let opens = opens_another(&scene);
        assert!(who == Who::Operator || !opens, "{who:?} with a file: {access}");
        opened += usize::from(opens);
    }
    (count, opened)
}

#[test]
fn no_field_of_no_request_opens_another_mailbox() {
    let (count, opened) = tried(Who::Operator);
    // The operator may; so the same requests show it where it happens.
    assert!(count > 150 && opened >= 8, "{opened} of {count}");
    assert_eq!(tried(Who::Voucher), (count, 0));
    assert_eq!(tried(Who::Public), (count, 0));
}

//! Webhooks as they are entered.

use super::{KEY, order, own_order, scene};
use mailcrane_lambda::http::Request;
use serde_json::{Value, json};

/// An order with a webhook.
fn hooked(url: &str) -> Value {
    let mut order = order();
    order["webhook"] = json!({ "url": url });
    order
}

#[test]
fn a_webhooks_secret_is_told_once_and_kept_sealed() {
    let scene = scene();
    let order = hooked("https://hooks.example.org/a");
    let request = Request::new("POST", "/v1/migrations", order.to_string())
        .with("authorization", &format!("Bearer {KEY}"))
        .with("idempotency-key", "one");
    let (status, made) = scene.send(&request);
    assert_eq!(status, 201, "{made}");
    let secret = made["webhook_secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 52);
    assert_eq!(scene.send(&request), (201, made.clone()), "the same request is answered alike");
    assert!(!format!("{:?}", scene.memory.table.snapshot()).contains(&secret));
    let (path, token) = (format!("/v1/migrations/{}", made["id"].as_str().unwrap()), made["token"].as_str().unwrap());
    let (_, shown) = scene.call("PATCH", &path, token, &json!({"name": "Other"}));
    assert_eq!(shown["webhook"], json!({"url": "https://hooks.example.org/a"}));
    assert_eq!(shown["webhook_secret"], Value::Null);
    let (status, changed) = scene.call("PATCH", &path, token, &json!({"webhook": {"url": "https://b.example.org"}}));
    assert_eq!((status, &changed["webhook"]["url"]), (200, &json!("https://b.example.org/")));
    assert_ne!(changed["webhook_secret"], json!(secret));
    let (_, without) = scene.call("PATCH", &path, token, &json!({"webhook": null}));
    assert_eq!((&without["webhook"], &without["webhook_secret"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_webhook_inside_or_of_nobody_who_is_known_is_refused() {
    let mut scene = scene();
    for url in ["http://hooks.example.org/", "https://10.0.0.1/", "https://a:b@hooks.example.org/", "nothing"] {
        let (status, problem) = scene.call("POST", "/v1/migrations", KEY, &hooked(url));
        assert_eq!((status, &problem["field"]), (422, &json!("webhook.url")), "{problem}");
    }
    scene.app.public_trial = true;
    let mut order = own_order();
    order["webhook"] = json!({"url": "https://hooks.example.org/"});
    let (status, problem) = scene.send(&Request::new("POST", "/v1/migrations", order.to_string()));
    assert_eq!((status, &problem["code"]), (422, &json!("webhook.not_permitted")), "{problem}");
}

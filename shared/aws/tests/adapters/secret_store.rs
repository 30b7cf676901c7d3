//! How secrets are read.

use crate::server::{Answer, Server};
use mailcrane_core::fault::Remedy;
use serde_json::json;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:operator-key";

#[tokio::test]
async fn a_secret_is_read_once_and_kept() {
    let server = Server::giving(vec![Answer::ok(json!({ "ARN": ARN, "SecretString": "hunter2" }))]);
    let secrets = server.clients().secrets();
    assert_eq!(secrets.read(ARN).await.unwrap().expose(), "hunter2");
    assert_eq!(secrets.read(ARN).await.unwrap().expose(), "hunter2");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].json(), json!({ "SecretId": ARN }));
}

#[tokio::test]
async fn a_rotated_secret_is_seen_when_it_is_read_anew() {
    let answer = |text: &str| Answer::ok(json!({ "ARN": ARN, "SecretString": text }));
    let server = Server::giving(vec![answer("old"), answer("new")]);
    let secrets = server.clients().secrets();
    assert_eq!(secrets.read(ARN).await.unwrap().expose(), "old");
    assert_eq!(secrets.read_anew(ARN).await.unwrap().expose(), "new");
    assert_eq!(secrets.read(ARN).await.unwrap().expose(), "new");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_told_as_such() {
    let server = Server::giving(vec![Answer::error(400, "ResourceNotFoundException")]);
    let fault = server.clients().secrets().read(ARN).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("secret.missing", Remedy::GiveUp));
}

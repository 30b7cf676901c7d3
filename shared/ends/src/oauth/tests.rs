use super::*;
use mailcrane_core::Remedy;
use mailcrane_core::address::Reach;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData as _};
use rustls::crypto::aws_lc_rs::default_provider;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// An OAuth server that keeps the forms and answers them one after the other; the last answer stays.
struct Server {
    url: String,
    forms: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let (forms, answers) = (Arc::new(Mutex::new(Vec::new())), answers.to_vec());
        let kept = forms.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let form = read(&mut stream).await;
                kept.lock().unwrap().push(form);
                let (status, body) = answers[std::cmp::min(number, answers.len() - 1)];
                let answer =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                // the client may have given up
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, forms }
    }

    fn forms(&self) -> Vec<String> {
        self.forms.lock().unwrap().clone()
    }

    fn refresh(&self) -> OauthSecret {
        OauthSecret::RefreshToken {
            token_url: self.url.clone(),
            client_id: "client&1".into(),
            client_secret: Some(Secret::new("Secret-1")),
            refresh_token: Secret::new("1//refresh+token"),
            scope: None,
        }
    }
}

/// Reads a request and returns its body.
async fn read(stream: &mut tokio::net::TcpStream) -> String {
    let mut octets = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&octets).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /token HTTP/1.1"), "{head}");
            assert!(head.to_lowercase().contains("content-type: application/x-www-form-urlencoded"), "{head}");
            let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
            if body.len() >= length.lines().next().unwrap().parse().unwrap() {
                return body.to_owned();
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the request was cut off: {text}");
        octets.extend_from_slice(&piece[..read]);
    }
}

const GRANTED: (&str, &str) = ("200 OK", r#"{"access_token":"token-1","expires_in":3600,"token_type":"Bearer"}"#);
const GRANTED_AGAIN: (&str, &str) = ("200 OK", r#"{"access_token":"token-2","expires_in":"3600"}"#);

fn tokens(now: fn() -> Timestamp) -> Tokens {
    Tokens::new(TokenEndpoint::new(Reach::Private, None).unwrap(), now)
}

fn at_noon() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

async fn fault(status: &'static str, body: &'static str) -> Fault {
    let server = Server::start(&[(status, body)]).await;
    tokens(at_noon).token(&server.refresh(), "anna").await.unwrap_err()
}

#[tokio::test]
async fn a_refresh_token_becomes_an_access_token() {
    let server = Server::start(&[GRANTED]).await;
    let got = tokens(at_noon).token(&server.refresh(), "anna").await.unwrap();
    assert_eq!((got.token.expose(), got.kept), ("token-1", false));
    let expected =
        "grant_type=refresh_token&client_id=client%261&refresh_token=1%2F%2Frefresh%2Btoken&client_secret=Secret-1";
    assert_eq!(server.forms(), [expected]);
}

#[tokio::test]
async fn an_application_signs_in_by_itself() {
    let server = Server::start(&[GRANTED]).await;
    let secret = OauthSecret::ClientCredentials {
        token_url: server.url.clone(),
        client_id: "app".into(),
        client_secret: Secret::new("s"),
        scope: "https://outlook.office365.com/.default".into(),
    };
    let tokens = tokens(at_noon);
    assert_eq!(tokens.token(&secret, "anna").await.unwrap().token.expose(), "token-1");
    // one token serves every mailbox of the application
    assert!(tokens.token(&secret, "bernd").await.unwrap().kept);
    let expected = "grant_type=client_credentials&client_id=app&client_secret=s\
                    &scope=https%3A%2F%2Foutlook.office365.com%2F.default";
    assert_eq!(server.forms(), [expected]);
}

#[tokio::test]
async fn a_service_account_signs_for_each_user_and_the_signature_holds() {
    use base64::Engine as _;
    let server = Server::start(&[GRANTED, GRANTED_AGAIN]).await;
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let secret = OauthSecret::ServiceAccount {
        token_url: server.url.clone(),
        client_email: "mover@example.org".into(),
        private_key: Secret::new(key.serialize_pem().replace('\n', "\\n")),
        scope: "https://mail.google.com/".into(),
    };
    let tokens = tokens(at_noon);
    assert_eq!(tokens.token(&secret, "anna@example.org").await.unwrap().token.expose(), "token-1");
    assert_eq!(tokens.token(&secret, "bernd@example.org").await.unwrap().token.expose(), "token-2");
    assert!(tokens.token(&secret, "anna@example.org").await.unwrap().kept);

    let forms = server.forms();
    let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let assertion = forms[0].strip_prefix(start).unwrap();
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let decoded = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let json = |text: &str| serde_json::from_slice::<serde_json::Value>(&decoded(text)).unwrap();
    assert_eq!(json(header), serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    let expected = serde_json::json!({
        "iss": "mover@example.org", "sub": "anna@example.org", "scope": "https://mail.google.com/",
        "aud": server.url, "iat": 1_800_000_000, "exp": 1_800_003_600,
    });
    assert_eq!(json(claims), expected);
    let algorithms = default_provider().signature_verification_algorithms;
    let holds = |message: &str| {
        let rsa = rustls::pki_types::alg_id::RSA_ENCRYPTION;
        let sha256 = rustls::pki_types::alg_id::RSA_PKCS1_SHA256;
        let mut fitting = algorithms.all.iter().filter(|one| one.public_key_alg_id() == rsa);
        let one = fitting.find(|one| one.signature_alg_id() == sha256).unwrap();
        one.verify_signature(key.der_bytes(), message.as_bytes(), &decoded(signature)).is_ok()
    };
    assert!(holds(message));
    assert!(!holds(&message.replace('a', "b")));
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_told() {
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    for key in ["", "oops", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", elliptic.as_str()] {
        let secret = OauthSecret::ServiceAccount {
            token_url: "http://127.0.0.1:1/token".into(),
            client_email: "mover@example.org".into(),
            private_key: Secret::new(key),
            scope: "s".into(),
        };
        let fault = tokens(at_noon).token(&secret, "anna").await.unwrap_err();
        assert_eq!(fault.code, "source.oauth_key", "{key}");
    }
}

static NOW: AtomicI64 = AtomicI64::new(1_800_000_000);

fn moving() -> Timestamp {
    Timestamp::from_second(NOW.load(Ordering::SeqCst)).unwrap()
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let server = Server::start(&[GRANTED, GRANTED_AGAIN]).await;
    let (tokens, secret) = (tokens(moving), server.refresh());
    assert!(!tokens.token(&secret, "anna").await.unwrap().kept);
    NOW.fetch_add(3600 - 301, Ordering::SeqCst);
    assert!(tokens.token(&secret, "anna").await.unwrap().kept);
    NOW.fetch_add(2, Ordering::SeqCst);
    let fresh = tokens.token(&secret, "anna").await.unwrap();
    assert_eq!((fresh.token.expose(), fresh.kept), ("token-2", false));
    assert_eq!(server.forms().len(), 2);
}

#[tokio::test]
async fn a_token_that_a_server_refused_is_fetched_anew() {
    let server = Server::start(&[GRANTED, GRANTED_AGAIN]).await;
    let (tokens, secret) = (tokens(at_noon), server.refresh());
    tokens.token(&secret, "anna").await.unwrap();
    tokens.forget(&secret, "anna");
    assert_eq!(tokens.token(&secret, "anna").await.unwrap().token.expose(), "token-2");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (status, body, code) in [
        ("400 Bad Request", r#"{"error":"invalid_grant","error_description":"gone"}"#, "source.oauth_refused"),
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#, "source.oauth_client"),
        ("400 Bad Request", r#"{"error":"unauthorized_client"}"#, "source.oauth_client"),
        ("400 Bad Request", r#"{"error":"invalid_scope"}"#, "source.oauth_scope"),
        ("400 Bad Request", r#"{"error":"something_else"}"#, "source.oauth_refused"),
        ("200 OK", r#"{"token_type":"Bearer"}"#, "source.oauth_refused"),
        ("200 OK", r#"{"access_token":"a\r\nb"}"#, "source.oauth_refused"),
        ("200 OK", "<html>hello</html>", "source.oauth_address"),
        ("404 Not Found", "", "source.oauth_address"),
        ("302 Found", "", "source.oauth_address"),
    ] {
        let fault = fault(status, body).await;
        assert_eq!((fault.code.as_ref(), fault.remedy), (code, Remedy::GiveUp), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_later() {
    for status in ["429 Too Many Requests\r\nretry-after: 77", "503 Service Unavailable\r\nretry-after: 77"] {
        let fault = fault(status, "").await;
        assert_eq!(fault.code, "source.oauth_unavailable");
        assert_eq!(fault.remedy, Remedy::RetryAfter(Duration::from_secs(77)));
    }
}

#[tokio::test]
async fn a_refusal_never_repeats_a_secret() {
    let fault = fault(
        "400 Bad Request",
        r#"{"error":"invalid_grant","error_description":"no such token 1//refresh+token\nSecret-1"}"#,
    )
    .await;
    assert!(fault.message.ends_with("invalid_grant no such token <redacted> <redacted>"), "{}", fault.message);
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let long: &'static str = Box::leak("a".repeat(70_000).into_boxed_str());
    assert_eq!(fault("200 OK", long).await.code, "source.oauth_address");
}

#[tokio::test]
async fn only_public_addresses_with_tls_are_asked() {
    let server = Server::start(&[GRANTED]).await;
    let port = server.url.split(':').nth(2).unwrap().to_owned();
    let tokens = Tokens::new(TokenEndpoint::new(Reach::Public, None).unwrap(), at_noon);
    for url in [
        server.url.clone(),
        format!("https://localhost:{port}"),
        "http://login.example.org/token".into(),
        "https://127.0.0.1/token".into(),
        "https://localhost/token".into(),
        "https://[::1]/token".into(),
        "https://2130706433/token".into(),
        "https://169.254.169.254/latest".into(),
        "https://user:pass@login.example.org/".into(),
        "file:///etc/passwd".into(),
        "oops".into(),
    ] {
        let OauthSecret::RefreshToken { client_id, client_secret, refresh_token, scope, .. } = server.refresh() else {
            unreachable!()
        };
        let secret =
            OauthSecret::RefreshToken { token_url: url.clone(), client_id, client_secret, refresh_token, scope };
        let fault = tokens.token(&secret, "anna").await.unwrap_err();
        assert_eq!((fault.code.as_ref(), fault.remedy), ("source.oauth_address", Remedy::GiveUp), "{url}: {fault}");
    }
    assert!(server.forms().is_empty());
}

//! The ways to sign in that Dovecot knows.

use crate::server::{Dovecot, password};
use mailcrane_core::folder::WireName;
use mailcrane_core::ports::source::{AdminScheme, Credentials, Security, Source as _, Sources as _};
use mailcrane_core::secret::Secret;

async fn sign_in(server: &Dovecot, credentials: &Credentials) -> Result<u64, String> {
    let opened = server.sources().open(&server.endpoint(Security::Starttls), credentials).await;
    let mut session = opened.map_err(|fault| fault.code.into_owned())?;
    let examined = session.examine(&WireName::from("INBOX")).await.map_err(|fault| fault.code.into_owned())?;
    session.close().await;
    Ok(examined.exists)
}

fn administrator(scheme: AdminScheme, password: &str) -> Credentials {
    Credentials::Administrator {
        user: "anna".to_owned(),
        admin_user: "root-admin".to_owned(),
        admin_password: Secret::new(password),
        scheme,
    }
}

fn token(token: &str) -> Credentials {
    Credentials::Token { user: "anna".to_owned(), token: Secret::new(token) }
}

#[tokio::test]
async fn passwords_administrators_and_tokens_are_let_in_and_wrong_ones_told_apart() {
    let server = Dovecot::start("");
    assert_eq!(sign_in(&server, &password("anna")).await, Ok(0));
    for scheme in [AdminScheme::Auto, AdminScheme::Authzid, AdminScheme::Master] {
        assert_eq!(sign_in(&server, &administrator(scheme, "master-secret")).await, Ok(0), "{scheme:?}");
        let refused = sign_in(&server, &administrator(scheme, "wrong")).await;
        assert_eq!(refused, Err("source.wrong_password".to_owned()), "{scheme:?}");
    }
    assert_eq!(sign_in(&server, &token("token-of-anna")).await, Ok(0));
    assert_eq!(sign_in(&server, &token("stale")).await, Err("source.token_refused".to_owned()));
    let wrong = Credentials::Password { user: "anna".to_owned(), password: Secret::new("wrong") };
    assert_eq!(sign_in(&server, &wrong).await, Err("source.wrong_password".to_owned()));
}

#[tokio::test]
async fn too_many_connections_are_no_wrong_password() {
    let server = Dovecot::start("mail_max_userip_connections = 2");
    let sources = server.sources();
    let endpoint = server.endpoint(Security::Tls);
    let _first = sources.open(&endpoint, &password("anna")).await.unwrap();
    let _second = sources.open(&endpoint, &password("anna")).await.unwrap();
    let third = sources.open(&endpoint, &password("anna")).await;
    assert_eq!(third.err().unwrap().code, "source.too_many_connections");
}

//! The attempts that credentials allow, in the order in which they are made.

use super::{Before, is_plain, offered};
use crate::failure::Failure;
use mailcrane_core::ports::source::{AdminScheme, Credentials};
use mailcrane_core::secret::Secret;

/// The longest text that LOGIN is given; longer ones travel by AUTHENTICATE.
const MAX_LOGIN: usize = 128;

/// One way to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// LOGIN with quoted strings.
    Login {
        /// The user, possibly with a suffix for administrators.
        user: String,
        /// The password.
        password: Secret,
    },
    /// AUTHENTICATE.
    Sasl {
        /// PLAIN, XOAUTH2 or OAUTHBEARER.
        mechanism: &'static str,
        /// The client's first response, before base64.
        initial: Secret,
    },
}

/// Lists the attempts; a password is tried twice, since some servers refuse at random.
///
/// # Errors
/// When the server offers nothing that fits.
pub(super) fn attempts(credentials: &Credentials, before: &Before<'_>) -> Result<Vec<Attempt>, Failure> {
    match credentials {
        Credentials::Password { user, password } => {
            let attempt = password_attempt(user, password, before)?;
            // A server that does not offer PLAIN may take the same password by LOGIN.
            let by_login = matches!(attempt, Attempt::Sasl { .. }) && !before.capabilities.has("AUTH=PLAIN");
            let again = if by_login { login(user, password) } else { attempt.clone() };
            Ok(vec![attempt, again])
        }
        Credentials::Administrator { user, admin_user, admin_password, scheme } => {
            let authzid = || plain(user, admin_user, admin_password);
            let master = || password_attempt(&format!("{user}*{admin_user}"), admin_password, before);
            let exchange = || password_attempt(&exchange_user(user, admin_user), admin_password, before);
            // Only Exchange knows administrators of a domain.
            let exchange_last = admin_user.contains('\\').then(|| exchange().ok()).flatten();
            match scheme {
                AdminScheme::Authzid => Ok(vec![authzid()]),
                AdminScheme::Master => Ok(vec![master()?]),
                AdminScheme::Exchange => Ok(vec![exchange()?]),
                AdminScheme::Auto if before.capabilities.has("AUTH=PLAIN") => {
                    Ok([Some(authzid()), master().ok(), exchange_last].into_iter().flatten().collect())
                }
                AdminScheme::Auto => Ok([Some(master()?), exchange_last].into_iter().flatten().collect()),
            }
        }
        Credentials::Token { user, token } => token_attempt(user, token, before),
    }
}

/// `domain\admin\alias`; the alias is the mailbox's name before the `@`.
fn exchange_user(user: &str, admin_user: &str) -> String {
    let alias = user.split_once('@').map_or(user, |(alias, _domain)| alias);
    format!("{admin_user}\\{alias}")
}

fn password_attempt(user: &str, password: &Secret, before: &Before<'_>) -> Result<Attempt, Failure> {
    let capabilities = before.capabilities;
    let fits = [user, password.expose()]
        .iter()
        .all(|text| text.len() <= MAX_LOGIN && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    if fits && !capabilities.has("LOGINDISABLED") {
        return Ok(login(user, password));
    }
    if capabilities.has("AUTH=PLAIN") || !capabilities.has("LOGINDISABLED") {
        return Ok(plain("", user, password));
    }
    if capabilities.only_oauth() {
        return Err(Failure::OauthNeeded { text: format!("only {}", offered(capabilities)) });
    }
    if is_plain(before.endpoint) {
        return Err(Failure::NoTls { host: before.endpoint.host.clone(), cause: None });
    }
    Err(Failure::NoMechanism { offered: offered(capabilities) })
}

fn login(user: &str, password: &Secret) -> Attempt {
    Attempt::Login { user: user.to_owned(), password: password.clone() }
}

fn plain(authzid: &str, user: &str, password: &Secret) -> Attempt {
    let initial = Secret::new(format!("{authzid}\0{user}\0{}", password.expose()));
    Attempt::Sasl { mechanism: "PLAIN", initial }
}

fn token_attempt(user: &str, token: &Secret, before: &Before<'_>) -> Result<Vec<Attempt>, Failure> {
    let token = token.expose();
    let bearer = before.capabilities.has("AUTH=OAUTHBEARER") && !before.capabilities.has("AUTH=XOAUTH2");
    if bearer {
        let (host, port) = (&before.endpoint.host, before.endpoint.port);
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let initial = format!("n,a={name},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}");
        return Ok(vec![Attempt::Sasl { mechanism: "OAUTHBEARER", initial: Secret::new(initial) }]);
    }
    if !before.capabilities.has("AUTH=XOAUTH2") && before.capabilities.mechanisms().next().is_some() {
        return Err(Failure::NoMechanism { offered: offered(before.capabilities) });
    }
    let initial = format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}");
    Ok(vec![Attempt::Sasl { mechanism: "XOAUTH2", initial: Secret::new(initial) }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Greeting;
    use crate::wire::capability::Capabilities;
    use mailcrane_core::ports::source::{Endpoint, Security};

    fn tried(credentials: &Credentials, capabilities: &str) -> Result<Vec<Attempt>, &'static str> {
        let endpoint =
            Endpoint { host: "imap.example.org".to_owned(), port: 993, security: Security::Tls, fingerprint: None };
        let capabilities: Capabilities = capabilities.split(' ').collect();
        let before = Before { endpoint: &endpoint, greeting: Greeting::Ok, capabilities: &capabilities };
        attempts(credentials, &before).map_err(|failure| failure.code())
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password { user: user.to_owned(), password: Secret::new(password) }
    }

    fn administrator(scheme: AdminScheme) -> Credentials {
        Credentials::Administrator {
            user: "anna@example.org".to_owned(),
            admin_user: "EXAMPLE\\root".to_owned(),
            admin_password: Secret::new("pw"),
            scheme,
        }
    }

    fn sasl(mechanism: &'static str, initial: &str) -> Attempt {
        Attempt::Sasl { mechanism, initial: Secret::new(initial) }
    }

    fn login(user: &str, password: &str) -> Attempt {
        super::login(user, &Secret::new(password))
    }

    #[test]
    fn plain_ascii_signs_in_by_login_and_twice_at_most() {
        assert_eq!(tried(&password("a", "b"), "IMAP4rev1").unwrap(), vec![login("a", "b"), login("a", "b")]);
    }

    #[test]
    fn a_non_ascii_or_long_password_travels_by_plain() {
        assert_eq!(tried(&password("a", "p\u{e4}ss"), "AUTH=PLAIN").unwrap()[0], sasl("PLAIN", "\0a\0p\u{e4}ss"));
        let long = "x".repeat(200);
        assert_eq!(tried(&password("a", &long), "AUTH=PLAIN").unwrap()[0], sasl("PLAIN", &format!("\0a\0{long}")));
    }

    #[test]
    fn where_plain_is_not_offered_login_is_tried_second() {
        let long = "x".repeat(200);
        for odd in ["p\u{e4}ss", &long] {
            let tried = tried(&password("a", odd), "IMAP4rev1").unwrap();
            assert_eq!(tried, vec![sasl("PLAIN", &format!("\0a\0{odd}")), login("a", odd)]);
        }
    }

    #[test]
    fn logindisabled_with_plain_uses_plain() {
        assert_eq!(tried(&password("a", "b"), "LOGINDISABLED AUTH=PLAIN").unwrap()[0], sasl("PLAIN", "\0a\0b"));
    }

    #[test]
    fn a_server_that_offers_oauth_only_is_named_so() {
        assert_eq!(tried(&password("a", "b"), "LOGINDISABLED AUTH=XOAUTH2"), Err("source.oauth_needed"));
        assert_eq!(tried(&password("a", "b"), "LOGINDISABLED AUTH=GSSAPI"), Err("source.no_mechanism"));
    }

    #[test]
    fn an_administrator_tries_an_authorization_identity_and_then_the_master_form() {
        assert_eq!(
            tried(&administrator(AdminScheme::Auto), "AUTH=PLAIN").unwrap(),
            vec![
                sasl("PLAIN", "anna@example.org\0EXAMPLE\\root\0pw"),
                login("anna@example.org*EXAMPLE\\root", "pw"),
                login("EXAMPLE\\root\\anna", "pw")
            ]
        );
        assert_eq!(
            tried(&administrator(AdminScheme::Exchange), "AUTH=PLAIN").unwrap(),
            vec![login("EXAMPLE\\root\\anna", "pw")]
        );
    }

    #[test]
    fn a_token_prefers_xoauth2_and_takes_oauthbearer() {
        let token = Credentials::Token { user: "a,b".to_owned(), token: Secret::new("t") };
        assert_eq!(
            tried(&token, "AUTH=XOAUTH2 AUTH=OAUTHBEARER").unwrap(),
            vec![sasl("XOAUTH2", "user=a,b\u{1}auth=Bearer t\u{1}\u{1}")]
        );
        assert_eq!(
            tried(&token, "AUTH=OAUTHBEARER").unwrap(),
            vec![sasl("OAUTHBEARER", "n,a=a=2Cb,\u{1}host=imap.example.org\u{1}port=993\u{1}auth=Bearer t\u{1}\u{1}")]
        );
        assert_eq!(tried(&token, "AUTH=PLAIN"), Err("source.no_mechanism"));
    }
}

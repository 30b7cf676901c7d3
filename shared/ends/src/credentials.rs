//! Sealed secrets become what an adapter signs in with.

use mailcrane_core::Fault;
use mailcrane_core::ports::source::Credentials;
use mailcrane_core::record::{Access, Account, OauthSecret, Secrets, SourceAuth};
use mailcrane_core::secret::Secret;

/// Reads the sealed document of an account.
pub(crate) fn read(document: &Secret) -> Result<Secrets, Fault> {
    serde_json::from_str(document.expose())
        .map_err(|_| Fault::give_up("vault.unreadable", "the credentials cannot be read; enter them again"))
}

/// What the source is signed in with, as far as the vault knows it.
#[derive(Debug)]
pub(crate) enum SourceSecret {
    /// Everything.
    Whole(Credentials),
    /// What an access token is fetched with, first.
    Oauth(OauthSecret),
    /// The way into a WorkMail mailbox.
    Workmail(Access),
}

/// Returns the password of a source mailbox.
pub(crate) fn source_password(secrets: Secrets) -> Result<Secret, Fault> {
    let text = "the password of the source is missing; enter it";
    secrets.source_password.ok_or_else(|| Fault::give_up("source.credentials_missing", text))
}

/// Returns what the source is signed in with.
pub(crate) fn source(account: &Account, secrets: Secrets) -> Result<SourceSecret, Fault> {
    let user = account.source.user.clone();
    let missing = |what: &str| Fault::give_up("source.credentials_missing", format!("{what} is missing; enter it"));
    match account.source.auth {
        SourceAuth::Password => {
            let password = secrets.source_password.ok_or_else(|| missing("the password of the source"))?;
            Ok(SourceSecret::Whole(Credentials::Password { user, password }))
        }
        SourceAuth::Administrator(scheme) => {
            let admin_user = secrets.source_admin_user.ok_or_else(|| missing("the administrator of the source"))?;
            let admin_password =
                secrets.source_admin_password.ok_or_else(|| missing("the password of the source's administrator"))?;
            Ok(SourceSecret::Whole(Credentials::Administrator { user, admin_user, admin_password, scheme }))
        }
        SourceAuth::Oauth => {
            secrets.source_oauth.map(SourceSecret::Oauth).ok_or_else(|| missing("what OAuth needs at the source"))
        }
        SourceAuth::Workmail(access) => Ok(SourceSecret::Workmail(access)),
    }
}

/// Returns what an IMAP destination is signed in with.
pub(crate) fn destination(account: &Account, secrets: Secrets) -> Result<Credentials, Fault> {
    let end = &account.destination;
    let user = end.user.clone().unwrap_or_else(|| end.mailbox.clone());
    Ok(Credentials::Password { user, password: destination_password(secrets)? })
}

/// Returns the password of the destination's mailbox.
pub(crate) fn destination_password(secrets: Secrets) -> Result<Secret, Fault> {
    secrets.destination_password.ok_or_else(|| {
        let text = "the password of the destination's mailbox is missing; enter it";
        Fault::give_up("destination.credentials_missing", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::ports::source::AdminScheme;

    fn account(auth: &str) -> Account {
        let json = format!(
            r#"{{"v":1,"no":0,"source_id":"0123456789abcdef","state":"waiting","selected":true,
            "source":{{"endpoint":{{"host":"imap.example.org","port":993}},"user":"anna","auth":{auth}}},
            "destination":{{"mailbox":"anna@example.org"}}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn an_administrator_signs_in_for_the_user() {
        let secrets = Secrets {
            source_admin_user: Some("admin".into()),
            source_admin_password: Some(Secret::new("a")),
            source_password: Some(Secret::new("p")),
            ..Secrets::default()
        };
        let credentials = source(&account(r#"{"administrator":"master"}"#), secrets).unwrap();
        let SourceSecret::Whole(Credentials::Administrator { user, admin_user, scheme, .. }) = credentials else {
            panic!("{credentials:?}")
        };
        assert_eq!((user.as_str(), admin_user.as_str(), scheme), ("anna", "admin", AdminScheme::Master));
    }

    #[test]
    fn a_missing_password_is_named() {
        let fault = source(&account(r#""password""#), Secrets::default()).unwrap_err();
        assert_eq!(fault.code, "source.credentials_missing");
        let fault = source(&account(r#""oauth""#), Secrets::default()).unwrap_err();
        assert_eq!(fault.code, "source.credentials_missing");
    }

    #[test]
    fn an_account_with_oauth_hands_out_what_a_token_is_fetched_with() {
        let oauth = OauthSecret::ClientCredentials {
            token_url: "https://login.example.org/token".into(),
            client_id: "app".into(),
            client_secret: Secret::new("s"),
            scope: "mail".into(),
        };
        let secrets = Secrets { source_oauth: Some(oauth.clone()), ..Secrets::default() };
        let SourceSecret::Oauth(found) = source(&account(r#""oauth""#), secrets).unwrap() else { panic!("no OAuth") };
        assert_eq!(found, oauth);
    }
}

//! What an OAuth 2 token is fetched with, as users enter it; endpoints and scopes of known providers need not be typed.

use mailcrane_core::record::OauthSecret;
use mailcrane_core::secret::Secret;
use mailcrane_lambda::http::Fields;
use mailcrane_providers::{Catalogue, Oauth};
use serde_json::Value;

/// Whose object it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// One account.
    Account,
    /// All accounts of a migration: what belongs to one user has no place there.
    Everybody,
}

/// Reads the object `oauth` of a source; its faults are noted by the fields.
pub(crate) fn read(source: &Fields<'_>, host: Option<&str>, whose: For) -> Option<OauthSecret> {
    let fields = source.object("oauth")?;
    let preset = host.and_then(|host| Catalogue::built_in().oauth(host));
    let read = match fields.need("kind", 40).as_deref() {
        Some("refresh_token") => refresh_token(&fields, preset, whose),
        Some("client_credentials") => client_credentials(&fields, preset),
        Some("service_account") => service_account(&fields, preset),
        Some(_) => {
            fields.fault("kind", "field.invalid", "must be refresh_token, client_credentials or service_account");
            return None;
        }
        None => return None,
    };
    fields.end();
    read
}

fn refresh_token(fields: &Fields<'_>, preset: Option<&Oauth>, whose: For) -> Option<OauthSecret> {
    if whose == For::Everybody {
        let text = "a refresh token belongs to one mailbox; send it with its account";
        fields.fault("kind", "field.invalid", text);
    }
    let token_url = token_url(fields, preset);
    let (client_id, refresh_token) = (fields.need("client_id", 500), secret(fields, "refresh_token"));
    let scope = fields.text("scope", 1_000).or_else(|| preset.map(|preset| preset.user_scope.clone()));
    Some(OauthSecret::RefreshToken {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: fields.raw_text("client_secret", 2_000).filter(|text| !text.is_empty()).map(Secret::new),
        refresh_token: refresh_token?,
        scope,
    })
}

fn client_credentials(fields: &Fields<'_>, preset: Option<&Oauth>) -> Option<OauthSecret> {
    if preset.is_some_and(|preset| preset.tenant.is_some()) && !fields.has("tenant") && !fields.has("token_url") {
        let text = "is missing: the directory (tenant) id of the organisation, or its domain";
        fields.fault("tenant", "field.missing", text);
    }
    let (token_url, scope) = (token_url(fields, preset), scope(fields, preset));
    let (client_id, client_secret) = (fields.need("client_id", 500), secret(fields, "client_secret"));
    Some(OauthSecret::ClientCredentials {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope: scope?,
    })
}

/// Reads a service account: member by member, or the file that Google gives out, as `key_file`.
fn service_account(fields: &Fields<'_>, preset: Option<&Oauth>) -> Option<OauthSecret> {
    let file = fields.raw_text("key_file", 20_000).map(serde_json::from_str::<Value>);
    if matches!(file, Some(Err(_))) {
        fields.fault("key_file", "field.invalid", "must be the JSON file of the service account's key");
        return None;
    }
    let file = file.and_then(Result::ok).unwrap_or_default();
    let member = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    let client_email = member("client_email").or_else(|| fields.need("client_email", 320));
    let private_key = member("private_key").map(Secret::new).or_else(|| secret(fields, "private_key"));
    let (token_url, scope) = (token_url(fields, preset), scope(fields, preset));
    Some(OauthSecret::ServiceAccount {
        token_url: token_url?,
        client_email: client_email?,
        private_key: private_key?,
        scope: scope?,
    })
}

fn secret(fields: &Fields<'_>, name: &'static str) -> Option<Secret> {
    let text = fields.raw_text(name, 20_000).filter(|text| !text.trim().is_empty());
    if text.is_none() {
        fields.fault(name, "field.missing", "is missing");
    }
    text.map(Secret::new)
}

fn scope(fields: &Fields<'_>, preset: Option<&Oauth>) -> Option<String> {
    let known = || preset.and_then(|preset| preset.application_scope.clone());
    let scope = fields.text("scope", 1_000).or_else(known);
    if scope.is_none() {
        fields.fault("scope", "field.missing", "is missing; this provider's scope is not known here");
    }
    scope
}

/// Reads `token_url`, or makes it of the provider's and `tenant`. Where it leads is vetted when it is used.
fn token_url(fields: &Fields<'_>, preset: Option<&Oauth>) -> Option<String> {
    let tenant = fields.text("tenant", 200).filter(|tenant| {
        let plain = tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        if !plain {
            fields.fault("tenant", "field.invalid", "must be a directory id or a domain");
        }
        plain
    });
    let Some(entered) = fields.text("token_url", 2_000) else {
        if preset.is_none() {
            let text = "is missing; the token endpoint of this provider is not known here";
            fields.fault("token_url", "field.missing", text);
        }
        return preset.map(|preset| preset.token_url(tenant.as_deref()));
    };
    if entered.starts_with("https://") || entered.starts_with("http://") {
        return Some(entered);
    }
    fields.fault("token_url", "field.invalid", "must begin with https://");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_lambda::http::Faults;
    use serde_json::json;

    fn entered(oauth: &Value, host: &str, whose: For) -> Result<OauthSecret, Vec<String>> {
        let (body, faults) = (json!({"oauth": oauth}), Faults::default());
        let read = read(&Fields::of(&body, "source", &faults), Some(host), whose);
        let wrong: Vec<_> = faults.into_parts().into_iter().filter_map(|part| part.field).collect();
        if wrong.is_empty() { Ok(read.unwrap()) } else { Err(wrong) }
    }

    #[test]
    fn endpoint_and_scope_of_google_and_microsoft_need_not_be_typed() {
        let google = json!({"kind": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
        let OauthSecret::RefreshToken { token_url, scope, .. } =
            entered(&google, "imap.gmail.com", For::Account).unwrap()
        else {
            panic!("another kind")
        };
        assert_eq!(token_url, "https://oauth2.googleapis.com/token");
        assert_eq!(scope.as_deref(), Some("https://mail.google.com/"));
        let app =
            json!({"kind": "client_credentials", "tenant": "contoso.example", "client_id": "c", "client_secret": "s"});
        let expected = OauthSecret::ClientCredentials {
            token_url: "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token".into(),
            client_id: "c".into(),
            client_secret: Secret::new("s"),
            scope: "https://outlook.office365.com/.default".into(),
        };
        assert_eq!(entered(&app, "outlook.office365.com", For::Everybody), Ok(expected));
    }

    #[test]
    fn the_key_file_of_a_service_account_is_taken_as_it_is() {
        let file = json!({"type": "service_account", "client_email": "m@x.example", "private_key": "PEM"}).to_string();
        let OauthSecret::ServiceAccount { client_email, private_key, .. } =
            entered(&json!({"kind": "service_account", "key_file": file}), "imap.gmail.com", For::Everybody).unwrap()
        else {
            panic!("another kind")
        };
        assert_eq!((client_email.as_str(), private_key.expose()), ("m@x.example", "PEM"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |oauth: Value, host: &str, whose, expected: &[&str]| {
            assert_eq!(entered(&oauth, host, whose).unwrap_err(), expected, "{oauth}");
        };
        let other = "imap.example.org";
        check(json!({}), other, For::Account, &["source.oauth.kind"]);
        check(json!({"kind": "password"}), other, For::Account, &["source.oauth.kind"]);
        let missing = ["source.oauth.token_url", "source.oauth.client_id", "source.oauth.refresh_token"];
        check(json!({"kind": "refresh_token"}), other, For::Account, &missing);
        let whole =
            json!({"kind": "refresh_token", "client_id": "c", "refresh_token": "r", "token_url": "https://o.example"});
        check(whole, other, For::Everybody, &["source.oauth.kind"]);
        let no_tenant = json!({"kind": "client_credentials", "client_id": "c", "client_secret": "s"});
        check(no_tenant, "outlook.office365.com", For::Everybody, &["source.oauth.tenant"]);
        let odd =
            json!({"kind": "refresh_token", "client_id": "c", "refresh_token": "r", "token_url": "ftp://x", "x": 1});
        check(odd, other, For::Account, &["source.oauth.token_url", "source.oauth.x"]);
        let tenant = json!({"kind": "client_credentials", "tenant": "a/../b", "client_id": "c", "client_secret": "s"});
        check(tenant, "outlook.office365.com", For::Account, &["source.oauth.tenant"]);
    }
}

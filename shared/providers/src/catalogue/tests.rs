use super::*;
use crate::provider::{Admin, Auth, UsernameForm};
use mailcrane_core::ports::source::Security;

fn names(text: &str) -> Vec<&'static str> {
    Catalogue::built_in().search(text).into_iter().map(|one| one.id.as_str()).collect()
}

#[track_caller]
fn first(text: &str, id: &str) {
    assert_eq!(names(text).first(), Some(&id), "{text}: {:?}", names(text));
}

#[test]
fn every_entry_is_sound() {
    let catalogue = Catalogue::read(include_str!("../../providers.json")).unwrap();
    assert!(catalogue.all().len() >= 100, "{}", catalogue.all().len());
}

#[test]
fn what_people_type_finds_their_provider_first() {
    for (text, id) in [
        ("gmail", "gmail"),
        ("Google", "gmail"),
        ("g suite", "gmail"),
        ("anna@googlemail.com", "gmail"),
        ("office 365", "microsoft365"),
        ("outlook.com", "outlook"),
        ("hotmail", "outlook"),
        ("apple", "icloud"),
        ("me.com", "icloud"),
        ("T-Online", "t_online"),
        ("1&1", "ionos_de"),
        ("web.de", "web_de"),
        ("imap.one.com", "one_com"),
        ("workmail ireland", "workmail_eu_west_1"),
        ("anna@contoso.onmicrosoft.com", "microsoft365"),
        ("zoho eu", "zoho_eu"),
    ] {
        first(text, id);
    }
}

#[test]
fn every_word_must_be_found() {
    assert_eq!(names("gmail telekom"), Vec::<&str>::new());
    assert_eq!(names("no such provider"), Vec::<&str>::new());
    assert_eq!(names(" ").len(), Catalogue::built_in().all().len());
}

#[test]
fn every_provider_is_found_by_its_name_and_its_host() {
    for one in Catalogue::built_in().all() {
        assert!(names(&one.name).contains(&one.id.as_str()), "{}", one.name);
        assert!(names(&one.host).contains(&one.id.as_str()), "{}", one.host);
    }
}

#[test]
fn a_domain_belongs_to_its_provider_only() {
    let id = |domain: &str| Catalogue::built_in().by_domain(domain).map(|one| one.id.as_str());
    assert_eq!(id("GMail.com."), Some("gmail"));
    assert_eq!(id("contoso.onmicrosoft.com"), Some("microsoft365"));
    assert_eq!(id("onmicrosoft.com"), None);
    assert_eq!(id("notgmail.com"), None);
    assert_eq!(id("mail.gmail.com"), None);
}

#[test]
fn the_longest_end_of_a_mail_exchanger_decides() {
    let id = |name: &str| Catalogue::built_in().by_mx(name).map(|one| one.id.as_str());
    assert_eq!(id("ASPMX.L.GOOGLE.COM."), Some("gmail"));
    assert_eq!(id("example-org.mail.protection.outlook.com"), Some("microsoft365"));
    assert_eq!(id("outlook-com.olc.protection.outlook.com"), Some("outlook"));
    assert_eq!(id("mta5.am0.yahoodns.net"), Some("yahoo"));
    assert_eq!(id("mx-aol.mail.gm0.yahoodns.net"), Some("aol"));
    assert_eq!(id("mx.notgoogle.com"), None);
    assert_eq!(id("mx.example.org"), None);
}

#[test]
fn what_the_engine_must_know_of_google_is_there() {
    let gmail = Catalogue::built_in().by_id("gmail").unwrap();
    assert!(gmail.gmail && gmail.max_connections == Some(15) && gmail.daily_bytes == Some(2_500_000_000));
    assert_eq!((gmail.admin, gmail.username), (Some(Admin::GoogleServiceAccount), UsernameForm::Email));
    let endpoint = gmail.endpoint();
    assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.security), ("imap.gmail.com", 993, Security::Tls));
    assert!(!gmail.auth.contains(&Auth::Password));
}

/// Changes the text of one good entry and tells what the catalogue says.
fn complaint(from: &str, to: &str) -> String {
    let good = r#"{"id":"a","name":"A","host":"imap.example.org","port":993,"security":"tls","username":"email",
        "domains":["example.org"],"mx":["mx.example.org"],"auth":["password"],
        "hint":{"en":"Sign in with the password.","de":"Melden Sie sich mit dem Passwort an."}}"#;
    assert!(good.contains(from), "{from}");
    assert!(Catalogue::read(&format!("[{good}]")).is_ok());
    Catalogue::read(&format!("[{}]", good.replacen(from, to, 1))).unwrap_err().to_string()
}

#[test]
fn an_entry_that_cannot_be_true_is_refused() {
    for (from, to, what) in [
        (r#""id":"a""#, r#""id":"A b""#, "has no usable id"),
        ("imap.example.org", "127.0.0.1", "has no host name"),
        ("imap.example.org", "IMAP.example.org", "has no host name"),
        ("993", "143", "another port"),
        (r#""tls""#, r#""none""#, "without protection"),
        (r#"["example.org"]"#, r#"["example"]"#, "a domain that is none"),
        ("mx.example.org", "mx..example.org", "a mail exchanger that is none"),
        (r#"["password"]"#, "[]", "no way to sign in"),
        (r#"["password"]"#, r#"["password","password"]"#, "twice"),
        (r#"["password"]"#, r#"["oauth2"]"#, "where tokens come from"),
        ("Melden Sie sich mit dem Passwort an.", "", "no hint in German"),
        (r#""auth""#, r#""daily_bytes":0,"auth""#, "no octet a day"),
        (r#""auth""#, r#""nonsense":0,"auth""#, "cannot be read"),
    ] {
        let complaint = complaint(from, to);
        assert!(complaint.contains(what), "{complaint}");
    }
}

#[test]
fn two_entries_may_not_claim_the_same() {
    let json = include_str!("../../providers.json");
    let twice: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
    let twice = serde_json::to_string(&[twice.first().unwrap(), twice.first().unwrap()]).unwrap();
    let complaint = Catalogue::read(&twice).unwrap_err().to_string();
    for what in ["the id gmail", "the domain gmail.com", "the mail exchanger google.com"] {
        assert!(complaint.contains(what), "{complaint}");
    }
}

#[test]
fn the_limits_and_token_endpoints_of_a_host_are_known() {
    let catalogue = Catalogue::built_in();
    let gmail = catalogue.allowance("IMAP.gmail.com.");
    assert_eq!((gmail.connections, gmail.daily_octets), (Some(15), Some(2_500_000_000)));
    assert_eq!(catalogue.allowance("imap.mail.yahoo.com").connections, Some(5));
    assert_eq!(catalogue.allowance("imap.example.org"), Default::default());
    assert_eq!(catalogue.oauth("imap.gmail.com").unwrap().token_url(None), "https://oauth2.googleapis.com/token");
    let microsoft = catalogue.oauth("outlook.office365.com").unwrap();
    let url = |tenant| microsoft.token_url(tenant);
    assert_eq!(url(None), "https://login.microsoftonline.com/common/oauth2/v2.0/token");
    assert_eq!(url(Some("contoso.example")), "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
    assert_eq!(catalogue.oauth("imap.example.org"), None);
}

#[test]
fn another_name_of_a_server_is_the_same_provider() {
    let catalogue = Catalogue::built_in();
    assert_eq!(catalogue.by_server("imap.googlemail.com", 993).map(|one| one.id.as_str()), Some("gmail"));
    assert_eq!(catalogue.allowance("imap.googlemail.com"), catalogue.allowance("imap.gmail.com"));
}

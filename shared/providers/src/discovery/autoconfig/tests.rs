use super::*;

fn address() -> Address {
    Address::read("anna@example.org").unwrap()
}

fn document(servers: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <displayName>Example &amp; Co</displayName>
    {servers}
    <outgoingServer type="smtp"><hostname>smtp.example.net</hostname><port>465</port></outgoingServer>
  </emailProvider>
</clientConfig>"#
    )
}

fn imap(host: &str, port: &str, socket: &str, user: &str) -> String {
    format!(
        "<incomingServer type=\"imap\"><hostname>{host}</hostname><port>{port}</port><socketType>{socket}</socketType>
        <username>{user}</username><authentication>password-cleartext</authentication></incomingServer>"
    )
}

fn picked(servers: &str) -> Option<Server> {
    read(&document(servers), &address()).unwrap()
}

#[test]
fn a_document_names_server_user_name_and_provider() {
    let pop = "<incomingServer type=\"pop3\"><hostname>pop.example.net</hostname><port>995</port>
        <socketType>SSL</socketType></incomingServer>";
    let found = picked(&format!("{pop}{}", imap("imap.example.net", "993", "SSL", "%EMAILADDRESS%"))).unwrap();
    assert_eq!((found.host.as_str(), found.port, found.security), ("imap.example.net", 993, Security::Tls));
    assert_eq!((found.username.as_str(), found.auth.as_slice()), ("anna@example.org", [Auth::Password].as_slice()));
    assert_eq!(found.name.as_deref(), Some("Example & Co"));
}

#[test]
fn placeholders_are_filled() {
    let found = picked(&imap("imap.%EMAILDOMAIN%", "993", "SSL", "%EMAILLOCALPART%")).unwrap();
    assert_eq!((found.host.as_str(), found.username.as_str()), ("imap.example.org", "anna"));
}

#[test]
fn tls_is_picked_before_starttls_and_no_protection_never() {
    let plain = imap("plain.example.net", "143", "plain", "u");
    let starttls = imap("starttls.example.net", "143", "STARTTLS", "u");
    let tls = imap("tls.example.net", "993", "SSL", "u");
    assert_eq!(picked(&format!("{plain}{starttls}{tls}")).unwrap().host, "tls.example.net");
    let found = picked(&format!("{plain}{starttls}")).unwrap();
    assert_eq!((found.host.as_str(), found.security), ("starttls.example.net", Security::Starttls));
    assert_eq!(picked(&plain), None);
}

#[test]
fn addresses_urls_and_odd_ports_are_not_taken_for_servers() {
    for host in
        ["127.0.0.1", "[::1]", "http://imap.example.net", "imap.example.net/x", "localhost", "", "a b.example.net"]
    {
        assert_eq!(picked(&imap(host, "993", "SSL", "u")), None, "{host}");
    }
    for port in ["0", "99993", "-1", "imap", ""] {
        assert_eq!(picked(&imap("imap.example.net", port, "SSL", "u")), None, "{port}");
    }
}

#[test]
fn what_is_no_document_is_told() {
    for text in ["", "hello", "<html><body>not here</body></html>", "<clientConfig>", "<clientConfig></other>", "{}"] {
        assert!(read(text, &address()).is_err(), "{text}");
    }
    assert!(matches!(read(&"<a>".repeat(1_000), &address()), Err(Unreadable::Deep)));
    assert_eq!(read("<clientConfig></clientConfig>", &address()).unwrap(), None);
}

#[test]
fn a_document_cannot_define_words_of_its_own() {
    let bomb = format!(
        "<!DOCTYPE a [<!ENTITY host \"127.0.0.1\">]>{}",
        document(&imap("&host;.example.net", "993", "SSL", "u")).replacen(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "",
            1
        )
    );
    assert_eq!(read(&bomb, &address()).unwrap(), None);
}

use super::*;
use crate::network::Srv;
use std::net::IpAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Leads every name to one address.
struct Leads(&'static str);

impl Dns for Leads {
    async fn mx(&self, _: &str) -> Result<Vec<String>, NoAnswer> {
        Ok(Vec::new())
    }
    async fn srv(&self, _: &str) -> Result<Vec<Srv>, NoAnswer> {
        Ok(Vec::new())
    }
    async fn addresses(&self, _: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        Ok(self.0.split_whitespace().map(|text| text.parse().unwrap()).collect())
    }
}

/// Answers every connection with the next text and returns its port.
async fn server(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            // the client may hang up in the middle of an answer that is too long
            let _ = stream.write_all(answer.replace("PORT", &port.to_string()).as_bytes()).await;
        }
    });
    port
}

fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

async fn get(reach: Reach, leads: &'static str, answers: Vec<String>) -> Result<Page, NoAnswer> {
    let port = server(answers).await;
    let web = PublicWeb::built(Leads(leads), reach, Duration::from_secs(5), Protection::None).unwrap();
    web.get(&format!("http://autoconfig.example.org:{port}/a")).await
}

fn why(result: Result<Page, NoAnswer>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_page_is_read() {
    let page = get(Reach::Private, "127.0.0.1", vec![page("200 OK", "", "hello")]).await.unwrap();
    assert_eq!(page, Page::Found("hello".into()));
}

#[tokio::test]
async fn a_host_that_leads_inside_is_not_asked() {
    for leads in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "8.8.8.8 127.0.0.1", "::ffff:127.0.0.1"] {
        let why = why(get(Reach::Public, leads, vec![page("200 OK", "", "hello")]).await);
        assert!(why.starts_with("the host leads to a"), "{leads}: {why}");
    }
    assert_eq!(why(get(Reach::Public, "", Vec::new()).await), "the host does not exist");
}

#[tokio::test]
async fn addresses_are_not_asked_in_any_spelling() {
    let web = PublicWeb::built(Leads("127.0.0.1"), Reach::Private, Duration::from_secs(5), Protection::None).unwrap();
    let port = server(vec![page("200 OK", "", "hello")]).await;
    for host in ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"] {
        let why = why(web.get(&format!("http://{host}:{port}/a")).await);
        assert_eq!(why, "only names are asked, not addresses", "{host}");
    }
}

#[tokio::test]
async fn without_tls_nothing_is_asked() {
    let web = PublicWeb::new(Leads("127.0.0.1"), Reach::Private, Duration::from_secs(5)).unwrap();
    let port = server(vec![page("200 OK", "", "hello")]).await;
    assert!(web.get(&format!("http://autoconfig.example.org:{port}/a")).await.is_err());
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_host_only() {
    let to = |place: &str| page("302 Found", &format!("location: {place}\r\n"), "");
    let hello = page("200 OK", "", "hello");
    let found = get(Reach::Private, "127.0.0.1", vec![to("/b"), hello.clone()]).await.unwrap();
    assert_eq!(found, Page::Found("hello".into()));
    for place in ["http://elsewhere.example.org:PORT/b", "http://autoconfig.example.org:1/b", "http://127.0.0.1:PORT/b"]
    {
        let found = get(Reach::Private, "127.0.0.1", vec![to(place), hello.clone()]).await.unwrap();
        assert_eq!(found, Page::Absent("the server sends elsewhere, which is not followed".into()), "{place}");
    }
    let round = vec![to("/b"); 9];
    assert!(matches!(get(Reach::Private, "127.0.0.1", round).await, Ok(Page::Absent(_))));
}

#[tokio::test]
async fn an_endless_page_is_given_up() {
    let long = page("200 OK", "", &"a".repeat(LONGEST + 1));
    assert!(why(get(Reach::Private, "127.0.0.1", vec![long]).await).contains("longer than"));
}

#[tokio::test]
async fn a_missing_page_is_nothing_and_a_broken_server_is_a_failure() {
    let missing = get(Reach::Private, "127.0.0.1", vec![page("404 Not Found", "", "")]).await.unwrap();
    assert_eq!(missing, Page::Absent("the server answered 404".into()));
    assert_eq!(
        why(get(Reach::Private, "127.0.0.1", vec![page("502 Bad Gateway", "", "")]).await),
        "the server answered 502"
    );
}

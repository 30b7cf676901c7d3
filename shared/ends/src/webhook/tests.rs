use super::*;
use mailcrane_core::Remedy;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A receiver that answers every call alike; gives its URL and what it was sent.
async fn receiver(head: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?of=us", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut octets = Vec::<u8>::new();
            while !octets.ends_with(b"}") {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).await.unwrap();
                octets.extend_from_slice(&piece[..read]);
            }
            keep.lock().unwrap().push(String::from_utf8(octets).unwrap());
            let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, kept)
}

fn call(url: &str) -> Call {
    Call { url: url.to_owned(), headers: vec![("mailcrane-event", "ended".to_owned())], body: "{\"v\":1}".to_owned() }
}

async fn told(head: &'static str) -> Result<(), Fault> {
    let (url, _) = receiver(head).await;
    PublicWebhooks::new(true, "").unwrap().post(&call(&url)).await
}

#[tokio::test]
async fn a_call_has_its_headers_and_its_body_as_they_are() {
    let (url, kept) = receiver("204 No Content").await;
    PublicWebhooks::new(true, "").unwrap().post(&call(&url)).await.unwrap();
    let kept = kept.lock().unwrap().concat().to_lowercase();
    assert!(kept.starts_with("post /hook?of=us http/1.1"), "{kept}");
    assert!(kept.contains("content-type: application/json") && kept.contains("mailcrane-event: ended"), "{kept}");
    assert!(kept.ends_with("\r\n\r\n{\"v\":1}"), "{kept}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_never_tried_again() {
    let (target, kept) = receiver("200 OK").await;
    let head: &'static str = Box::leak(format!("307 Temporary Redirect\r\nlocation: {target}").into_boxed_str());
    let fault = told(head).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("webhook.redirected", Remedy::GiveUp));
    assert!(kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_says_what_may_be_done() {
    assert!(told("200 OK").await.is_ok());
    for (head, code, remedy) in [
        ("500 Oh", "webhook.refused", Remedy::RetryAfter(Duration::ZERO)),
        ("404 Not Found", "webhook.refused", Remedy::RetryAfter(Duration::ZERO)),
        ("429 Slow\r\nretry-after: 70", "webhook.refused", Remedy::RetryAfter(Duration::from_secs(70))),
        ("503 Later\r\nretry-after: 999999", "webhook.refused", Remedy::RetryAfter(LONGEST)),
        ("410 Gone", "webhook.gone", Remedy::GiveUp),
    ] {
        let fault = told(head).await.unwrap_err();
        assert_eq!((fault.code.as_ref(), fault.remedy), (code, remedy), "{head}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let fault = PublicWebhooks::new(true, "").unwrap().post(&call(&url)).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("webhook.no_answer", Remedy::RetryAfter(Duration::ZERO)));
}

#[tokio::test]
async fn an_address_inside_is_never_called_whatever_its_name() {
    let public = PublicWebhooks::new(false, "").unwrap();
    for url in ["https://localhost/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/"] {
        let fault = public.post(&call(url)).await.unwrap_err();
        assert_eq!((fault.code.as_ref(), fault.remedy), ("webhook.address", Remedy::GiveUp), "{url}");
    }
    let metadata = PublicWebhooks::new(true, "").unwrap().post(&call("http://169.254.169.254/")).await.unwrap_err();
    assert_eq!(metadata.code, "webhook.address");
}

#[test]
fn a_url_is_refused_as_it_is_entered() {
    assert_eq!(webhook_url(" https://hooks.example.org/a?b=c ", false).unwrap(), "https://hooks.example.org/a?b=c");
    for (url, reason) in [
        ("hooks.example.org", "is no URL"),
        ("http://hooks.example.org/", "https://"),
        ("https://hooks.example.org:8443/", "usual port"),
        ("ftp://hooks.example.org/", "https://"),
        ("https://me:secret@hooks.example.org/", "user"),
        ("https://10.0.0.1/", "private address"),
        ("https://[fd00:ec2::254]/", "metadata"),
    ] {
        let refused = webhook_url(url, false).unwrap_err().to_string();
        assert!(refused.contains(reason), "{url}: {refused}");
    }
    assert!(webhook_url("http://localhost:8080/", true).is_ok());
    assert!(webhook_url("http://169.254.169.254/", true).is_err());
}

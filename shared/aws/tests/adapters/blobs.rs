//! What the bucket is asked.

use crate::server::{Answer, Server};
use mailcrane_core::fault::Remedy;
use mailcrane_core::ports::blobs::{Blobs, Upload as _};
use std::sync::Mutex;
use std::time::Duration;

#[tokio::test]
async fn an_object_is_stored_with_its_type_and_the_encryption_of_the_bucket() {
    let server = Server::giving(vec![Answer::ok("")]);
    let blobs = server.clients().blobs("mail");
    blobs.put("exports/0123456789/manifest.csv", "text/csv", "a,b\n".into()).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.path.split('?').next().unwrap()),
        ("PUT", "/mail/exports/0123456789/manifest.csv")
    );
    assert_eq!(request.headers["content-type"], "text/csv");
    assert_eq!(request.body, b"a,b\n");
    assert!(!request.headers.contains_key("x-amz-server-side-encryption"), "{:?}", request.headers);
}

/// Answers a multipart upload; its parts are told apart by their numbers.
fn multipart() -> Server {
    Server::start(|request| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        assert_eq!(path, "/mail/rescued/M/a.eml");
        match request.method.as_str() {
            "POST" if query.contains("uploads") => Answer::ok(
                "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>",
            ),
            "PUT" if query.contains("uploadId=upload-1") => Answer::ok(""),
            "POST" if query.contains("uploadId=upload-1") => {
                Answer::ok("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
            }
            _ => Answer::error(400, "NotAsTheTestExpects"),
        }
    })
}

#[tokio::test]
async fn an_object_comes_in_parts_and_is_put_together_in_their_order() {
    let server = multipart();
    let mut upload = server.clients().blobs("mail").begin("rescued/M/a.eml", "message/rfc822").await.unwrap();
    upload.part("first".into()).await.unwrap();
    upload.part("second".into()).await.unwrap();
    upload.finish().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[0].headers["content-type"], "message/rfc822");
    assert!(!requests[0].headers.contains_key("x-amz-server-side-encryption"), "the bucket encrypts by itself");
    let numbers = ["partNumber=1", "partNumber=2"];
    for (request, (number, body)) in requests[1..3].iter().zip(numbers.into_iter().zip(["first", "second"])) {
        assert!(request.path.contains(number), "{}", request.path);
        assert!(String::from_utf8_lossy(&request.body).contains(body));
    }
    let end = String::from_utf8(requests[3].body.clone()).unwrap();
    let place = |number: &str| end.find(&format!("<PartNumber>{number}</PartNumber>")).unwrap();
    assert!(place("1") < place("2"), "{end}");
}

#[tokio::test]
async fn a_bucket_that_may_not_be_written_is_told_and_one_that_is_busy_waits() {
    for (status, code, expected, waits) in
        [(403, "AccessDenied", "blobs.not_permitted", false), (503, "SlowDown", "blobs.busy", true)]
    {
        let server = Server::start(move |_| {
            Answer::Status(status, format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
        });
        let fault = server.clients().blobs("mail").begin("rescued/M/a.eml", "a/b").await.unwrap_err();
        assert_eq!((fault.code.as_ref(), matches!(fault.remedy, Remedy::RetryAfter(_))), (expected, waits));
    }
}

#[tokio::test]
async fn a_link_is_signed_for_its_time_and_saves_as_a_file() {
    let server = Server::giving(vec![Answer::ok("")]);
    let blobs = server.clients().blobs("mail");
    let link = blobs.link("exports/0123456789/manifest.csv", Duration::from_secs(900)).await.unwrap();
    assert!(link.contains("/mail/exports/0123456789/manifest.csv?"), "{link}");
    assert!(link.contains("X-Amz-Expires=900"), "{link}");
    assert!(link.contains("X-Amz-Signature="), "{link}");
    assert!(link.contains("response-content-disposition=attachment%3B%20filename%3D%22manifest.csv%22"), "{link}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_link_for_longer_than_a_week_is_refused() {
    let server = Server::giving(vec![Answer::ok("")]);
    let fault = server.clients().blobs("mail").link("a", Duration::from_hours(8 * 24)).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("blobs.refused", Remedy::GiveUp));
}

#[tokio::test]
async fn every_object_of_a_prefix_is_deleted_page_by_page() {
    let pages = Mutex::new(vec![vec![], vec!["M/3"], vec!["M/1", "M/2"]]);
    let server = Server::start(move |request| {
        if request.method == "POST" {
            return Answer::ok("<DeleteResult/>");
        }
        let page = pages.lock().unwrap().pop().unwrap();
        let contents: String = page.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        Answer::ok(format!("<ListBucketResult><KeyCount>{}</KeyCount>{contents}</ListBucketResult>", page.len()))
    });
    server.clients().blobs("mail").delete_all("M/").await.unwrap();
    let requests = server.requests();
    let deleted: Vec<String> = requests
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| String::from_utf8(request.body.clone()).unwrap())
        .collect();
    assert_eq!(deleted.len(), 2);
    assert!(deleted[0].contains("<Key>M/1</Key>") && deleted[0].contains("<Key>M/2</Key>"), "{}", deleted[0]);
    assert!(deleted[1].contains("<Key>M/3</Key>"), "{}", deleted[1]);
    assert!(requests[0].path.contains("prefix=M%2F"), "{}", requests[0].path);
}

#[tokio::test]
async fn an_object_that_stays_is_a_fault() {
    let server = Server::start(|request| {
        Answer::ok(if request.method == "POST" {
            "<DeleteResult><Error><Key>M/1</Key><Code>InternalError</Code></Error></DeleteResult>"
        } else {
            "<ListBucketResult><KeyCount>1</KeyCount><Contents><Key>M/1</Key></Contents></ListBucketResult>"
        })
    });
    let fault = server.clients().blobs("mail").delete_all("M/").await.unwrap_err();
    assert_eq!(fault.code, "blobs.unavailable");
}

#[tokio::test]
async fn the_whole_bucket_is_never_deleted() {
    let server = Server::giving(vec![Answer::ok("")]);
    let fault = server.clients().blobs("mail").delete_all("").await.unwrap_err();
    assert_eq!(fault.code, "blobs.refused");
    assert!(server.requests().is_empty());
}

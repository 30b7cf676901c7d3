//! What is sent by SES.

use crate::server::{Answer, Server};
use mailcrane_aws::{Sender, SesMailer};
use mailcrane_core::fault::Remedy;
use mailcrane_core::ports::mailer::{Mail, Mailer};
use std::collections::BTreeMap;

const SENT: &str = "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">\
    <SendEmailResult><MessageId>m</MessageId></SendEmailResult></SendEmailResponse>";

fn mailer(server: &Server, configuration_set: Option<&str>) -> SesMailer {
    server.clients().mailer(Sender {
        from: "mailcrane@example.org".to_owned(),
        reply_to: Some("support@example.org".to_owned()),
        configuration_set: configuration_set.map(str::to_owned),
    })
}

fn mail(to: Vec<String>) -> Mail {
    Mail { to, subject: "Übertragen\r\nBcc: x".to_owned(), html: "<p>ü</p>".to_owned(), text: "ü".to_owned() }
}

/// Reads a form as SES gets it.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let octets = |text: &str| {
        let mut out = Vec::new();
        let mut rest = text.bytes();
        while let Some(octet) = rest.next() {
            match octet {
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                b'+' => out.push(b' '),
                other => out.push(other),
            }
        }
        String::from_utf8(out).unwrap()
    };
    let body = std::str::from_utf8(body).unwrap();
    body.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(k, v)| (octets(k), octets(v))).collect()
}

#[tokio::test]
async fn a_mail_has_both_parts_a_reply_address_and_a_subject_of_one_line() {
    let server = Server::giving(vec![Answer::ok(SENT)]);
    mailer(&server, None).send(&mail(vec!["anna@example.org".to_owned()])).await.unwrap();
    let form = form(&server.requests()[0].body);
    let field = |name: &str| form.get(name).map(String::as_str);
    assert_eq!(field("Action"), Some("SendEmail"));
    assert_eq!(field("Source"), Some("mailcrane@example.org"));
    assert_eq!(field("ReplyToAddresses.member.1"), Some("support@example.org"));
    assert_eq!(field("Destination.ToAddresses.member.1"), Some("anna@example.org"));
    assert_eq!(field("Message.Subject.Data"), Some("Übertragen  Bcc: x"));
    assert_eq!(field("Message.Body.Html.Data"), Some("<p>ü</p>"));
    assert_eq!(field("Message.Body.Text.Data"), Some("ü"));
    assert_eq!(field("Message.Body.Text.Charset"), Some("UTF-8"));
    assert_eq!(field("ConfigurationSetName"), None);
}

#[tokio::test]
async fn a_configuration_set_is_named_when_there_is_one() {
    let server = Server::giving(vec![Answer::ok(SENT)]);
    mailer(&server, Some("status")).send(&mail(vec!["anna@example.org".to_owned()])).await.unwrap();
    assert_eq!(form(&server.requests()[0].body)["ConfigurationSetName"], "status");
}

#[tokio::test]
async fn more_than_fifty_receivers_get_several_mails() {
    let server = Server::giving(vec![Answer::ok(SENT)]);
    let to = (0..51).map(|no| format!("user{no}@example.org")).collect();
    mailer(&server, None).send(&mail(to)).await.unwrap();
    let forms: Vec<_> = server.requests().iter().map(|request| form(&request.body)).collect();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[1]["Destination.ToAddresses.member.1"], "user50@example.org");
}

#[tokio::test]
async fn a_receiver_that_the_sandbox_does_not_know_is_told_as_such() {
    let body = "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
        <Code>MessageRejected</Code><Message>Email address is not verified.</Message></Error></ErrorResponse>";
    let server = Server::giving(vec![Answer::Status(400, body.to_owned())]);
    let fault = mailer(&server, None).send(&mail(vec!["anna@example.org".to_owned()])).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("mail.rejected", Remedy::GiveUp));
    assert!(!fault.message.contains("anna"), "{fault}");
}

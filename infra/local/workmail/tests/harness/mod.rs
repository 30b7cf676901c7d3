//! Starts a stand-in inside the test and talks EWS to it over HTTP.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its own part of the harness; a test may panic"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stand_in::seed::Seed;
use stand_in::server::{Server, State};
use stand_in::xml::{self, Element};

pub(crate) const ANNA: &str = "anna@example.org";
pub(crate) const BEN: &str = "ben@example.org";
pub(crate) const ADMIN: &str = "mover@example.org";
pub(crate) const PASSWORD: &str = "Correct-Horse-1";
pub(crate) const ORGANIZATION: &str = "m-0123456789abcdef0123456789abcdef";

/// A running stand-in.
pub(crate) struct StandIn {
    pub(crate) url: String,
    pub(crate) state: Arc<State>,
    pub(crate) folder: PathBuf,
    pub(crate) http: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Reads the envelope.
    pub(crate) fn envelope(&self) -> Element {
        xml::parse(self.text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Gives class and response code of every message, in order.
    pub(crate) fn codes(&self) -> Vec<(String, String)> {
        self.messages()
            .iter()
            .map(|m| {
                (m.attribute("ResponseClass").unwrap().to_owned(), m.child_text("ResponseCode").unwrap().to_owned())
            })
            .collect()
    }

    /// Gives the response codes alone.
    pub(crate) fn plain_codes(&self) -> Vec<String> {
        self.codes().into_iter().map(|(_, code)| code).collect()
    }

    /// Gives the response messages.
    pub(crate) fn messages(&self) -> Vec<Element> {
        let envelope = self.envelope();
        let body = envelope.child("Body").unwrap().children.first().unwrap().clone();
        body.child("ResponseMessages").unwrap_or_else(|| panic!("{}", self.text)).children.clone()
    }

    /// Gives the code of a fault.
    pub(crate) fn fault(&self) -> String {
        let envelope = self.envelope();
        envelope
            .at(&["Body", "Fault", "detail", "ResponseCode"])
            .unwrap_or_else(|| panic!("{}", self.text))
            .text
            .clone()
    }

    /// Gives an attribute of every element of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<Element> {
        fn walk(element: &Element, name: &str, found: &mut Vec<Element>) {
            if element.name == name {
                found.push(element.clone());
            }
            element.children.iter().for_each(|c| walk(c, name, found));
        }
        let mut found = Vec::new();
        walk(&self.envelope(), name, &mut found);
        found
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Gives a folder that no other test uses.
pub(crate) fn fresh_folder() -> PathBuf {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("workmail-test-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// Gives the seed that the tests share.
pub(crate) fn seed() -> Value {
    json!({
        "organization": {"migration_admin": ADMIN},
        "users": [
            {"email": ANNA, "password": PASSWORD, "aliases": ["an@example.org"]},
            {"email": BEN, "password": PASSWORD},
            {"email": ADMIN, "password": PASSWORD},
            {"email": "off@example.org", "password": PASSWORD, "state": "DISABLED"},
        ],
    })
}

impl StandIn {
    /// Starts one with the shared seed.
    pub(crate) async fn start() -> Self {
        let folder = fresh_folder();
        let state = State::open(&folder, Some(&folder.join("record"))).unwrap();
        let seed = Seed::read(seed().to_string().as_bytes()).unwrap();
        state.store.write(|c| seed.store(c)).unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), state).await.unwrap();
        let (url, state) = (format!("http://{}", server.address().unwrap()), server.state());
        let task = tokio::spawn(server.run());
        // One connection per request: a closed connection must not be mistaken for a stale one.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { url, state, folder, http, task }
    }

    /// Sends an operation as a user and expects an answer.
    pub(crate) async fn ews(&self, user: &str, operation: &str) -> Answer {
        self.try_ews(user, operation).await.unwrap()
    }

    /// Sends an operation as a user.
    pub(crate) async fn try_ews(&self, user: &str, operation: &str) -> reqwest::Result<Answer> {
        self.send(&basic(user, PASSWORD), "Exchange2010_SP2", "", operation).await
    }

    /// Sends an operation with all that can be chosen.
    pub(crate) async fn send(
        &self,
        authorization: &str,
        version: &str,
        header: &str,
        operation: &str,
    ) -> reqwest::Result<Answer> {
        let envelope = envelope(version, header, operation);
        let request = self.http.post(format!("{}/EWS/Exchange.asmx", self.url)).header("authorization", authorization);
        let response = request.header("content-type", "text/xml; charset=utf-8").body(envelope).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        Ok(Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// Calls the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}/_workmail/{path}", self.url));
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sets knobs for all mailboxes.
    pub(crate) async fn knobs(&self, knobs: Value) {
        self.control("PUT", "knobs/all", knobs).await;
    }

    /// Adds a rule.
    pub(crate) async fn rule(&self, rule: Value) -> Value {
        self.control("POST", "rules", rule).await
    }

    /// Reads the request log.
    pub(crate) async fn log(&self) -> Vec<Value> {
        self.control("GET", "log", Value::Null).await.as_array().unwrap().clone()
    }

    /// Lists a mailbox's items through the control API.
    pub(crate) async fn items(&self, mailbox: &str) -> Vec<Value> {
        self.control("GET", &format!("mailboxes/{mailbox}/items"), Value::Null).await.as_array().unwrap().clone()
    }

    /// Calls the management API.
    pub(crate) async fn manage(&self, operation: &str, mut parameters: Value) -> (u16, Value) {
        parameters.as_object_mut().unwrap().entry("OrganizationId").or_insert(json!(ORGANIZATION));
        let request = self
            .http
            .post(&self.url)
            .header("x-amz-target", format!("WorkMailService.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261123/us-east-1/workmail/aws4_request, SignedHeaders=host, Signature=0",
            );
        let response = request.body(parameters.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Looks until something holds, for ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{what} did not come true within ten seconds");
}

/// Gives a Basic header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Wraps an operation.
pub(crate) fn envelope(version: &str, header: &str, operation: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><soap:Header>\
         <t:RequestServerVersion Version=\"{version}\"/>{header}</soap:Header><soap:Body>{operation}</soap:Body></soap:Envelope>"
    )
}

/// Gives an `ExtendedProperty` by tag.
pub(crate) fn tagged(tag: &str, kind: &str, value: &str) -> String {
    format!(
        "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"{tag}\" PropertyType=\"{kind}\"/><t:Value>{value}</t:Value></t:ExtendedProperty>"
    )
}

/// Names our key.
pub(crate) const KEY: &str = "<t:ExtendedFieldURI DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"X-Mailcrane-Key\" PropertyType=\"String\"/>";

/// Gives a small message.
pub(crate) fn mime(number: usize) -> String {
    format!(
        "From: ben@example.org\r\nTo: anna@example.org\r\nSubject: Number {number}\r\nMessage-ID: <{number}@example.org>\r\n\
         Date: Thu, 01 Jan 1998 10:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello {number}\r\n"
    )
}

/// Gives a Message element as Mailcrane sends it: received, read, with a date and a key.
pub(crate) fn message(number: usize) -> String {
    format!(
        "<t:Message><t:MimeContent>{}</t:MimeContent><t:Categories><t:String>work</t:String></t:Categories>\
         <t:Importance>High</t:Importance>{}{}{}<t:ExtendedProperty>{KEY}<t:Value>key:{number:04}</t:Value></t:ExtendedProperty>\
         <t:IsRead>true</t:IsRead></t:Message>",
        STANDARD.encode(mime(number)),
        tagged("0x0E07", "Integer", "1"),
        tagged("0x0E06", "SystemTime", "1998-01-01T09:00:05Z"),
        tagged("0x0039", "SystemTime", "1998-01-01T09:00:00Z"),
    )
}

/// Gives a `CreateItem` of messages into a folder.
pub(crate) fn create_in(folder: &str, messages: &[String]) -> String {
    format!(
        "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>{folder}</m:SavedItemFolderId><m:Items>{}</m:Items></m:CreateItem>",
        messages.concat()
    )
}

/// Gives a `CreateItem` of `count` messages into the inbox.
pub(crate) fn create(count: usize) -> String {
    create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &(0..count).map(message).collect::<Vec<_>>())
}

/// Gives a `FindItem` over the inbox.
pub(crate) fn find(additional: &str, rest: &str) -> String {
    let extra = if additional.is_empty() {
        String::new()
    } else {
        format!("<t:AdditionalProperties>{additional}</t:AdditionalProperties>")
    };
    format!(
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{extra}</m:ItemShape>{rest}\
         <m:ParentFolderIds><t:DistinguishedFolderId Id=\"inbox\"/></m:ParentFolderIds></m:FindItem>"
    )
}

/// Gives a Restriction on our key.
pub(crate) fn by_key(key: &str) -> String {
    format!(
        "<m:Restriction><t:IsEqualTo>{KEY}<t:FieldURIOrConstant><t:Constant Value=\"{key}\"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
    )
}

/// Gives a `GetItem` for identities.
pub(crate) fn get(ids: &[Element], shape: &str) -> String {
    let list: String = ids.iter().map(|id| format!("<t:ItemId Id=\"{}\"/>", id.attribute("Id").unwrap())).collect();
    format!(
        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{shape}</m:ItemShape><m:ItemIds>{list}</m:ItemIds></m:GetItem>"
    )
}

/// Gives a `GetFolder` of one distinguished folder, perhaps of another mailbox.
pub(crate) fn folder_of(mailbox: Option<&str>, name: &str) -> String {
    let inside =
        mailbox.map(|m| format!("<t:Mailbox><t:EmailAddress>{m}</t:EmailAddress></t:Mailbox>")).unwrap_or_default();
    format!(
        "<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>\
         <t:DistinguishedFolderId Id=\"{name}\">{inside}</t:DistinguishedFolderId></m:FolderIds></m:GetFolder>"
    )
}

//! Starts the WorkMail stand-in and drives its control API.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mailcrane_core::fault::Fault;
use mailcrane_core::folder::FolderId;
use mailcrane_core::message::NewItem;
use mailcrane_core::secret::Secret;
use mailcrane_ews::soap::create_item::{CreateItem, Message, Verb};
use mailcrane_ews::soap::{Envelope, FolderRef, Version};
use mailcrane_ews::{Access, Opening, TokenSource, WorkMail};
use serde_json::{Value, json};

use super::{opening, settings};

const ANNA: &str = "anna@example.org";
const ADMIN: &str = "admin@example.org";
/// A header of the right form; the stand-in does not verify it.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/workmail/aws4_request, \
                      SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000";
const PASSWORD: &str = "Anna-Password-1";

/// A running stand-in with its own data folder; ends with the test.
pub(crate) struct StandIn {
    child: Child,
    pub(crate) base: String,
    data: PathBuf,
    http: reqwest::Client,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Gives the stand-in's binary: `WORKMAIL_BIN`, else the one beside this test's.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WORKMAIL_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test knows its own path");
    let path = test.parent().and_then(|deps| deps.parent()).expect("a target folder").join("workmail");
    assert!(
        path.exists(),
        "the WorkMail stand-in is missing: run `cargo build -p workmail` first ({})",
        path.display()
    );
    path
}

impl StandIn {
    /// Starts it with two users; the administrator has full access to the mailbox.
    pub(crate) async fn start() -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = format!("ews-stand-in-{}-{number}", std::process::id());
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&data).expect("a data folder");
        let mut command = Command::new(binary());
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&data);
        if let Some(record) = std::env::var_os("WORKMAIL_RECORD_TO") {
            command.arg("--record").arg(PathBuf::from(record).join(data.file_name().expect("a name")));
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("the stand-in starts");
        let out = child.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("its first line");
        let base =
            line.trim().strip_prefix("workmail ready ").unwrap_or_else(|| panic!("not ready: {line:?}")).to_owned();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let stand_in = Self { child, base, data, http };
        let users = [(ANNA, PASSWORD), (ADMIN, "Admin-Password-1")];
        let users: Vec<_> =
            users.iter().map(|(email, password)| json!({"email": email, "password": password})).collect();
        let grant = json!([{"mailbox": ANNA, "grantee": ADMIN, "values": ["FULL_ACCESS"]}]);
        stand_in.post("/_workmail/seed", json!({"users": users, "permissions": grant})).await;
        stand_in
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.base)).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {:?}", answer.text().await);
        answer.json().await.unwrap_or(Value::Null)
    }

    /// Sets knobs for all mailboxes.
    pub(crate) async fn knobs(&self, knobs: Value) {
        let answer = self.http.put(format!("{}/_workmail/knobs/all", self.base)).json(&knobs).send().await;
        let answer = answer.expect("an answer");
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    /// Takes all knobs and rules back.
    pub(crate) async fn calm(&self) {
        let answer = self.http.delete(format!("{}/_workmail/knobs", self.base)).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(crate) async fn rule(&self, rule: Value) {
        self.post("/_workmail/rules", rule).await;
    }

    /// Gives the items of the mailbox as the stand-in holds them.
    pub(crate) async fn items(&self) -> Vec<Value> {
        match self.get(&format!("/_workmail/mailboxes/{ANNA}/items")).await {
            Value::Array(items) => items,
            other => other["items"].as_array().cloned().unwrap_or_else(|| panic!("{other}")),
        }
    }

    pub(crate) async fn mime(&self, item: &Value) -> Vec<u8> {
        let answer = self.http.get(format!("{}/_workmail/items/{}/mime", self.base, item["n"])).send().await;
        answer.expect("an answer").bytes().await.expect("a body").to_vec()
    }

    pub(crate) async fn fill(&self, folder: &str, count: u32) {
        let path = format!("/_workmail/mailboxes/{ANNA}/fill");
        self.post(&path, json!({"folder": folder, "count": count, "bytes": 600})).await;
    }

    /// Stores a message that was answered and then shows as forwarded, as other clients can leave it.
    pub(crate) async fn create_answered_and_forwarded(&self, folder: &FolderId, item: &NewItem) {
        let message = Message {
            mime: item.raw.clone(),
            read: item.flags.seen,
            draft: item.flags.draft,
            flagged: item.flags.flagged,
            verb: Some(Verb::Answered),
            received: item.received,
            sent: item.sent,
            categories: item.categories.clone(),
            key: item.key.to_string(),
            as_note: true,
            without_receipt: false,
        };
        let into = FolderRef::Id(folder.0.clone());
        let request = CreateItem { folder: &into, messages: &[message] };
        let body = Envelope { version: Version::NEWEST, impersonate: None }.wrap(&request).to_vec();
        let body = String::from_utf8(body).expect("UTF-8").replace("<t:Value>261</t:Value>", "<t:Value>262</t:Value>");
        let request = self.http.post(format!("{}/EWS/Exchange.asmx", self.base)).basic_auth(ANNA, Some(PASSWORD));
        let answer =
            request.header("Content-Type", "text/xml; charset=utf-8").body(body).send().await.expect("an answer");
        let text = answer.text().await.expect("a body");
        assert!(text.contains("NoError"), "{text}");
    }

    /// Calls the management API.
    pub(crate) async fn manage(&self, operation: &str, body: Value) -> Value {
        manage(&self.http, &self.base, operation, body).await
    }

    pub(crate) fn user(&self) -> Access {
        Access::User { email: ANNA.into(), password: Secret::new(PASSWORD) }
    }

    pub(crate) fn administrator(&self) -> Access {
        Access::Administrator { email: ADMIN.into(), password: Secret::new("Admin-Password-1"), mailbox: ANNA.into() }
    }

    /// Makes an impersonation role for every mailbox and assumes it whenever a token is needed.
    pub(crate) async fn impersonation(&self) -> Access {
        let organization = self.get("/_workmail/organization").await;
        let id = organization["id"].as_str().or(organization["organization"]["id"].as_str());
        let id = id.unwrap_or_else(|| panic!("{organization}")).to_owned();
        let rule = json!({"ImpersonationRuleId": "all", "Effect": "ALLOW"});
        let role = json!({"OrganizationId": id, "Name": "mailcrane", "Type": "FULL_ACCESS", "Rules": [rule]});
        let role = self.manage("CreateImpersonationRole", role).await["ImpersonationRoleId"]
            .as_str()
            .expect("a role")
            .to_owned();
        let (http, base) = (self.http.clone(), self.base.clone());
        let token: TokenSource = Arc::new(move || {
            let (http, base, id, role) = (http.clone(), base.clone(), id.clone(), role.clone());
            Box::pin(async move {
                let body = json!({"OrganizationId": id, "ImpersonationRoleId": role});
                let token = manage(&http, &base, "AssumeImpersonationRole", body).await;
                let token = token["Token"].as_str().map(Secret::new);
                token.ok_or_else(|| Fault::give_up("test.token", "No token came"))
            })
        });
        Access::Impersonation { token, mailbox: ANNA.into() }
    }

    pub(crate) fn opening(&self, access: Access) -> Opening {
        opening(&format!("{}/EWS/Exchange.asmx", self.base), access, settings())
    }

    pub(crate) async fn open(&self, access: Access) -> WorkMail {
        WorkMail::open(self.opening(access)).await.expect("an open mailbox")
    }

    /// Opens the mailbox as its user, with this time for each call.
    pub(crate) async fn open_within(&self, limit: Duration) -> WorkMail {
        let mut opening = self.opening(self.user());
        opening.settings.request_limit = limit;
        WorkMail::open(opening).await.expect("an open mailbox")
    }
}

async fn manage(http: &reqwest::Client, base: &str, operation: &str, body: Value) -> Value {
    let request = http
        .post(format!("{base}/"))
        .header("X-Amz-Target", format!("WorkMailService.{operation}"))
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("Authorization", SIGNED);
    let answer = request.body(body.to_string()).send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    assert!(status.is_success(), "{operation}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// The time of this machine.
#[derive(Debug)]
pub(crate) struct WallClock;

impl mailcrane_core::ports::clock::Clock for WallClock {
    fn now(&self) -> mailcrane_core::Timestamp {
        mailcrane_core::Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

//! The WorkMail stand-in as a process of its own that can be killed and comes back.

use crate::ends::PASSWORD;
use crate::schedule::Schedule;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tokio::runtime::Handle;

/// A running stand-in; it and its data go away with the value.
pub(crate) struct StandIn {
    data: PathBuf,
    running: Mutex<(Child, SocketAddr)>,
    http: reqwest::Client,
    net: Handle,
}

/// An item as the stand-in holds it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) folder: String,
    pub(crate) digest: String,
    pub(crate) key: Option<String>,
    pub(crate) subject: String,
}

impl StandIn {
    pub(crate) fn start(net: &Handle, name: &str) -> Self {
        let data = std::env::temp_dir().join(format!("mailcrane-faults-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        let running = Mutex::new(begin(&data));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { data, running, http, net: net.clone() }
    }

    /// Kills it without warning and starts it again, on another port.
    pub(crate) fn kill(&self) {
        let mut running = self.running.lock().unwrap();
        let _ = running.0.kill();
        let _ = running.0.wait();
        *running = begin(&self.data);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.lock().unwrap().1
    }

    /// Makes a mailbox, with messages that have nothing to do with the source.
    pub(crate) fn mailbox(&self, email: &str, foreign: u32) {
        self.post("/_workmail/seed", &json!({"users": [{"email": email, "password": PASSWORD}]}));
        if foreign > 0 {
            let fill = json!({"folder": "Inbox", "count": foreign, "bytes": 400});
            self.post(&format!("/_workmail/mailboxes/{email}/fill"), &fill);
        }
    }

    /// Makes the trouble of a schedule, in place of any other.
    pub(crate) fn trouble(&self, schedule: &Schedule, email: &str) {
        self.calm();
        let knobs = json!({"seed": schedule.seed, "search_lag_ms": 60, "repeat_item_ids": 0.05});
        self.call(reqwest::Method::PUT, "/_workmail/knobs/all", Some(&knobs));
        for mut rule in rules(schedule) {
            rule["mailbox"] = json!(email);
            self.post("/_workmail/rules", &rule);
        }
    }

    /// Ends all trouble.
    pub(crate) fn calm(&self) {
        self.call(reqwest::Method::DELETE, "/_workmail/rules", None);
        self.call(reqwest::Method::DELETE, "/_workmail/knobs", None);
    }

    /// Tells which rules have struck how often.
    pub(crate) fn struck(&self) -> Vec<String> {
        let rules = self.get("/_workmail/rules");
        let struck = |rule: &Value| rule["applied"].as_u64().filter(|n| *n > 0);
        let rules = rules.as_array().cloned().unwrap_or_default();
        rules.iter().filter_map(|rule| struck(rule).map(|n| format!("WorkMail, {n} times: {rule}"))).collect()
    }

    /// The items of a mailbox; what was softly deleted is gone.
    pub(crate) fn items(&self, email: &str) -> Vec<Item> {
        let items = self.get(&format!("/_workmail/mailboxes/{email}/items?limit=100000"));
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let item = |item: &Value| Item {
            id: text(&item["id"]),
            folder: text(&item["folder"]),
            digest: text(&item["sha256"]),
            key: item["properties"]["PublicStrings/X-Mailcrane-Key"].as_str().map(str::to_owned),
            subject: text(&item["subject"]),
        };
        let items = items.as_array().unwrap_or_else(|| panic!("no items: {items}")).iter().map(item);
        items.filter(|item| !item.folder.starts_with("Recoverable Items")).collect()
    }

    fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None)
    }

    fn post(&self, path: &str, body: &Value) {
        self.call(reqwest::Method::POST, path, Some(body));
    }

    fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.http.request(method, format!("http://{}{path}", self.address()));
        if let Some(body) = body {
            request = request.json(body);
        }
        self.net.block_on(async {
            let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert!(answer.status().is_success(), "{path}: {:?}", answer.text().await);
            answer.json().await.unwrap_or(Value::Null)
        })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let (child, _) = self.running.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn begin(data: &PathBuf) -> (Child, SocketAddr) {
    let mut command = Command::new(binary());
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("workmail ready http://").and_then(|address| address.parse().ok());
    (child, address.unwrap_or_else(|| panic!("the WorkMail stand-in does not start: {line:?}")))
}

/// The stand-in's binary: `WORKMAIL_BIN`, else the one beside this test's.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WORKMAIL_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("workmail");
    assert!(
        path.exists(),
        "the WorkMail stand-in is missing: run `cargo build -p workmail` first ({})",
        path.display()
    );
    path
}

/// The rules that make a schedule's trouble.
fn rules(schedule: &Schedule) -> Vec<Value> {
    let chances = &schedule.chances;
    let late = u64::try_from(schedule.latest().as_millis()).unwrap();
    let kinds = [
        (chances.answer_lost, json!({"operation": "CreateItem", "level": "close", "when": "lost"})),
        (chances.answer_lost, json!({"operation": "CreateItem", "level": "close", "when": "within"})),
        (
            chances.http_error,
            json!({"operation": ["FindItem", "GetItem", "DeleteItem", "CreateFolder"], "level": "close", "when": "lost"}),
        ),
        (chances.effect_late, json!({"operation": "CreateItem", "level": "late", "after_ms": late})),
        (chances.effect_late, json!({"operation": "CreateItem", "level": "late", "after_ms": late / 5})),
        (chances.answer_late, json!({"operation": "CreateItem", "level": "hang", "after_ms": late})),
        (chances.part_of_request, json!({"operation": "CreateItem", "level": "partial", "items": 2})),
        (
            chances.busy,
            json!({"operation": "CreateItem", "level": "batch", "code": "ErrorServerBusy", "back_off_ms": 80}),
        ),
        (
            chances.busy,
            json!({"operation": "CreateItem", "level": "stop", "code": "ErrorServerBusy", "back_off_ms": 40}),
        ),
        (chances.http_error, json!({"level": "http", "status": 503, "body": "html"})),
        (
            chances.http_error,
            json!({"operation": "CreateItem", "level": "http", "status": 502, "body": "garbage", "effect": true}),
        ),
        (
            chances.item_refused,
            json!({"operation": "CreateItem", "level": "item", "code": "ErrorMailboxStoreUnavailable"}),
        ),
        (chances.item_refused, json!({"operation": "CreateItem", "level": "item", "code": "ErrorItemSave"})),
        (chances.stored_twice, json!({"operation": "CreateItem", "level": "duplicate"})),
    ];
    let mut rules = Vec::new();
    for ((probability, count), mut rule) in kinds {
        if count > 0 {
            (rule["probability"], rule["count"]) = (json!(probability), json!(count));
            rules.push(rule);
        }
    }
    rules
}

//! A scripted HTTP server that answers EWS requests as a test says.
#![allow(clippy::expect_used, clippy::string_slice, clippy::indexing_slicing, dead_code, reason = "a test may stop")]

pub(crate) mod stand_in;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::FolderId;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::message::NewItem;
use mailcrane_core::secret::Secret;
use mailcrane_core::uid::Uid;
use mailcrane_ews::{Access, Capabilities, Endpoint, Gate, Opening, Settings, WorkMail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server got.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `CreateItem` and so on.
    pub(crate) operation: String,
    /// Header names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// From 0, counted per operation.
    pub(crate) nth: usize,
}

impl Request {
    /// Gives how many messages a `CreateItem` holds.
    pub(crate) fn items(&self) -> usize {
        self.body.matches("<t:Message>").count()
    }

    /// Gives the keys of a `CreateItem`, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let values = self.body.split("PropertyName=\"X-Mailcrane-Key\" PropertyType=\"String\"/><t:Value>").skip(1);
        values.filter_map(|v| v.split('<').next()).map(str::to_owned).collect()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with this status, headers and body.
    Http(u16, &'static str, String),
    /// Reads the request and cuts the connection.
    Cut,
    /// Reads the request and never answers.
    Hang,
    /// Answers as a good server does.
    Well,
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) connections: Arc<AtomicUsize>,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/EWS/Exchange.asmx", listener.local_addr().expect("an address"));
        let log: Arc<Mutex<Vec<Request>>> = Arc::default();
        let connections = Arc::new(AtomicUsize::new(0));
        let (script, to, count): (Arc<Script>, _, _) = (Arc::new(script), Arc::clone(&log), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&to)));
            }
        });
        Self { url, connections, log }
    }

    pub(crate) fn log(&self, operation: &str) -> Vec<Request> {
        let log = self.log.lock().expect("the log");
        log.iter().filter(|r| r.operation == operation).cloned().collect()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Vec<Request>>>) {
    let mut bytes = Vec::new();
    while let Some(mut request) = read(&mut stream, &mut bytes).await {
        {
            let mut log = log.lock().expect("the log");
            request.nth = log.iter().filter(|r| r.operation == request.operation).count();
            log.push(request.clone());
        }
        let (status, headers, body) = match script(&request) {
            Reply::Http(status, headers, body) => (status, headers, body),
            Reply::Well => (200, "", well(&request)),
            Reply::Cut => return,
            Reply::Hang => std::future::pending().await,
        };
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(body.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        more(stream, bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let lines = head.lines().skip(1).filter_map(|l| l.split_once(':'));
    let headers: BTreeMap<_, _> = lines.map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_owned())).collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    while bytes.len() < end + 4 + length {
        more(stream, bytes).await?;
    }
    let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    bytes.drain(..end + 4 + length);
    let operation = body.split("<soap:Body><m:").nth(1)?.split([' ', '>']).next()?.to_owned();
    Some(Request { operation, headers, body, nth: 0 })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut piece = vec![0; 16384];
    let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
    bytes.extend_from_slice(&piece[..n]);
    Some(())
}

/// Puts an answer into its envelope.
pub(crate) fn envelope(inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' \
         xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages' \
         xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types' \
         xmlns:e='http://schemas.microsoft.com/exchange/services/2006/errors'><s:Body>{inside}</s:Body></s:Envelope>"
    )
}

/// Puts response messages into the answer to an operation.
pub(crate) fn answer(operation: &str, messages: &[String]) -> String {
    envelope(&format!(
        "<m:{operation}Response><m:ResponseMessages>{}</m:ResponseMessages></m:{operation}Response>",
        messages.concat()
    ))
}

pub(crate) fn created(id: &str) -> String {
    let items = format!("<m:Items><t:Message><t:ItemId Id='{id}' ChangeKey='C'/></t:Message></m:Items>");
    format!(
        "<m:CreateItemResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode>{items}</m:CreateItemResponseMessage>"
    )
}

pub(crate) fn refused(code: &str) -> String {
    message("Error", code, "")
}

pub(crate) fn stopped() -> String {
    message("Warning", "ErrorBatchProcessingStopped", "")
}

pub(crate) fn busy(millis: u64) -> String {
    message("Error", "ErrorServerBusy", &format!("<m:MessageXml>{}</m:MessageXml>", back_off(millis)))
}

fn message(class: &str, code: &str, more: &str) -> String {
    let inside = format!("<m:MessageText>No.</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>{more}");
    format!("<m:CreateItemResponseMessage ResponseClass='{class}'>{inside}</m:CreateItemResponseMessage>")
}

fn back_off(millis: u64) -> String {
    format!("<t:Value Name='BackOffMilliseconds'>{millis}</t:Value>")
}

pub(crate) fn fault(code: &str) -> String {
    fault_with(code, "")
}

pub(crate) fn busy_fault(millis: u64) -> String {
    fault_with("ErrorServerBusy", &format!("<t:MessageXml>{}</t:MessageXml>", back_off(millis)))
}

fn fault_with(code: &str, more: &str) -> String {
    let detail = format!("<detail><e:ResponseCode>{code}</e:ResponseCode><e:Message>No.</e:Message>{more}</detail>");
    envelope(&format!("<s:Fault><faultcode>s:Client</faultcode><faultstring>No.</faultstring>{detail}</s:Fault>"))
}

fn well(request: &Request) -> String {
    let success = |what: &str, inside: &str| {
        format!(
            "<m:{what}ResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode>{inside}</m:{what}ResponseMessage>"
        )
    };
    match request.operation.as_str() {
        "GetFolder" => {
            let names = ["msgfolderroot", "inbox", "sentitems", "drafts", "deleteditems", "junkemail"];
            let folder = |n: &&str| format!("<m:Folders><t:Folder><t:FolderId Id='{n}'/></t:Folder></m:Folders>");
            answer("GetFolder", &names.iter().map(|n| success("GetFolder", &folder(n))).collect::<Vec<_>>())
        }
        "CreateItem" => {
            answer("CreateItem", &request.keys().iter().map(|key| created(&format!("id-{key}"))).collect::<Vec<_>>())
        }
        "FindItem" => {
            let folders = request.body.matches("<t:FolderId").count();
            let root = "<m:RootFolder TotalItemsInView='0' IncludesLastItemInRange='true'><t:Items/></m:RootFolder>";
            answer("FindItem", &vec![success("FindItem", root); folders])
        }
        other => fault(&format!("ErrorNotScripted{other}")),
    }
}

pub(crate) fn user() -> Access {
    Access::User { email: "anna@example.org".into(), password: Secret::new("geheim") }
}

pub(crate) fn settings() -> Settings {
    Settings { request_limit: Duration::from_secs(5), ..Settings::default() }
}

pub(crate) fn opening(url: &str, access: Access, settings: Settings) -> Opening {
    Opening {
        endpoint: Endpoint::parse(url).expect("a loopback address"),
        access,
        gate: Arc::new(Gate::new(4, 8)),
        settings,
        capabilities: Capabilities::default(),
    }
}

pub(crate) async fn open(server: &Server) -> WorkMail {
    WorkMail::open(opening(&server.url, user(), settings())).await.expect("an open mailbox")
}

pub(crate) fn inbox() -> FolderId {
    FolderId("inbox".into())
}

pub(crate) fn key(uid: u32) -> MessageKey {
    MessageKey {
        prefix: KeyPrefix::try_from("0123456789abcdef".to_owned()).expect("a prefix"),
        uid: Uid::new(uid).expect("a uid"),
    }
}

/// Makes messages with the UIDs 1 to `count`.
pub(crate) fn items(count: u32) -> Vec<NewItem> {
    (1..=count).map(item).collect()
}

pub(crate) fn item(uid: u32) -> NewItem {
    NewItem {
        key: key(uid),
        raw: Bytes::from(format!("Message-ID: <{uid}@example.org>\r\nSubject: number {uid}\r\n\r\nHello\r\n")),
        flags: Flags::default(),
        categories: Vec::new(),
        received: "2001-02-03T04:05:06Z".parse().expect("a time"),
        sent: None,
        signed: false,
    }
}

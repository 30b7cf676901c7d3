//! An HTTP server on loopback that keeps the requests and gives prepared answers.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use mailcrane_aws::Clients;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Header names are in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the operation that an awsJson request names.
    pub(crate) fn operation(&self) -> &str {
        self.headers.get("x-amz-target").and_then(|target| target.split('.').nth(1)).unwrap_or_default()
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer to be given.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status and a body.
    Status(u16, String),
    /// Nothing: the connection is closed.
    Hangup,
}

impl Answer {
    pub(crate) fn ok(body: impl ToString) -> Self {
        Self::Status(200, body.to_string())
    }

    /// An awsJson error of that name.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Status(status, serde_json::json!({ "__type": code, "message": "as the test wants it" }).to_string())
    }
}

/// A running server; it ends with the process.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that asks `answer` for every request.
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let (requests, answer) = (Arc::clone(&server.requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || serve(&stream, &requests, &*answer));
            }
        });
        server
    }

    /// Starts a server that gives these answers in their order, the last one for ever.
    pub(crate) fn giving(answers: Vec<Answer>) -> Self {
        let given = Mutex::new(0);
        Self::start(move |_| {
            let mut given = given.lock().unwrap();
            let answer = answers[(*given).min(answers.len() - 1)].clone();
            *given += 1;
            answer
        })
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Forgets the requests so far; for those who send very many.
    #[allow(dead_code, reason = "the fault schedules send very many")]
    pub(crate) fn forget(&self) {
        self.requests.lock().unwrap().clear();
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns clients of this server.
    pub(crate) fn clients(&self) -> Clients {
        Clients::new(self.config())
    }

    /// Returns a configuration of the SDK that knows this server only.
    pub(crate) fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1)))
            .endpoint_url(format!("http://{}", self.address()))
            .build()
    }
}

fn serve(stream: &TcpStream, requests: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        requests.lock().unwrap().push(request.clone());
        let Answer::Status(status, body) = answer(&request) else { return };
        let head = format!("HTTP/1.1 {status} Answer\r\ncontent-length: {}\r\n\r\n", body.len());
        if (&*stream).write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|octets| *octets > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

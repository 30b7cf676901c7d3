//! A real Dovecot of our own: own configuration, own mail, own certificates, loopback only.

use mailcrane_core::ports::source::{Credentials, Endpoint, Security};
use mailcrane_core::secret::Secret;
use mailcrane_imap::{ImapSources, Network, Opening, Reach, TlsSettings, Verbs};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

const REMEDY: &str = "these tests need Dovecot. Install it with `apt-get install -y dovecot-imapd` (as root or with sudo), \
                      or run `make test`, which installs it";

/// A running server; it and its files go away with the value.
pub struct Dovecot {
    dir: PathBuf,
    child: Child,
    pub port: u16,
    pub tls_port: u16,
    pub ca: String,
    pub fingerprint: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Dovecot {
    /// Starts a server for anna (password `secret`, token `token-of-anna`) and dora, whose folders lie under `INBOX.`.
    /// In what is added to its configuration `{dir}` stands for its directory.
    pub fn start(extra: &str) -> Self {
        let binary = find().unwrap_or_else(|| panic!("{REMEDY}"));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("mailcrane-dovecot-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let (ca, fingerprint) = certificates(&dir);
        fs::write(dir.join("users"), users(&dir)).unwrap();
        fs::write(dir.join("tokens"), "anna:{PLAIN}token-of-anna::::::\n").unwrap();
        fs::write(dir.join("masters"), "root-admin:{PLAIN}master-secret::::::\n").unwrap();
        fs::write(
            dir.join("dovecot.conf"),
            configuration(&dir, port, tls_port, &extra.replace("{dir}", &dir.to_string_lossy())),
        )
        .unwrap();
        for user in ["anna", "dora"] {
            maildir(&dir.join("mail").join(user).join("Maildir"));
        }
        give_away(&dir);
        let child = Command::new(binary)
            .arg("-c")
            .arg(dir.join("dovecot.conf"))
            .arg("-F")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("dovecot does not start ({error}): {REMEDY}"));
        let server = Self { dir, child, port, tls_port, ca, fingerprint };
        server.wait();
        server
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "dovecot does not listen; its log: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The directory of a user's INBOX.
    pub fn inbox(&self, user: &str) -> PathBuf {
        self.dir.join("mail").join(user).join("Maildir")
    }

    /// The directory of a folder, given as Maildir++ spells it (`.Sent`).
    pub fn folder(&self, user: &str, name: &str) -> PathBuf {
        let path = self.inbox(user).join(name);
        maildir(&path);
        give_away(&path);
        path
    }

    /// Writes a file of the server's own.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        give_away(&self.dir.join("mail"));
    }

    /// Puts a message into a folder; `flags` as in a Maildir file name.
    pub fn put(&self, folder: &Path, name: &str, flags: &str, body: &[u8]) {
        let path = folder.join("cur").join(format!("{name}:2,{flags}"));
        fs::write(&path, body).unwrap();
        give_away(&path);
    }

    /// Puts a message with keywords and its received date into a folder.
    pub fn put_dated(&self, folder: &Path, name: &str, flags: &str, body: &[u8], received: SystemTime) {
        self.put(folder, name, flags, body);
        let path = folder.join("cur").join(format!("{name}:2,{flags}"));
        fs::File::options().append(true).open(path).unwrap().set_modified(received).unwrap();
    }

    /// Names the keywords behind the letters a, b and so on of a folder's file names.
    pub fn name_keywords(&self, folder: &Path, keywords: &[&str]) {
        let lines: String = keywords.iter().enumerate().map(|(at, name)| format!("{at} {name}\n")).collect();
        fs::write(folder.join("dovecot-keywords"), lines).unwrap();
        give_away(folder);
    }

    /// Sources that trust the server's authority.
    pub fn sources(&self) -> ImapSources {
        self.sources_with(&TlsSettings { extra_authorities: Some(self.ca.clone()) })
    }

    pub fn sources_with(&self, tls: &TlsSettings) -> ImapSources {
        ImapSources::over_tcp(network(), tls).unwrap()
    }

    /// How a destination is opened.
    pub fn opening(&self) -> Opening {
        let tls = TlsSettings { extra_authorities: Some(self.ca.clone()) };
        Opening::over_tcp(network(), &tls, Verbs::Destination).unwrap()
    }

    pub fn endpoint(&self, security: Security) -> Endpoint {
        let port = if security == Security::Tls { self.tls_port } else { self.port };
        Endpoint { host: "localhost".to_owned(), port, security, fingerprint: None }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // The master ends its children on SIGTERM; SIGKILL would leave them behind.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub fn password(user: &str) -> Credentials {
    Credentials::Password { user: user.to_owned(), password: Secret::new("secret") }
}

/// A message of that many octets, with line ends as on the wire.
pub fn message(subject: &str, octets: usize) -> Vec<u8> {
    let mut text = format!("Message-ID: <{subject}@example.org>\r\nSubject: {subject}\r\n\r\n");
    while text.len() < octets {
        text.push_str("All work and no play is what this line is about, all day.\r\n");
    }
    text.into_bytes()
}

fn network() -> Network {
    Network { reach: Reach::Private, ports: Vec::new(), ..Network::default() }
}

fn find() -> Option<&'static str> {
    ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/opt/homebrew/sbin/dovecot"]
        .into_iter()
        .find(|path| Path::new(path).exists())
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// An authority and a certificate of localhost; gives the authority in PEM and the certificate's fingerprint.
fn certificates(dir: &Path) -> (String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&authority, &authority_key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    fs::write(dir.join("cert.pem"), leaf.pem()).unwrap();
    fs::write(dir.join("key.pem"), leaf_key.serialize_pem()).unwrap();
    let mut fingerprint = String::new();
    for octet in Sha256::digest(leaf.der()) {
        write!(fingerprint, "{octet:02x}").unwrap();
    }
    (authority_certificate.pem(), fingerprint)
}

fn maildir(path: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(part)).unwrap();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

fn me() -> String {
    let out = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// As root the mail belongs to nobody: Dovecot opens no mailbox of root's.
fn give_away(path: &Path) {
    if is_root() {
        let status = Command::new("chown").args(["-R", "nobody"]).arg(path).status().unwrap();
        assert!(status.success());
    }
}

fn users(dir: &Path) -> String {
    let user = if is_root() { "nobody" } else { "" };
    let id = |kind: &str, name: &str| {
        let out = if name.is_empty() {
            Command::new("id").arg(kind).output()
        } else {
            Command::new("id").args([kind, name]).output()
        };
        String::from_utf8_lossy(&out.unwrap().stdout).trim().to_owned()
    };
    let (uid, gid) = (id("-u", user), id("-g", user));
    let mail = dir.join("mail");
    let mail = mail.display();
    format!(
        "anna:{{PLAIN}}secret:{uid}:{gid}::{mail}/anna::\n\
         dora:{{PLAIN}}secret:{uid}:{gid}::{mail}/dora::userdb_namespace/inbox/prefix=INBOX. userdb_namespace/inbox/separator=.\n"
    )
}

fn configuration(dir: &Path, port: u16, tls_port: u16, extra: &str) -> String {
    let at = dir.display();
    let (internal, login, chroots) = if is_root() {
        ("dovecot".to_owned(), "dovenull".to_owned(), "")
    } else {
        (me(), me(), "service anvil {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n")
    };
    let login_chroot = if is_root() { "" } else { "  chroot =\n" };
    format!(
        "protocols = imap
listen = 127.0.0.1
base_dir = {at}/run
state_dir = {at}/state
instance_name = mailcrane-test-{port}
log_path = {at}/log
default_internal_user = {internal}
default_login_user = {login}
{chroots}ssl = yes
ssl_cert = <{at}/cert.pem
ssl_key = <{at}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_master_user_separator = *
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
passdb {{
  driver = passwd-file
  args = {at}/tokens
  mechanisms = xoauth2 oauthbearer
  result_failure = return-fail
}}
passdb {{
  driver = passwd-file
  args = {at}/masters
  master = yes
  result_success = continue
}}
passdb {{
  driver = passwd-file
  args = {at}/users
}}
userdb {{
  driver = passwd-file
  args = {at}/users
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
{login_chroot}  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
{extra}
"
    )
}

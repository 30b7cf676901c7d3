//! A Dovecot of our own with mailboxes for whoever signs in with the password.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The password of every mailbox of the bench.
pub(crate) const PASSWORD: &str = "secret";

/// A running server; it ends with the value, its files with those of the run.
pub(crate) struct Dovecot {
    child: Child,
    mail: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Dovecot {
    /// Starts a server with its files in `dir` that keeps mail as `location` says.
    pub(crate) fn start(dir: &Path, location: &str) -> Result<Self> {
        let mail = dir.join("mail");
        fs::create_dir_all(&mail)?;
        give_away(&mail)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = dir.join("dovecot.conf");
        fs::write(&file, configuration(dir, port, location)?)?;
        let mut command =
            Command::new(if Path::new("/usr/sbin/dovecot").exists() { "/usr/sbin/dovecot" } else { "dovecot" });
        let child = command.arg("-F").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.context("Dovecot does not start; `apt-get install dovecot-imapd` installs it")?;
        let server = Self { child, mail, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(server.address).is_err() {
            if Instant::now() > end {
                bail!("Dovecot does not listen: {}", fs::read_to_string(dir.join("log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The process whose children serve.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The Maildir of a user.
    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.mail.join(user).join("Maildir")
    }

    /// Makes the server's user the owner of a mailbox that was written from outside.
    pub(crate) fn own(&self, user: &str) -> Result<()> {
        give_away(&self.mail.join(user))
    }

    /// Counts what lies in a user's mailbox, as the server tells it.
    pub(crate) fn count(&self, user: &str) -> Result<usize> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let command = format!("a LOGIN {user} {PASSWORD}\r\nb LIST \"\" * RETURN (STATUS (MESSAGES))\r\nc LOGOUT\r\n");
        stream.write_all(command.as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let counts = said.lines().filter_map(|line| line.strip_prefix("* STATUS ")?.rsplit_once("(MESSAGES "));
        counts.map(|(_, count)| count.trim_end_matches(')').parse::<usize>().context("a count")).sum()
    }

    /// Forgets a mailbox.
    pub(crate) fn forget(&self, user: &str) {
        let _ = fs::remove_dir_all(self.mail.join(user));
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // The master ends its children on SIGTERM; SIGKILL would leave them behind.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn id(arguments: &[&str]) -> Result<String> {
    let output = Command::new("id").args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn is_root() -> Result<bool> {
    Ok(id(&["-u"])? == "0")
}

/// As root the mail belongs to nobody: Dovecot opens no mailbox of root's.
fn give_away(path: &Path) -> Result<()> {
    if is_root()? {
        let status = Command::new("chown").args(["-R", "nobody"]).arg(path).status()?;
        anyhow::ensure!(status.success(), "the mailbox could not be given to its user");
    }
    Ok(())
}

fn configuration(dir: &Path, port: u16, location: &str) -> Result<String> {
    let at = dir.display();
    let root = is_root()?;
    let me = id(&["-un"])?;
    let owner = if root { "nobody" } else { me.as_str() };
    let (uid, gid) = (id(&["-u", owner])?, id(&["-g", owner])?);
    let (internal, login) = if root { ("dovecot", "dovenull") } else { (me.as_str(), me.as_str()) };
    let unjailed = if root { "" } else { "  chroot =\n" };
    Ok(format!(
        "protocols = imap
listen = 127.0.0.1
base_dir = {at}/run
state_dir = {at}/state
instance_name = mailcrane-bench-{port}
log_path = {at}/log
default_internal_user = {internal}
default_login_user = {login}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 1
mail_location = {location}
mail_fsync = never
mail_max_userip_connections = 200
maildir_stat_dirs = no
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={at}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service anvil {{
{unjailed}  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
{unjailed}}}
service imap-login {{
{unjailed}  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"
    ))
}

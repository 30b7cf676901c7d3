//! Reads the command line and its environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What the program is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve {
        /// Address to listen on.
        listen: SocketAddr,
        /// Data folder.
        data: PathBuf,
        /// Seed file.
        seed: Option<PathBuf>,
        /// Folder for envelopes.
        record: Option<PathBuf>,
    },
    /// List what is stored.
    List {
        /// Data folder.
        data: PathBuf,
        /// Only this mailbox.
        mailbox: Option<String>,
        /// With single items.
        items: bool,
    },
    /// Export a mailbox as Maildir.
    Export {
        /// Data folder.
        data: PathBuf,
        /// The mailbox.
        mailbox: String,
        /// Where to.
        to: PathBuf,
    },
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}\n\n{USAGE}")]
pub struct UsageError(String);

/// How the program is called.
pub const USAGE: &str = "workmail --listen 127.0.0.1:PORT --data DIR [--seed seed.json] [--record DIR]
workmail list --data DIR [--mailbox a@b] [--items]
workmail export --data DIR --mailbox a@b --to DIR
Environment: WORKMAIL_LISTEN, WORKMAIL_DATA, WORKMAIL_SEED, WORKMAIL_RECORD";

/// Reads arguments; `environment` gives the value of a variable.
pub fn read(arguments: &[String], environment: impl Fn(&str) -> Option<String>) -> Result<Command, UsageError> {
    let mut arguments = arguments.iter().peekable();
    let verb = arguments.next_if(|a| !a.starts_with("--")).map_or("serve", String::as_str);
    let (mut listen, mut data, mut seed, mut record, mut mailbox, mut to) = (None, None, None, None, None, None);
    let mut items = false;
    while let Some(flag) = arguments.next() {
        let place = match flag.as_str() {
            "--items" => {
                items = true;
                continue;
            }
            "--listen" => &mut listen,
            "--data" => &mut data,
            "--seed" => &mut seed,
            "--record" => &mut record,
            "--mailbox" => &mut mailbox,
            "--to" => &mut to,
            other => return Err(UsageError(format!("unknown argument {other}"))),
        };
        let value = arguments.next().ok_or_else(|| UsageError(format!("{flag} needs a value")))?;
        *place = Some(value.clone());
    }
    let need = |value: Option<String>, name: &str| {
        value
            .or_else(|| environment(&format!("WORKMAIL_{}", name.to_uppercase())))
            .ok_or_else(|| UsageError(format!("--{name} is missing")))
    };
    let data = PathBuf::from(need(data, "data")?);
    match verb {
        "serve" => {
            let listen = need(listen, "listen")?;
            let listen = listen.parse().map_err(|_| UsageError(format!("{listen} is no address with a port")))?;
            let seed = seed.or_else(|| environment("WORKMAIL_SEED")).map(PathBuf::from);
            let record = record.or_else(|| environment("WORKMAIL_RECORD")).map(PathBuf::from);
            Ok(Command::Serve { listen, data, seed, record })
        }
        "list" => Ok(Command::List { data, mailbox, items }),
        "export" => Ok(Command::Export { data, mailbox: need(mailbox, "mailbox")?, to: need(to, "to")?.into() }),
        other => Err(UsageError(format!("unknown command {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, variables: &[(&str, &str)]) -> Result<Command, UsageError> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        read(&arguments, |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn flags_win_over_the_environment() {
        let Ok(Command::Serve { listen, data, .. }) =
            of("--listen 127.0.0.1:0 --data /a", &[("WORKMAIL_DATA", "/b"), ("WORKMAIL_LISTEN", "127.0.0.1:9")])
        else {
            panic!("not understood");
        };
        assert_eq!((listen.port(), data), (0, PathBuf::from("/a")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |line: &str| of(line, &[]).unwrap_err().0;
        assert_eq!(message("--data /a"), "--listen is missing");
        assert_eq!(message("list"), "--data is missing");
        assert_eq!(message("export --data /a --to /b"), "--mailbox is missing");
        assert_eq!(message("dance --data /a"), "unknown command dance");
        assert_eq!(message("--data"), "--data needs a value");
    }
}

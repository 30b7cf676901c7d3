//! Writes every exchanged envelope to a folder, so that a schema check can run over a whole test run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Which folder an exchange belongs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To be checked.
    Plain,
    /// The request was refused as invalid.
    Refused,
    /// The answer is wrong on purpose.
    Deliberate,
}

/// Bodies above this are left out: what checks them reads texts of less than 10 MB.
const MOST: usize = 9 * 1024 * 1024;

/// The folder and the running number.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    next: AtomicU64,
}

impl Recorder {
    /// Opens a folder, going on after what is in it.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        let mut last = 0;
        for (kind, name) in [(Kind::Plain, ""), (Kind::Refused, "refused"), (Kind::Deliberate, "deliberate")] {
            let part = if kind == Kind::Plain { folder.to_owned() } else { folder.join(name) };
            std::fs::create_dir_all(&part)?;
            for entry in std::fs::read_dir(&part)? {
                let name = entry?.file_name();
                let number = name.to_string_lossy().split('-').next().and_then(|n| n.parse::<u64>().ok());
                last = last.max(number.unwrap_or(0));
            }
        }
        Ok(Self { folder: folder.to_owned(), next: AtomicU64::new(last.saturating_add(1)) })
    }

    /// Writes one exchange; an answer that was never sent is left out.
    pub fn write(&self, kind: Kind, request: &[u8], response: Option<&[u8]>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = match kind {
            Kind::Plain => self.folder.clone(),
            Kind::Refused => self.folder.join("refused"),
            Kind::Deliberate => self.folder.join("deliberate"),
        };
        for (part, bytes) in [("request", Some(request)), ("response", response)] {
            if let Some(bytes) = bytes.filter(|b| b.len() <= MOST) {
                // A full disk must not end the exchange that is being recorded.
                let _ = std::fs::write(folder.join(format!("{number:06}-{part}.xml")), bytes);
            }
        }
    }
}

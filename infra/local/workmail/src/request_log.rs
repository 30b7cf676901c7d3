//! The request log: one entry per EWS or management request, in memory and in `log.jsonl`.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use serde::Serialize;

use crate::clock;
use crate::store::lock;

/// What happened to one request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    /// Number, growing.
    pub seq: u64,
    /// Arrival as text.
    pub at: String,
    /// Arrival in milliseconds since 1970.
    pub at_ms: i64,
    /// End of the answer in milliseconds since 1970.
    pub ended_ms: i64,
    /// `ews` or `management`.
    pub api: &'static str,
    /// Operation; empty when it could not be read.
    pub operation: String,
    /// Primary address of the mailbox it was about.
    pub mailbox: String,
    /// Who signed in.
    pub principal: String,
    /// `user`, `administrator` or `impersonation`.
    pub way: &'static str,
    /// Items in the request.
    pub items: usize,
    /// Octets of the request.
    pub bytes: usize,
    /// HTTP status; 0 when the connection was closed.
    pub status: u16,
    /// How it ended.
    pub outcome: String,
    /// Response codes with their counts.
    pub codes: BTreeMap<String, usize>,
    /// Back-off told, in milliseconds.
    pub back_off_ms: u64,
    /// How much too early it came after a back-off, in milliseconds.
    pub early_ms: i64,
    /// Number of the TCP connection.
    pub connection: u64,
    /// It brought a cookie.
    pub cookie: bool,
    /// The value of that cookie: each client keeps its own.
    pub session: String,
    /// Requests for the same mailbox at its arrival, itself included.
    pub in_flight: usize,
    /// Rules that struck.
    pub rules: Vec<u64>,
}

impl Entry {
    /// Begins an entry at the time of arrival.
    pub fn arrive(api: &'static str, connection: u64) -> Self {
        let now = clock::now_ms();
        Self { at: clock::millis_text(now), at_ms: now, api, connection, ..Self::default() }
    }
}

#[derive(Debug, Default)]
struct Inside {
    entries: Vec<Entry>,
    next: u64,
    file: Option<File>,
    told: HashMap<(String, String), i64>,
}

/// The log, and the back-offs that were told.
#[derive(Debug)]
pub struct RequestLog(Mutex<Inside>);

/// Which entries are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only after this number.
    pub since: u64,
    /// Only of this mailbox.
    pub mailbox: Option<String>,
    /// Only of this operation.
    pub operation: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl RequestLog {
    /// Opens the log, appending to `log.jsonl` in the data folder.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(folder.join("log.jsonl"))?;
        Ok(Self(Mutex::new(Inside { next: 1, file: Some(file), ..Inside::default() })))
    }

    /// Tells by how many milliseconds an arrival breaks a back-off told to that mailbox and principal.
    pub fn early(&self, mailbox: &str, principal: &str, at_ms: i64) -> i64 {
        let until = lock(&self.0).told.get(&(mailbox.to_owned(), principal.to_owned())).copied().unwrap_or(0);
        until.saturating_sub(at_ms).max(0)
    }

    /// Ends an entry and keeps it.
    pub fn add(&self, mut entry: Entry) -> u64 {
        let mut inside = lock(&self.0);
        entry.seq = inside.next;
        inside.next = inside.next.saturating_add(1);
        entry.ended_ms = clock::now_ms();
        if entry.back_off_ms > 0 {
            let until = entry.ended_ms.saturating_add(i64::try_from(entry.back_off_ms).unwrap_or(i64::MAX));
            let told = inside.told.entry((entry.mailbox.clone(), entry.principal.clone())).or_insert(0);
            *told = until.max(*told);
        }
        if let Ok(line) = serde_json::to_string(&entry)
            && let Some(file) = &mut inside.file
        {
            // A full disk must not end the request that is being logged.
            let _ = writeln!(file, "{line}");
        }
        let seq = entry.seq;
        inside.entries.push(entry);
        seq
    }

    /// Reads entries, oldest first.
    pub fn read(&self, filter: &Filter) -> Vec<Entry> {
        let inside = lock(&self.0);
        let wanted = inside.entries.iter().filter(|e| {
            e.seq > filter.since
                && filter.mailbox.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(&e.mailbox))
                && filter.operation.as_ref().is_none_or(|o| *o == e.operation)
        });
        wanted.take(filter.limit.unwrap_or(usize::MAX)).cloned().collect()
    }

    /// Forgets all entries and back-offs; numbers go on.
    pub fn clear(&self) {
        let mut inside = lock(&self.0);
        inside.entries.clear();
        inside.told.clear();
        if let Some(file) = &inside.file {
            let _ = file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_before_the_end_of_its_back_off_is_early() {
        let folder = std::env::temp_dir().join(format!("workmail-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let log = RequestLog::open(&folder).unwrap();
        let mut entry = Entry::arrive("ews", 1);
        entry.mailbox = "a".into();
        entry.back_off_ms = 1000;
        log.add(entry);
        let now = clock::now_ms();
        assert!((1..=1000).contains(&log.early("a", "", now)));
        assert_eq!((log.early("b", "", now), log.early("a", "", now + 2000)), (0, 0));
        assert_eq!(log.read(&Filter { since: 1, ..Filter::default() }).len(), 0);
        assert_eq!(std::fs::read_to_string(folder.join("log.jsonl")).unwrap().lines().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

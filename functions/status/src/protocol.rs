//! `GET …/accounts/{no}/protocol`: what happened besides copying, then every message that was not plainly copied.

use crate::handler::unavailable;
use crate::manifest::{Folders, wants_csv};
use crate::rows::{self, Place};
use mailcrane_core::csv;
use mailcrane_core::manifest::{Outcome, Row, unpack};
use mailcrane_core::ports::table::{Body, Table};
use mailcrane_core::record::{Account, Entry, EntryKind, Migration, Slice, keys};
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use serde::Serialize;
use serde_json::json;

/// An entry as the API shows it.
#[derive(Serialize)]
struct EntryView {
    kind: EntryKind,
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<mailcrane_core::Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    folder: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
}

/// What a client wants to see.
struct Filter {
    kind: Option<String>,
    text: Option<String>,
}

impl Filter {
    fn lets(&self, entry: &EntryView) -> bool {
        let kind = serde_json::to_value(entry.kind).ok();
        let of_kind = self.kind.as_ref().is_none_or(|asked| kind.as_ref().and_then(|k| k.as_str()) == Some(asked));
        let holds = |text: &str, asked: &str| text.to_lowercase().contains(asked);
        let with_text = self.text.as_ref().is_none_or(|asked| {
            holds(&entry.message, asked)
                || holds(&entry.folder, asked)
                || holds(&entry.code, asked)
                || entry.message_id.as_ref().is_some_and(|id| holds(id, asked))
        });
        of_kind && with_text
    }
}

/// Lists the protocol. `kind` and `q` choose entries.
pub(crate) async fn list<T: Table>(
    table: &T,
    request: &Request,
    migration: &Migration,
    account: &Account,
) -> Result<Response, Problem> {
    let limit = request.limit(200, 1_000)?;
    let place = request.query("cursor").map(|text| cursor::decode(&text)).transpose()?.unwrap_or_default();
    let filter = Filter {
        kind: request.query("kind").filter(|kind| !kind.is_empty()),
        text: request.query("q").map(|text| text.to_lowercase()).filter(|text| !text.is_empty()),
    };
    let folders = Folders::read(table, migration, account).await?;
    let mut entries = Vec::new();
    let mut next = None;
    let events = place.is_empty() || place.starts_with("P#");
    if events {
        next = happened(table, migration, account, &folders, &place, limit, &filter, &mut entries).await?;
    }
    if next.is_none() {
        let from = if events { Place::default() } else { Place::read(&place)? };
        let room = limit.saturating_sub(entries.len()).max(1);
        let named = rows::read(table, migration, account, from, room, has_exceptions, |slice, row| {
            let entry = of_row(slice, row, &folders).filter(|entry| filter.lets(entry));
            let kept = entry.is_some();
            entries.extend(entry);
            kept
        });
        next = named.await?.map(|place| place.text());
    }
    let next = next.map(|place| cursor::encode(&place));
    if wants_csv(request) {
        return Ok(as_csv(&entries, next));
    }
    Ok(Response::json(200, &json!({"entries": entries, "next": next})).tagged(request))
}

fn has_exceptions(slice: &Slice) -> bool {
    slice.counters.accounted() > slice.counters.copied
}

#[expect(clippy::too_many_arguments, reason = "a reading has a place, a limit and a filter; a struct would hide them")]
async fn happened<T: Table>(
    table: &T,
    migration: &Migration,
    account: &Account,
    folders: &Folders,
    after: &str,
    limit: usize,
    filter: &Filter,
    entries: &mut Vec<EntryView>,
) -> Result<Option<String>, Problem> {
    let partition = keys::account_partition(&migration.id, account.no);
    let mut after = Some(after.to_owned()).filter(|after| !after.is_empty());
    loop {
        let page = table.query(&partition, "P#", after.as_deref(), 100).await;
        let page = page.map_err(|error| unavailable(migration, &error.into()))?;
        for item in page.items {
            let Body::Packed(octets) = &item.body else { continue };
            let unpacked = unpack::<Entry>(octets).map_err(|error| {
                tracing::error!(migration.id = %migration.id, error = chain(&error), "a protocol page cannot be read");
                Problem::internal()
            });
            entries.extend(unpacked?.into_iter().map(|e| of_entry(e, folders)).filter(|entry| filter.lets(entry)));
            if entries.len() >= limit {
                return Ok(Some(item.key.sk));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(None),
        }
    }
}

fn of_entry(entry: Entry, folders: &Folders) -> EntryView {
    EntryView {
        kind: entry.kind,
        code: entry.code,
        message: entry.text,
        at: Some(entry.at),
        folder: entry.folder.map(|no| folders.path(no.0)).unwrap_or_default(),
        uid: entry.uid.map(|uid| uid.get()),
        message_id: entry.message_id,
        octets: entry.octets,
    }
}

fn of_row(slice: &Slice, row: Row, folders: &Folders) -> Option<EntryView> {
    let kind = match row.outcome {
        Outcome::Copied => return None,
        Outcome::Duplicate => EntryKind::Duplicate,
        Outcome::Skipped => EntryKind::Skipped,
        Outcome::Failed => EntryKind::Failed,
        Outcome::Vanished => EntryKind::Vanished,
    };
    Some(EntryView {
        kind,
        code: row.code,
        message: row.reason,
        at: None,
        folder: folders.path(slice.folder.0),
        uid: Some(row.uid.get()),
        message_id: row.message_id,
        octets: Some(row.octets),
    })
}

fn as_csv(entries: &[EntryView], next: Option<String>) -> Response {
    let mut text = String::new();
    let columns = ["kind", "code", "message", "at", "folder", "uid", "message_id", "octets"];
    csv::row(&columns.map(str::to_owned), &mut text);
    for entry in entries {
        let kind = serde_json::to_value(entry.kind).ok().and_then(|word| word.as_str().map(str::to_owned));
        let cells = [
            kind.unwrap_or_default(),
            entry.code.clone(),
            entry.message.clone(),
            entry.at.map(|time| time.to_string()).unwrap_or_default(),
            entry.folder.clone(),
            entry.uid.map(|uid| uid.to_string()).unwrap_or_default(),
            entry.message_id.clone().unwrap_or_default(),
            entry.octets.map(|octets| octets.to_string()).unwrap_or_default(),
        ];
        csv::row(&cells, &mut text);
    }
    let answer = Response::new(200, "text/csv; charset=utf-8; header=present", text)
        .with("content-disposition", "attachment; filename=\"protocol.csv\"");
    match next {
        Some(next) => answer.with("mailcrane-next-cursor", next),
        None => answer,
    }
}

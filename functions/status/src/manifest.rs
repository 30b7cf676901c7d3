//! `GET …/accounts/{no}/manifest`: one row for every message, as JSON or CSV.

use crate::csv::csv_row;
use crate::folders;
use crate::rows::{self, Place};
use mailcrane_core::folder::WireName;
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Folder, Migration, Slice};
use mailcrane_lambda::cursor;
use mailcrane_lambda::http::{Problem, Request, Response};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A row as the API shows it.
#[derive(Serialize)]
pub(crate) struct RowView {
    pub(crate) folder: String,
    wire: WireName,
    uidvalidity: u32,
    uid: u32,
    pub(crate) outcome: Outcome,
    code: String,
    reason: String,
    octets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<mailcrane_core::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    pass: u32,
}

const COLUMNS: [&str; 12] = [
    "folder",
    "uidvalidity",
    "uid",
    "outcome",
    "code",
    "reason",
    "octets",
    "message_id",
    "sha256",
    "received",
    "destination_item",
    "pass",
];

/// Names the folders of an account.
pub(crate) struct Folders(BTreeMap<u32, Folder>);

impl Folders {
    /// Reads them.
    pub(crate) async fn read<T: Table>(table: &T, migration: &Migration, account: &Account) -> Result<Self, Problem> {
        let folders = folders::all(table, migration, account).await?;
        Ok(Self(folders.into_iter().map(|folder| (folder.no.0, folder)).collect()))
    }

    /// Returns the path of a folder as people see it.
    pub(crate) fn path(&self, no: u32) -> String {
        self.0.get(&no).map(|folder| folder.path.join("/")).unwrap_or_default()
    }

    fn view(&self, slice: &Slice, row: Row) -> RowView {
        let folder = self.0.get(&slice.folder.0);
        RowView {
            folder: self.path(slice.folder.0),
            wire: folder.map_or_else(|| WireName::from(""), |folder| folder.wire.clone()),
            uidvalidity: folder.map(|folder| folder.uidvalidity.0).unwrap_or_default(),
            uid: row.uid.get(),
            outcome: row.outcome,
            code: row.code,
            reason: row.reason,
            octets: row.octets,
            message_id: row.message_id,
            sha256: row.digest.map(String::from),
            received: row.received,
            item: row.item.map(|item| item.0),
            pass: slice.pass.0,
        }
    }
}

/// Lists the rows of an account's manifest in the order of its slices.
pub(crate) async fn list<T: Table>(
    table: &T,
    request: &Request,
    migration: &Migration,
    account: &Account,
) -> Result<Response, Problem> {
    let limit = request.limit(1_000, 5_000)?;
    let place = match request.query("cursor") {
        Some(text) => Place::read(&cursor::decode(&text)?)?,
        None => Place::default(),
    };
    let folders = Folders::read(table, migration, account).await?;
    let mut views = Vec::new();
    let next = rows::read(
        table,
        migration,
        account,
        place,
        limit,
        |_| true,
        |slice, row| {
            views.push(folders.view(slice, row));
            true
        },
    );
    let next = next.await?.map(|place| cursor::encode(&place.text()));
    if wants_csv(request) {
        return Ok(as_csv(&views, next));
    }
    Ok(Response::json(200, &json!({"rows": views, "next": next})).tagged(request))
}

/// Tells whether the client asks for CSV.
pub(crate) fn wants_csv(request: &Request) -> bool {
    request.query("format").as_deref() == Some("csv")
        || request.header("accept").is_some_and(|accept| accept.trim_start().starts_with("text/csv"))
}

fn as_csv(rows: &[RowView], next: Option<String>) -> Response {
    let mut text = String::new();
    csv_row(&COLUMNS.map(str::to_owned), &mut text);
    for row in rows {
        let outcome = serde_json::to_value(row.outcome).ok().and_then(|word| word.as_str().map(str::to_owned));
        let cells = [
            row.folder.clone(),
            row.uidvalidity.to_string(),
            row.uid.to_string(),
            outcome.unwrap_or_default(),
            row.code.clone(),
            row.reason.clone(),
            row.octets.to_string(),
            row.message_id.clone().unwrap_or_default(),
            row.sha256.clone().unwrap_or_default(),
            row.received.map(|time| time.to_string()).unwrap_or_default(),
            row.item.clone().unwrap_or_default(),
            row.pass.to_string(),
        ];
        csv_row(&cells, &mut text);
    }
    let answer = Response::new(200, "text/csv; charset=utf-8; header=present", text)
        .with("content-disposition", "attachment; filename=\"manifest.csv\"");
    match next {
        Some(next) => answer.with("mailcrane-next-cursor", next),
        None => answer,
    }
}

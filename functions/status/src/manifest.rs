//! `GET …/accounts/{no}/manifest`: one row for every message, as JSON or CSV.

use crate::folders;
use crate::rows::{self, Place};
use mailcrane_core::csv;
use mailcrane_core::folder::WireName;
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::ports::table::Table;
use mailcrane_core::record::{Account, Folder, Migration, Slice};
use mailcrane_engine::export::{COLUMNS, cells};
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
    let (mut views, mut text, as_csv) = (Vec::new(), String::new(), wants_csv(request));
    csv::row(&COLUMNS.map(str::to_owned), &mut text);
    let next = rows::read(
        table,
        migration,
        account,
        place,
        limit,
        |_| true,
        |slice, row| {
            if as_csv {
                csv::row(&cells(folders.0.get(&slice.folder.0), slice, &row), &mut text);
            } else {
                views.push(folders.view(slice, row));
            }
            true
        },
    );
    let next = next.await?.map(|place| cursor::encode(&place.text()));
    if as_csv {
        return Ok(file(text, next));
    }
    Ok(Response::json(200, &json!({"rows": views, "next": next})).tagged(request))
}

/// Tells whether the client asks for CSV.
pub(crate) fn wants_csv(request: &Request) -> bool {
    request.query("format").as_deref() == Some("csv")
        || request.header("accept").is_some_and(|accept| accept.trim_start().starts_with("text/csv"))
}

fn file(text: String, next: Option<String>) -> Response {
    let answer = Response::new(200, "text/csv; charset=utf-8; header=present", text)
        .with("content-disposition", "attachment; filename=\"manifest.csv\"");
    match next {
        Some(next) => answer.with("mailcrane-next-cursor", next),
        None => answer,
    }
}

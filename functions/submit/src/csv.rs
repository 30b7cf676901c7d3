//! Accounts as CSV: named columns in any order, or one of the two headerless shapes.

mod decode;
mod shape;

use crate::account::{self, Context};
use mailcrane_engine::intake::NewAccount;
use mailcrane_lambda::http::{Faults, Fields, Part, Problem};
use serde::Serialize;
use serde_json::Value;
use shape::Shape;
use std::collections::BTreeMap;

/// A row of the file, as far as it could be read.
pub(crate) struct Row {
    /// Its line in the file, from 1.
    pub(crate) line: usize,
    /// The account as JSON.
    pub(crate) value: Value,
    /// What came of it.
    pub(crate) account: Result<NewAccount, Vec<Part>>,
}

/// What was made of a file.
pub(crate) struct Table {
    /// Comma, semicolon or tab.
    pub(crate) delimiter: char,
    /// The columns, as they were understood.
    pub(crate) columns: Vec<&'static str>,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

/// A row as the preview shows it: never a password.
#[derive(Serialize)]
pub(crate) struct RowView {
    row: usize,
    ok: bool,
    source_user: Value,
    source_host: Value,
    destination_mailbox: Value,
    errors: Vec<Value>,
}

impl Row {
    /// Shows the row.
    pub(crate) fn view(&self) -> RowView {
        let member = |end: &str, name: &str| self.value.get(end).and_then(|end| end.get(name)).cloned();
        let host = self.account.as_ref().ok().map(|account| Value::from(account.source.endpoint.host.clone()));
        let wrong = self.account.as_ref().err().into_iter().flatten();
        RowView {
            row: self.line,
            ok: self.account.is_ok(),
            source_user: member("source", "user").unwrap_or_default(),
            source_host: host.or_else(|| member("source", "host")).unwrap_or_default(),
            destination_mailbox: member("destination", "mailbox").unwrap_or_default(),
            errors: wrong
                .map(|part| serde_json::json!({"code": part.code, "field": part.field, "detail": part.detail}))
                .collect(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// 422 when it is no table of accounts at all; what is wrong with single rows is kept in them.
pub(crate) fn read(octets: &[u8], context: &Context<'_>) -> Result<Table, Problem> {
    let text = decode::text(octets);
    let delimiter = decode::delimiter(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::None)
        .from_reader(text.as_bytes());
    let mut shape: Option<Shape> = None;
    let (mut rows, mut seen) = (Vec::new(), BTreeMap::new());
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map(csv::Position::line).unwrap_or_default();
            Problem::field("accounts_csv", "csv.malformed", format!("the file cannot be read at line {line}"))
        })?;
        let line = record.position().and_then(|place| usize::try_from(place.line()).ok()).unwrap_or_default();
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(shape) = &shape else {
            let (found, is_header) = Shape::of(&record, context.defaults)?;
            if !is_header {
                rows.push(row(&found, &record, line, context, &mut seen));
            }
            shape = Some(found);
            continue;
        };
        rows.push(row(shape, &record, line, context, &mut seen));
    }
    let shape = shape.ok_or_else(|| Problem::field("accounts_csv", "csv.empty", "the file has no rows"))?;
    Ok(Table { delimiter, columns: shape.columns(), rows })
}

type Seen = BTreeMap<(String, String, String), usize>;

fn row(shape: &Shape, record: &csv::StringRecord, line: usize, context: &Context<'_>, seen: &mut Seen) -> Row {
    let faults = Faults::default();
    let value = shape.account(record, line, &faults);
    let account = account::read_new(Fields::of(&value, "", &faults), context);
    if let Some(account) = &account {
        let pair = account::pair(account);
        if let Some(first) = seen.get(&pair) {
            let text = format!("is the same source and destination as line {first}; leave one of them out");
            faults.add_row(line, "", "accounts.repeated", text);
        } else {
            seen.insert(pair, line);
        }
    }
    let mut wrong = faults.into_parts();
    for part in &mut wrong {
        part.row = Some(line);
        part.field = part.field.take().map(|field| field.replace('.', "_"));
    }
    let account = match account {
        Some(account) if wrong.is_empty() => Ok(account),
        _ => Err(wrong),
    };
    Row { line, value, account }
}

impl Table {
    /// Returns the accounts, all of them or only those whose rows are good.
    ///
    /// # Errors
    /// 422 with every bad row, unless bad rows are skipped.
    pub(crate) fn accounts(self, skip_bad_rows: bool) -> Result<Vec<NewAccount>, Problem> {
        let (mut good, mut wrong) = (Vec::new(), Vec::new());
        for row in self.rows {
            match row.account {
                Ok(account) => good.push(account),
                Err(parts) => wrong.extend(parts),
            }
        }
        match Problem::of_parts(wrong) {
            Some(problem) if !skip_bad_rows => Err(problem),
            _ => Ok(good),
        }
    }
}

#[cfg(test)]
mod tests;

//! Pages of List operations: a token is the number of rows seen, made opaque.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::error::{ApiError, invalid};
use super::parameters::Parameters;
use crate::knobs::Settings;

/// Cuts a page out of all rows and answers it under `name`, with a `NextToken` when there is more.
pub(super) fn cut(
    name: &str,
    rows: Vec<Value>,
    parameters: &Parameters<'_>,
    settings: &Settings,
) -> Result<Value, ApiError> {
    let size = match parameters.number("MaxResults")? {
        None => 100,
        Some(n @ 1..=100) => usize::try_from(n).unwrap_or(100),
        Some(_) => return Err(invalid("MaxResults must be between 1 and 100.")),
    };
    let size = size.min(settings.page_size_management.max(1));
    let seen = match parameters.text("NextToken")? {
        None => 0,
        Some(token) => read(token).ok_or_else(|| invalid("NextToken is not valid."))?,
    };
    let total = rows.len();
    let page: Vec<Value> = rows.into_iter().skip(seen).take(size).collect();
    let next = seen.saturating_add(page.len());
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(page));
    if next < total {
        answer.insert("NextToken".to_owned(), json!(STANDARD.encode(format!("rows:{next}"))));
    }
    Ok(Value::Object(answer))
}

fn read(token: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("rows:")?.parse().ok()
}

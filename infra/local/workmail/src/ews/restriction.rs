//! Turns a Restriction into an SQL condition over items or folders.

use rusqlite::types::Value;

use super::answer::{ItemError, fail};
use super::property::{self, Property};
use super::shape::is_true;
use crate::clock;
use crate::knobs::Settings;
use crate::xml::Element;

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// `item i`.
    Items,
    /// `folder f`.
    Folders,
}

/// A condition with its values, in order.
#[derive(Debug)]
pub(super) struct Condition {
    /// SQL with `?`.
    pub(super) sql: String,
    /// Values.
    pub(super) values: Vec<Value>,
    /// It finds few rows, and finds them by an index of its own.
    pub(super) is_selective: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Date,
    Millis,
    Truth,
}

enum Field {
    Column(&'static str, Kind),
    /// An extended property, by its canonical tag.
    Kept(String),
    /// The categories, a JSON list.
    List,
    /// A field that finds nothing.
    Hidden,
}

/// Reads the expressions of a Restriction.
pub(super) fn read(restriction: &Element, over: Over, settings: &Settings) -> Result<Condition, ItemError> {
    let [expression] = restriction.children.as_slice() else {
        return fail("ErrorInvalidRestriction", "A Restriction has exactly one search expression.");
    };
    let mut values = Vec::new();
    let sql = expression_sql(expression, over, settings, &mut values)?;
    let is_selective = expression.name == "IsEqualTo" && sql.starts_with("i.id IN");
    Ok(Condition { sql, values, is_selective })
}

fn expression_sql(e: &Element, over: Over, settings: &Settings, values: &mut Vec<Value>) -> Result<String, ItemError> {
    match e.name.as_str() {
        "And" | "Or" | "Not" => {
            let mut parts = Vec::new();
            for child in &e.children {
                parts.push(expression_sql(child, over, settings, values)?);
            }
            let enough = if e.name == "Not" { parts.len() == 1 } else { parts.len() >= 2 };
            if !enough {
                return fail(
                    "ErrorInvalidRestriction",
                    "The number of expressions inside a boolean expression is wrong.",
                );
            }
            Ok(match e.name.as_str() {
                "And" => format!("({})", parts.join(" AND ")),
                "Or" => format!("({})", parts.join(" OR ")),
                _ => format!("NOT coalesce({}, 0)", parts.concat()),
            })
        }
        "Exists" => Ok(match field(e.children.first(), over, settings)? {
            Field::Column(column, _) => format!("({column} IS NOT NULL)"),
            Field::List => "(i.categories <> '[]')".to_owned(),
            Field::Hidden => "0".to_owned(),
            Field::Kept(tag) => {
                values.push(Value::Text(tag));
                "EXISTS (SELECT 1 FROM property p WHERE p.item = i.id AND p.tag = ?)".to_owned()
            }
        }),
        "Contains" => contains(e, over, settings, values),
        "Excludes" => excludes(e, over, settings, values),
        _ => comparison(e, over, settings, values),
    }
}

fn comparison(e: &Element, over: Over, settings: &Settings, values: &mut Vec<Value>) -> Result<String, ItemError> {
    let operator = match e.name.as_str() {
        "IsEqualTo" => "=",
        "IsNotEqualTo" => "<>",
        "IsGreaterThan" => ">",
        "IsGreaterThanOrEqualTo" => ">=",
        "IsLessThan" => "<",
        "IsLessThanOrEqualTo" => "<=",
        _ => return fail("ErrorInvalidRestriction", "The search expression is unknown."),
    };
    let constant = e.at(&["FieldURIOrConstant", "Constant"]).and_then(|c| c.attribute("Value"));
    let Some(constant) = constant else {
        return fail("ErrorUnsupportedPathForQuery", "Comparing two properties is not supported.");
    };
    match field(e.children.first(), over, settings)? {
        Field::Hidden => Ok("0".to_owned()),
        Field::Column(column, kind) => {
            values.push(convert(constant, kind)?);
            Ok(format!("({column} {operator} ?)"))
        }
        Field::List => {
            values.push(Value::Text(constant.to_owned()));
            let not = if operator == "<>" { "NOT " } else { "" };
            Ok(format!("{not}EXISTS (SELECT 1 FROM json_each(i.categories) g WHERE g.value = ?)"))
        }
        Field::Kept(tag) => {
            let numeric = ["Integer", "Long", "Short"].iter().any(|t| tag.ends_with(t));
            values.push(Value::Text(tag));
            if numeric {
                values.push(convert(constant, Kind::Number)?);
                return Ok(format!(
                    "EXISTS (SELECT 1 FROM property p WHERE p.item = i.id AND p.tag = ? AND CAST(p.value AS INTEGER) {operator} ?)"
                ));
            }
            values.push(Value::Text(constant.to_owned()));
            Ok(format!("i.id IN (SELECT p.item FROM property p WHERE p.tag = ? AND p.value {operator} ?)"))
        }
    }
}

fn contains(e: &Element, over: Over, settings: &Settings, values: &mut Vec<Value>) -> Result<String, ItemError> {
    let constant = e.child("Constant").and_then(|c| c.attribute("Value")).unwrap_or_default();
    let exact = e.attribute("ContainmentComparison").unwrap_or("Exact") == "Exact";
    let mode = e.attribute("ContainmentMode").unwrap_or("FullString");
    if mode == "PrefixOnWords" || mode == "ExactPhrase" {
        return fail("ErrorUnsupportedQueryFilter", "This ContainmentMode is not supported.");
    }
    let test = |column: &str, values: &mut Vec<Value>| {
        let (column, constant) = if exact {
            (column.to_owned(), constant.to_owned())
        } else {
            (format!("lower({column})"), constant.to_lowercase())
        };
        values.push(Value::Text(constant.clone()));
        match mode {
            "FullString" => format!("({column} = ?)"),
            "Prefixed" => {
                values.push(Value::Text(format!("{constant}\u{10ffff}")));
                format!("({column} >= ? AND {column} < ?)")
            }
            _ => format!("(instr({column}, ?) > 0)"),
        }
    };
    match field(e.children.first(), over, settings)? {
        Field::Hidden => Ok("0".to_owned()),
        Field::Column(column, Kind::Text) => Ok(test(column, values)),
        Field::Column(..) => fail("ErrorContainsFilterWrongType", "Contains is for text only."),
        Field::List => {
            let inner = test("g.value", values);
            Ok(format!("EXISTS (SELECT 1 FROM json_each(i.categories) g WHERE {inner})"))
        }
        Field::Kept(tag) => {
            if !tag.ends_with(":String") {
                return fail("ErrorContainsFilterWrongType", "Contains is for text only.");
            }
            values.push(Value::Text(tag));
            let inner = test("p.value", values);
            Ok(format!("i.id IN (SELECT p.item FROM property p WHERE p.tag = ? AND {inner})"))
        }
    }
}

fn excludes(e: &Element, over: Over, settings: &Settings, values: &mut Vec<Value>) -> Result<String, ItemError> {
    let text = e.child("Bitmask").and_then(|b| b.attribute("Value")).unwrap_or_default();
    let mask = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let Some(mask) = mask else {
        return fail("ErrorInvalidExcludesRestriction", "The bit mask is not a number.");
    };
    match field(e.children.first(), over, settings)? {
        Field::Hidden => Ok("0".to_owned()),
        Field::Column(column, Kind::Number) => {
            values.push(Value::Integer(mask));
            Ok(format!("(({column} & ?) = 0)"))
        }
        Field::Kept(tag) => {
            values.push(Value::Text(tag));
            values.push(Value::Integer(mask));
            Ok("NOT EXISTS (SELECT 1 FROM property p WHERE p.item = i.id AND p.tag = ? AND (CAST(p.value AS INTEGER) & ?) <> 0)".to_owned())
        }
        _ => fail("ErrorInvalidExcludesRestriction", "Excludes is for numbers only."),
    }
}

fn convert(constant: &str, kind: Kind) -> Result<Value, ItemError> {
    let value = match kind {
        Kind::Text => Some(Value::Text(constant.to_owned())),
        Kind::Number => constant.trim().parse().ok().map(Value::Integer),
        Kind::Date => clock::parse(constant).map(Value::Integer),
        Kind::Millis => clock::parse(constant).map(|s| Value::Integer(s.saturating_mul(1000))),
        Kind::Truth => Some(Value::Integer(i64::from(is_true(constant)))),
    };
    value.map_or_else(|| fail("ErrorInvalidValueForProperty", "The constant does not suit the property."), Ok)
}

fn field(path: Option<&Element>, over: Over, settings: &Settings) -> Result<Field, ItemError> {
    let Some(path) = path else {
        return fail("ErrorInvalidRestriction", "The search expression names no property.");
    };
    let name = match path.name.as_str() {
        "ExtendedFieldURI" => Property::read(path)?.tag,
        "FieldURI" => path.attribute("FieldURI").unwrap_or_default().to_owned(),
        _ => return fail("ErrorUnsupportedPathForQuery", "This property cannot be searched."),
    };
    if settings.hides(&name) || name.split_once(':').is_some_and(|(_, n)| settings.hides(n)) {
        return Ok(Field::Hidden);
    }
    if over == Over::Folders {
        return match name.as_str() {
            "folder:DisplayName" | "0x3001:String" => Ok(Field::Column("f.name", Kind::Text)),
            "folder:FolderClass" | "0x3613:String" => Ok(Field::Column("f.class", Kind::Text)),
            "folder:TotalCount" => Ok(Field::Column("f.total", Kind::Number)),
            "folder:UnreadCount" => Ok(Field::Column("f.unread", Kind::Number)),
            "0x10F4:Boolean" => Ok(Field::Column("0", Kind::Truth)),
            _ => fail("ErrorUnsupportedPathForQuery", "This property cannot be searched."),
        };
    }
    match column(&name) {
        Some((column, kind)) => Ok(Field::Column(column, kind)),
        None if name == "item:Categories" || name == property::KEYWORDS => Ok(Field::List),
        None if path.name == "ExtendedFieldURI" => Ok(Field::Kept(name)),
        None => fail("ErrorUnsupportedPathForQuery", "This property cannot be searched."),
    }
}

fn column(name: &str) -> Option<(&'static str, Kind)> {
    Some(match name {
        "item:Subject" | "0x0037:String" | "message:ConversationTopic" => ("i.subject", Kind::Text),
        "message:InternetMessageId" | "0x1035:String" => ("i.message_id", Kind::Text),
        "item:ItemClass" | "0x001A:String" => ("i.class", Kind::Text),
        "item:Importance" => ("i.importance", Kind::Text),
        "item:Sensitivity" => ("i.sensitivity", Kind::Text),
        "item:DateTimeReceived" | "0x0E06:SystemTime" => ("i.received", Kind::Date),
        "item:DateTimeSent" | "0x0039:SystemTime" => ("i.sent", Kind::Date),
        "item:DateTimeCreated" | "0x3007:SystemTime" => ("i.created_ms", Kind::Millis),
        "item:LastModifiedTime" | "0x3008:SystemTime" => ("i.modified_ms", Kind::Millis),
        "item:Size" | "0x0E08:Integer" => ("i.size", Kind::Number),
        "0x0E23:Integer" => ("i.id", Kind::Number),
        "0x0E07:Integer" => ("(i.is_read | (i.is_draft << 3))", Kind::Number),
        "message:IsRead" | "0x0E69:Boolean" => ("i.is_read", Kind::Truth),
        "item:IsDraft" => ("i.is_draft", Kind::Truth),
        "item:HasAttachments" | "0x0E1B:Boolean" => ("i.attachments", Kind::Truth),
        _ => return None,
    })
}

/// Reads a `SortOrder` as the inside of ORDER BY; newest first without one.
pub(super) fn order(sort: Option<&Element>) -> Result<String, ItemError> {
    let Some(sort) = sort else {
        return Ok("i.received DESC, i.id DESC".to_owned());
    };
    let mut parts = Vec::new();
    for one in &sort.children {
        let descending = one.attribute("Order") == Some("Descending");
        let name = match one.children.first() {
            Some(path) if path.name == "ExtendedFieldURI" => Property::read(path)?.tag,
            Some(path) => path.attribute("FieldURI").unwrap_or_default().to_owned(),
            None => String::new(),
        };
        let Some((column, _)) = column(&name) else {
            return fail("ErrorUnsupportedPathForSortGroup", "This property cannot be sorted by.");
        };
        parts.push(format!("{column} {}", if descending { "DESC" } else { "ASC" }));
    }
    let last = if parts.first().is_some_and(|p| p.ends_with("DESC")) { "i.id DESC" } else { "i.id ASC" };
    parts.push(last.to_owned());
    Ok(parts.join(", "))
}

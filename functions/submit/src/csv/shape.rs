//! What the columns of a file mean.

use crate::endpoint::Server;
use mailcrane_core::ports::source::AdminScheme;
use mailcrane_lambda::http::{Faults, Part, Problem};
use serde_json::{Map, Value};

/// The columns that may be named, and which end and member each is.
const COLUMNS: [(&str, &str, &str); 10] = [
    ("source_user", "source", "user"),
    ("source_password", "source", "password"),
    ("source_admin_user", "source", "admin_user"),
    ("source_admin_password", "source", "admin_password"),
    ("source_host", "source", "host"),
    ("source_port", "source", "port"),
    ("source_security", "source", "security"),
    ("destination_mailbox", "destination", "mailbox"),
    ("destination_user", "destination", "user"),
    ("destination_password", "destination", "password"),
];

/// The columns of a file without names.
const UNNAMED: [&str; 6] = [
    "source_admin_user",
    "source_group_or_domain",
    "source_mailbox",
    "destination_login",
    "destination_password",
    "destination_mailbox",
];

/// How the cells of a row become an account.
pub(super) enum Shape {
    /// Each column has a name.
    Named(Vec<usize>),
    /// Source administrator, group or domain, mailbox; destination login, password and perhaps mailbox.
    Unnamed {
        /// How the source's administrator signs in.
        scheme: AdminScheme,
    },
}

impl Shape {
    /// Finds the shape by the first row, and tells whether that row holds the names.
    pub(super) fn of(first: &csv::StringRecord, defaults: &Server) -> Result<(Self, bool), Problem> {
        let names: Vec<_> = first.iter().map(normal).collect();
        let known = |name: &String| COLUMNS.iter().position(|(column, ..)| column == name);
        if names.iter().any(|name| known(name).is_some()) {
            let unknown = names.iter().zip(first.iter()).filter(|(name, _)| known(name).is_none());
            let wrong: Vec<_> = unknown.map(|(_, given)| unknown_column(given)).collect();
            if let Some(problem) = Problem::of_parts(wrong) {
                return Err(problem);
            }
            return Ok((Self::Named(names.iter().filter_map(known).collect()), true));
        }
        if matches!(first.len(), 5 | 6) {
            return Ok((Self::Unnamed { scheme: defaults.admin_scheme.unwrap_or_default() }, false));
        }
        let columns: Vec<_> = COLUMNS.iter().map(|(column, ..)| *column).collect();
        let text = format!(
            "the first row must name its columns ({}), or the file has 5 or 6 columns without names ({})",
            columns.join(", "),
            UNNAMED.join(", ")
        );
        Err(Problem::field("accounts_csv", "csv.columns", text))
    }

    /// Returns the columns as they were understood.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        match self {
            Self::Named(places) => {
                places.iter().filter_map(|place| COLUMNS.get(*place)).map(|(column, ..)| *column).collect()
            }
            Self::Unnamed { .. } => UNNAMED.to_vec(),
        }
    }

    /// Makes the JSON of an account out of a row.
    pub(super) fn account(&self, record: &csv::StringRecord, line: usize, faults: &Faults) -> Value {
        let mut ends = [("source", Map::new()), ("destination", Map::new())];
        let mut put = |end: &str, member: &str, cell: &str| {
            let value = match member {
                "port" => cell.trim().parse::<u16>().map_or_else(|_| Value::from(cell), Value::from),
                "password" | "admin_password" => Value::from(cell),
                "security" => Value::from(cell.trim().to_lowercase()),
                _ => Value::from(cell.trim()),
            };
            if let Some((_, map)) = ends.iter_mut().find(|(name, _)| *name == end)
                && !cell.is_empty()
            {
                map.insert(member.to_owned(), value);
            }
        };
        match self {
            Self::Named(places) => {
                if record.len() > places.len() {
                    let text = format!("has {} cells, the first row has {}", record.len(), places.len());
                    faults.add_row(line, "", "csv.cells", text);
                }
                for (place, cell) in places.iter().zip(record.iter()) {
                    if let Some((_, end, member)) = COLUMNS.get(*place) {
                        put(end, member, cell);
                    }
                }
            }
            Self::Unnamed { scheme } => {
                if !matches!(record.len(), 5 | 6) {
                    faults.add_row(line, "", "csv.cells", format!("has {} cells, 5 or 6 are expected", record.len()));
                }
                let cell = |place: usize| record.get(place).unwrap_or_default();
                let (admin, domain, mailbox) = (cell(0).trim(), cell(1).trim(), cell(2).trim());
                let exchange = *scheme == AdminScheme::Exchange && !domain.is_empty();
                let admin = if exchange { format!("{domain}\\{admin}") } else { admin.to_owned() };
                let bare = !exchange && domain.contains('.') && !mailbox.is_empty() && !mailbox.contains('@');
                let user = if bare { format!("{mailbox}@{domain}") } else { mailbox.to_owned() };
                put("source", "admin_user", &admin);
                put("source", "user", &user);
                let login = cell(3).trim();
                let named = cell(5).trim();
                put("destination", "mailbox", if named.is_empty() { login } else { named });
                if !named.is_empty() && named != login {
                    put("destination", "user", login);
                }
                put("destination", "password", cell(4));
            }
        }
        ends.into_iter().map(|(name, map)| (name.to_owned(), Value::Object(map))).collect::<Map<_, _>>().into()
    }
}

fn normal(cell: &str) -> String {
    cell.trim().to_lowercase().replace([' ', '-'], "_")
}

fn unknown_column(given: &str) -> Part {
    let columns: Vec<_> = COLUMNS.iter().map(|(column, ..)| *column).collect();
    let shown: String = given.chars().filter(|c| !c.is_control()).take(60).collect();
    let detail = format!("the column {shown:?} is not known; known are {}", columns.join(", "));
    Part { code: "csv.columns".into(), field: Some("accounts_csv".into()), row: Some(1), detail }
}

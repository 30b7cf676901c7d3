//! JSON bodies read field by field, so that every refusal names its field and all of them come at once.

use super::{Part, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Collects what is wrong with a body.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Part>>);

impl Faults {
    /// Adds something that is wrong with a field.
    pub fn add(&self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.borrow_mut().push(Part {
            code: code.into(),
            field: Some(field.into()),
            row: None,
            detail: detail.into(),
        });
    }

    /// Adds something that is wrong with a row.
    pub fn add_row(&self, row: usize, field: &str, code: &'static str, detail: impl Into<String>) {
        let field = Some(field.to_owned()).filter(|field| !field.is_empty());
        self.0.borrow_mut().push(Part { code: code.into(), field, row: Some(row), detail: detail.into() });
    }

    /// Adds what was found wrong elsewhere.
    pub fn extend(&self, parts: Vec<Part>) {
        self.0.borrow_mut().extend(parts);
    }

    /// Returns how many things are wrong.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Returns everything that is wrong.
    #[must_use]
    pub fn into_parts(self) -> Vec<Part> {
        self.0.into_inner()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub fn check(self) -> Result<(), Problem> {
        Problem::of_parts(self.into_parts()).map_or(Ok(()), Err)
    }
}

/// The members of one JSON object.
pub struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    path: String,
    known: RefCell<BTreeSet<&'static str>>,
    faults: &'a Faults,
}

impl<'a> Fields<'a> {
    /// Reads the members of a value at that path; a value that is no object is a fault.
    pub fn of(value: &'a Value, path: impl Into<String>, faults: &'a Faults) -> Self {
        let path = path.into();
        let members = value.as_object();
        if members.is_none() {
            faults.add(if path.is_empty() { "." } else { &path }, "field.type", "must be a JSON object");
        }
        Self { members, path, known: RefCell::default(), faults }
    }

    /// Returns the path of a member.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Adds a fault of a member.
    pub fn fault(&self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.faults.add(self.path(name), code, detail);
    }

    /// Tells whether the object has the member, even as null.
    #[must_use]
    pub fn has(&self, name: &'static str) -> bool {
        self.known.borrow_mut().insert(name);
        self.members.is_some_and(|members| members.contains_key(name))
    }

    /// Returns a member that is there and not null.
    #[must_use]
    pub fn value(&self, name: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(name);
        self.members?.get(name).filter(|value| !value.is_null())
    }

    /// Returns a text without control characters, of at most that many characters; blanks at its ends are cut off.
    pub fn text(&self, name: &'static str, longest: usize) -> Option<String> {
        let text = self.raw_text(name, longest)?.trim().to_owned();
        if text.chars().any(char::is_control) {
            self.fault(name, "field.invalid", "must not contain line ends or other control characters");
            return None;
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns a text exactly as it was sent (passwords may begin with a blank).
    pub fn raw_text(&self, name: &'static str, longest: usize) -> Option<&'a str> {
        let Some(text) = self.value(name)?.as_str() else {
            self.fault(name, "field.type", "must be a text");
            return None;
        };
        if text.chars().count() > longest {
            self.fault(name, "field.too_long", format!("must have at most {longest} characters"));
            return None;
        }
        Some(text)
    }

    /// Returns a text that must be there.
    pub fn need(&self, name: &'static str, longest: usize) -> Option<String> {
        let before = self.faults.count();
        let text = self.text(name, longest);
        if text.is_none() && self.faults.count() == before && self.members.is_some() {
            self.fault(name, "field.missing", "is missing");
        }
        text
    }

    /// Returns a member of another type; `expected` says in words what it must be.
    pub fn typed<T: DeserializeOwned>(&self, name: &'static str, expected: &str) -> Option<T> {
        let value = self.value(name)?;
        serde_json::from_value(value.clone())
            .inspect_err(|_| self.fault(name, "field.type", format!("must be {expected}")))
            .ok()
    }

    /// Returns the members of an object.
    #[must_use]
    pub fn object(&self, name: &'static str) -> Option<Fields<'a>> {
        Some(Fields::of(self.value(name)?, self.path(name), self.faults))
    }

    /// Returns the objects of a list, each with its path.
    #[must_use]
    pub fn objects(&self, name: &'static str) -> Option<Vec<Fields<'a>>> {
        let Some(list) = self.value(name)?.as_array() else {
            self.fault(name, "field.type", "must be a list");
            return None;
        };
        let each = list.iter().enumerate();
        Some(each.map(|(no, value)| Fields::of(value, format!("{}.{no}", self.path(name)), self.faults)).collect())
    }

    /// Ends the object: every member that was never asked for is a fault.
    pub fn end(self) {
        let known = self.known.borrow();
        for name in self.members.iter().flat_map(|members| members.keys()) {
            if !known.contains(name.as_str()) {
                let offered: Vec<_> = known.iter().copied().collect();
                self.fault(name, "field.unknown", format!("is not known here; known are {}", offered.join(", ")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let body = json!({"name": 7, "list": [{"user": "a"}, {"usr": "b"}]});
        let faults = Faults::default();
        let fields = Fields::of(&body, "", &faults);
        let _ = fields.text("name", 10);
        for one in fields.objects("list").unwrap() {
            let _ = one.need("user", 10);
            one.end();
        }
        fields.end();
        let wrong: Vec<_> = faults.into_parts().into_iter().filter_map(|part| part.field).collect();
        assert_eq!(wrong, ["name", "list.1.user", "list.1.usr"]);
    }

    #[test]
    fn a_password_keeps_its_blanks_and_a_name_does_not() {
        let body = json!({"password": " p ", "name": " n "});
        let faults = Faults::default();
        let fields = Fields::of(&body, "", &faults);
        assert_eq!(fields.raw_text("password", 10), Some(" p "));
        assert_eq!(fields.text("name", 10).as_deref(), Some("n"));
    }

    #[test]
    fn line_ends_in_a_name_are_refused() {
        let body = json!({"name": "a\r\nBcc: b"});
        let faults = Faults::default();
        assert_eq!(Fields::of(&body, "", &faults).text("name", 20), None);
        assert_eq!(faults.count(), 1);
    }
}

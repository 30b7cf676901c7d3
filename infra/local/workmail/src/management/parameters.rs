//! Reads parameters and checks the patterns that the service model gives.

use serde_json::{Map, Value};

use super::error::{ApiError, invalid};

/// The members of a request.
pub(super) struct Parameters<'a>(&'a Map<String, Value>);

impl<'a> Parameters<'a> {
    pub(super) fn new(value: &'a Value) -> Result<Self, ApiError> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| ApiError::new("SerializationException", "The request is no JSON object."))
    }

    /// Gives a member as it stands.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    /// Gives a text that may be missing.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(&format!("{name} must be a string."))),
        }
    }

    /// Gives a text that must be there, in its pattern.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, ApiError> {
        let text = self.text(name)?.ok_or_else(|| invalid(&format!("{name} is required.")))?;
        let good = match name {
            "OrganizationId" => {
                text.len() == 34
                    && text.strip_prefix("m-").is_some_and(|h| h.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
            }
            "EntityId" | "GranteeId" | "TargetUser" => {
                !text.is_empty()
                    && text.len() <= 256
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || "._%+@-".contains(c))
            }
            "Email" => is_address(text),
            _ => !text.is_empty() && text.len() <= 1024,
        };
        if good { Ok(text) } else { Err(invalid(&format!("{name} is not valid."))) }
    }

    /// Gives a whole number that may be missing.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| invalid(&format!("{name} must be a whole number."))),
        }
    }

    /// Gives a list of texts that must be there.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let list = self.get(name).and_then(Value::as_array).ok_or_else(|| invalid(&format!("{name} is required.")))?;
        list.iter()
            .map(|v| v.as_str().map(str::to_owned).ok_or_else(|| invalid(&format!("{name} must be strings."))))
            .collect()
    }
}

/// Says whether a text has the form of an address.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let tail = domain.rsplit('.').next().unwrap_or_default();
    (1..=64).contains(&local.len())
        && local.chars().all(|c| c.is_ascii_alphanumeric() || "._%+-".contains(c))
        && domain.contains('.')
        && tail.len() >= 2
        && domain.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

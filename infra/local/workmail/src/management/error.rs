//! Errors as the service models them.

use serde_json::{Value, json};

use crate::store::StoreError;

/// An error of the management API.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Name of the error's shape.
    pub code: String,
    /// Text.
    pub message: String,
}

impl ApiError {
    /// Gives a client error.
    pub fn new(code: &str, message: &str) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// Gives the JSON body.
    pub fn body(&self) -> Value {
        json!({"__type": self.code, "Message": self.message, "message": self.message})
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        eprintln!("workmail: {error}");
        Self { status: 500, code: "InternalFailure".to_owned(), message: "The store failed.".to_owned() }
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Gives the error that an entity does not exist.
pub(super) fn no_entity(entity: &str) -> ApiError {
    ApiError::new("EntityNotFoundException", &format!("The entity {entity} was not found."))
}

/// Gives the error that a parameter is wrong.
pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

//! `DescribeEntity`.

use serde_json::{Value, json};

use super::Call;
use super::error::{ApiError, no_entity};
use crate::store::user;

pub(super) fn describe(call: &Call<'_>) -> Result<Value, ApiError> {
    let email = call.parameters.required("Email")?;
    let found = match user::by_email(call.c, email)? {
        Some(user) => Some(user),
        None => user::by_alias(call.c, email)?,
    };
    let user = found.filter(|u| u.state != "DELETED").ok_or_else(|| no_entity(email))?;
    let kind = if user.role == "RESOURCE" { "RESOURCE" } else { "USER" };
    Ok(json!({"EntityId": user.id, "Name": user.name, "Type": kind}))
}

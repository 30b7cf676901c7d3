//! Mailbox permissions: Put replaces what that grantee had.

use serde_json::{Value, json};

use super::error::{ApiError, invalid, no_entity};
use super::user::find;
use super::{Call, page};
use crate::store::{permission, user};

pub(super) fn put(call: &Call<'_>) -> Result<Value, ApiError> {
    let mailbox = find(call, call.parameters.required("EntityId")?)?;
    let grantee = find(call, call.parameters.required("GranteeId")?)?;
    let values = call.parameters.texts("PermissionValues")?;
    if values.is_empty() || values.iter().any(|v| !["FULL_ACCESS", "SEND_AS", "SEND_ON_BEHALF"].contains(&v.as_str())) {
        return Err(invalid("PermissionValues is not valid."));
    }
    if !mailbox.is_enabled() || !grantee.is_enabled() {
        return Err(ApiError::new("EntityStateException", "Both entities must be enabled."));
    }
    permission::put(call.c, mailbox.no, grantee.no, &values, call.settings.permission_delay_ms())?;
    Ok(json!({}))
}

pub(super) fn list(call: &Call<'_>) -> Result<Value, ApiError> {
    let mailbox = find(call, call.parameters.required("EntityId")?)?;
    let mut rows = Vec::new();
    for granted in permission::list(call.c, Some(mailbox.no))? {
        if let Some(grantee) = user::by_no(call.c, granted.grantee)? {
            rows.push(json!({"GranteeId": grantee.id, "GranteeType": "USER", "PermissionValues": granted.values}));
        }
    }
    page::cut("Permissions", rows, &call.parameters, call.settings)
}

pub(super) fn delete(call: &Call<'_>) -> Result<Value, ApiError> {
    let mailbox = find(call, call.parameters.required("EntityId")?)?;
    let id = call.parameters.required("GranteeId")?;
    let grantee = user::by_entity(call.c, id)?.ok_or_else(|| no_entity(id))?;
    permission::delete(call.c, mailbox.no, grantee.no, call.settings.permission_delay_ms())?;
    Ok(json!({}))
}

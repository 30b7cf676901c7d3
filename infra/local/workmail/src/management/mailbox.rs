//! Size, quota and access control of mailboxes.

use serde_json::{Value, json};

use super::Call;
use super::error::{ApiError, invalid};
use super::user::find;
use crate::store::{item, user};

/// Octets in a megabyte of quota.
const MEGABYTE: f64 = 1_048_576.0;

pub(super) fn details(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("UserId")?)?;
    let bytes = item::mailbox_bytes(call.c, found.no)?;
    // Exact up to 2^53 octets, far above any quota.
    let size = bytes.to_string().parse::<f64>().unwrap_or(0.0) / MEGABYTE;
    Ok(json!({"MailboxQuota": found.quota_mb, "MailboxSize": size}))
}

pub(super) fn update_quota(call: &Call<'_>) -> Result<Value, ApiError> {
    let mut found = find(call, call.parameters.required("UserId")?)?;
    let quota = call.parameters.number("MailboxQuota")?.ok_or_else(|| invalid("MailboxQuota is required."))?;
    if !(1..=51_200).contains(&quota) {
        return Err(invalid("MailboxQuota must be between 1 and 51200."));
    }
    if !found.is_enabled() {
        return Err(ApiError::new("EntityStateException", "The user has no mailbox."));
    }
    found.quota_mb = quota;
    user::put(call.c, &found)?;
    Ok(json!({}))
}

pub(super) fn access_control_effect(call: &Call<'_>) -> Result<Value, ApiError> {
    let action = call.parameters.required("Action")?;
    let known = ["ActiveSync", "AutoDiscover", "EWS", "IMAP", "SMTP", "WindowsOutlook", "WebMail"];
    if !known.contains(&action) {
        return Err(invalid("Action is not valid."));
    }
    let address = call.parameters.required("IpAddress")?;
    if address.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(invalid("IpAddress is not valid."));
    }
    match (call.parameters.text("UserId")?, call.parameters.text("ImpersonationRoleId")?) {
        (Some(user), None) => {
            find(call, user)?;
        }
        (None, Some(role)) => {
            super::role::find(call, role)?;
        }
        _ => return Err(invalid("Exactly one of UserId and ImpersonationRoleId is required.")),
    }
    let denied = call.settings.deny_actions.iter().any(|d| d == action);
    let rules: Vec<&str> = if denied { vec!["stand-in-deny"] } else { vec!["Default"] };
    Ok(json!({"Effect": if denied { "DENY" } else { "ALLOW" }, "MatchedRules": rules}))
}

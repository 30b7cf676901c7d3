//! Impersonation roles: rules, their effect, and tokens.

use serde_json::{Value, json};

use super::error::{ApiError, invalid};
use super::user::{self, seconds};
use super::{Call, page};
use crate::store::role::{self, Role, Rule};
use crate::{clock, random};

/// Finds a role.
pub(super) fn find(call: &Call<'_>, id: &str) -> Result<Role, ApiError> {
    role::get(call.c, id)?
        .ok_or_else(|| ApiError::new("ResourceNotFoundException", "The impersonation role was not found."))
}

pub(super) fn create(call: &Call<'_>) -> Result<Value, ApiError> {
    let token = call.parameters.text("ClientToken")?;
    if let Some(id) = token.map_or(Ok(None), |t| role::by_client_token(call.c, t))? {
        return Ok(json!({"ImpersonationRoleId": id}));
    }
    if role::all(call.c)?.len() >= 20 {
        return Err(ApiError::new("LimitExceededException", "There are too many impersonation roles."));
    }
    let mut new = read(call)?;
    new.id = random::fresh().hex32();
    role::put(call.c, &new, token)?;
    Ok(json!({"ImpersonationRoleId": new.id}))
}

pub(super) fn update(call: &Call<'_>) -> Result<Value, ApiError> {
    let before = find(call, call.parameters.required("ImpersonationRoleId")?)?;
    let after = Role { id: before.id, created_ms: before.created_ms, ..read(call)? };
    role::put(call.c, &after, None)?;
    Ok(json!({}))
}

fn read(call: &Call<'_>) -> Result<Role, ApiError> {
    let kind = call.parameters.required("Type")?;
    if kind != "FULL_ACCESS" && kind != "READ_ONLY" {
        return Err(invalid("Type is not valid."));
    }
    let now = clock::now_ms();
    Ok(Role {
        id: String::new(),
        name: call.parameters.required("Name")?.to_owned(),
        kind: kind.to_owned(),
        description: call.parameters.text("Description")?.map(str::to_owned),
        rules: rules(call)?,
        created_ms: now,
        modified_ms: now,
        works_from: now.saturating_add(call.settings.permission_delay_ms()),
    })
}

fn rules(call: &Call<'_>) -> Result<Vec<Rule>, ApiError> {
    let given = call.parameters.get("Rules").cloned().ok_or_else(|| invalid("Rules is required."))?;
    let mut rules: Vec<Rule> = serde_json::from_value(given).map_err(|_| invalid("Rules is not valid."))?;
    if rules.len() > 10 {
        return Err(ApiError::new("LimitExceededException", "A role has at most 10 rules."));
    }
    for rule in &mut rules {
        if rule.effect != "ALLOW" && rule.effect != "DENY" {
            return Err(invalid("Effect is not valid."));
        }
        for list in [&mut rule.target_users, &mut rule.not_target_users].into_iter().flatten() {
            if list.is_empty() || list.len() > 10 {
                return Err(invalid("A rule names between 1 and 10 users."));
            }
            for target in list {
                *target = user::find(call, target)?.id;
            }
        }
    }
    Ok(rules)
}

pub(super) fn delete(call: &Call<'_>) -> Result<Value, ApiError> {
    role::delete(call.c, call.parameters.required("ImpersonationRoleId")?)?;
    Ok(json!({}))
}

pub(super) fn get(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("ImpersonationRoleId")?)?;
    let mut answer = summary(&found);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("Rules".to_owned(), serde_json::to_value(&found.rules).unwrap_or_default());
        if let Some(description) = found.description {
            fields.insert("Description".to_owned(), json!(description));
        }
    }
    Ok(answer)
}

pub(super) fn list(call: &Call<'_>) -> Result<Value, ApiError> {
    let rows = role::all(call.c)?.iter().map(summary).collect();
    page::cut("Roles", rows, &call.parameters, call.settings)
}

fn summary(role: &Role) -> Value {
    json!({
        "ImpersonationRoleId": role.id,
        "Name": role.name,
        "Type": role.kind,
        "DateCreated": seconds(role.created_ms),
        "DateModified": seconds(role.modified_ms),
    })
}

pub(super) fn effect(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("ImpersonationRoleId")?)?;
    let target = user::find(call, call.parameters.required("TargetUser")?)?;
    let (allowed, rules) = found.effect(&target.id);
    let matched: Vec<Value> = rules
        .iter()
        .map(|r| {
            let name = r.name.as_ref().map_or_else(|| r.impersonation_rule_id.clone(), Clone::clone);
            json!({"ImpersonationRuleId": r.impersonation_rule_id, "Name": name})
        })
        .collect();
    Ok(json!({"Type": found.kind, "Effect": if allowed { "ALLOW" } else { "DENY" }, "MatchedRules": matched}))
}

pub(super) fn assume(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("ImpersonationRoleId")?)?;
    let life = call.settings.token_lifetime_s;
    let token = format!("{}{}", random::fresh().hex32(), random::fresh().hex32());
    role::put_token(call.c, &token, &found.id, clock::now_ms().saturating_add(life.saturating_mul(1000)))?;
    Ok(json!({"Token": token, "ExpiresIn": life}))
}

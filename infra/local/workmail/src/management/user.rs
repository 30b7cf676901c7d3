//! Users: create, register, deregister, reset the password, describe, list, delete.

use serde_json::{Map, Value, json};

use super::error::{ApiError, invalid, no_entity};
use super::{Call, page};
use crate::clock;
use crate::store::user::{self, User};

/// Finds a user by identity, name or address.
pub(super) fn find(call: &Call<'_>, entity: &str) -> Result<User, ApiError> {
    user::by_entity(call.c, entity)?.ok_or_else(|| no_entity(entity))
}

pub(super) fn create(call: &Call<'_>) -> Result<Value, ApiError> {
    own_directory(call)?;
    let name = call.parameters.required("Name")?;
    if name.len() > 64 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c)) {
        return Err(invalid("Name is not valid."));
    }
    if ["admin", "administrator", "guest", "krbtgt"].contains(&name.to_lowercase().as_str()) {
        return Err(ApiError::new("ReservedNameException", "The name is reserved."));
    }
    if user::by_entity(call.c, name)?.is_some() {
        return Err(ApiError::new("NameAvailabilityException", "The user name is taken."));
    }
    let mut new = User::new(name, call.parameters.required("DisplayName")?);
    new.role = call.parameters.text("Role")?.unwrap_or("USER").to_owned();
    new.first_name = call.parameters.text("FirstName")?.map(str::to_owned);
    new.last_name = call.parameters.text("LastName")?.map(str::to_owned);
    new.hidden = call.parameters.get("HiddenFromGlobalAddressList").and_then(Value::as_bool).unwrap_or(false);
    if let Some(password) = call.parameters.text("Password")? {
        check_password(password)?;
        new.password = Some(password.to_owned());
    } else if new.role == "USER" {
        return Err(invalid("Password is required."));
    }
    user::put(call.c, &new)?;
    Ok(json!({"UserId": new.id}))
}

pub(super) fn register(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("EntityId")?)?;
    let email = call.parameters.required("Email")?;
    let domain = email.rsplit('@').next().unwrap_or_default();
    if found.state == "DELETED" {
        return Err(ApiError::new("EntityStateException", "The entity is deleted."));
    }
    if found.state == "ENABLED" {
        return Err(ApiError::new("EntityAlreadyRegisteredException", "The entity is already registered."));
    }
    if !call.organization.has_domain(domain) {
        return Err(ApiError::new("MailDomainNotFoundException", "The domain is not part of the organization."));
    }
    let taken = user::by_email(call.c, email)?.or(user::by_alias(call.c, email)?);
    if taken.is_some_and(|other| other.no != found.no) {
        return Err(ApiError::new("EmailAddressInUseException", "The address is in use."));
    }
    user::enable(call.c, User { enabled_ms: None, ..found }, email)?;
    Ok(json!({}))
}

pub(super) fn deregister(call: &Call<'_>) -> Result<Value, ApiError> {
    let mut found = find(call, call.parameters.required("EntityId")?)?;
    if found.state != "ENABLED" {
        return Err(ApiError::new("EntityStateException", "The entity is not registered."));
    }
    found.state = "DISABLED".to_owned();
    found.disabled_ms = Some(clock::now_ms());
    found.deprovisioned_ms = found.disabled_ms;
    user::put(call.c, &found)?;
    Ok(json!({}))
}

pub(super) fn reset_password(call: &Call<'_>) -> Result<Value, ApiError> {
    own_directory(call)?;
    let mut found = find(call, call.parameters.required("UserId")?)?;
    let password = call.parameters.required("Password")?;
    check_password(password)?;
    found.password = Some(password.to_owned());
    user::put(call.c, &found)?;
    Ok(json!({}))
}

pub(super) fn describe(call: &Call<'_>) -> Result<Value, ApiError> {
    let found = find(call, call.parameters.required("UserId")?)?;
    let mut answer = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer.insert(name.to_owned(), value);
        }
    };
    put("UserId", Some(json!(found.id)));
    put("Name", Some(json!(found.name)));
    put("DisplayName", Some(json!(found.display_name)));
    put("Email", found.email.map(Value::from));
    put("State", Some(json!(found.state)));
    put("UserRole", Some(json!(found.role)));
    put("FirstName", found.first_name.map(Value::from));
    put("LastName", found.last_name.map(Value::from));
    put("HiddenFromGlobalAddressList", Some(json!(found.hidden)));
    put("EnabledDate", found.enabled_ms.map(seconds));
    put("DisabledDate", found.disabled_ms.map(seconds));
    put("MailboxProvisionedDate", found.provisioned_ms.map(seconds));
    put("MailboxDeprovisionedDate", found.deprovisioned_ms.map(seconds));
    Ok(Value::Object(answer))
}

pub(super) fn list(call: &Call<'_>) -> Result<Value, ApiError> {
    let filters = call.parameters.get("Filters");
    let filter = |name: &str| filters.and_then(|f| f.get(name)).and_then(Value::as_str).map(str::to_lowercase);
    let (name, display, email, state) =
        (filter("UsernamePrefix"), filter("DisplayNamePrefix"), filter("PrimaryEmailPrefix"), filter("State"));
    let starts =
        |prefix: &Option<String>, text: &str| prefix.as_ref().is_none_or(|p| text.to_lowercase().starts_with(p));
    let rows = user::all(call.c)?
        .into_iter()
        .filter(|u| starts(&name, &u.name) && starts(&display, &u.display_name))
        .filter(|u| starts(&email, u.email.as_deref().unwrap_or_default()))
        .filter(|u| state.as_ref().is_none_or(|s| u.state.eq_ignore_ascii_case(s)))
        .map(|u| {
            let mut row = json!({"Id": u.id, "Name": u.name, "DisplayName": u.display_name, "State": u.state, "UserRole": u.role});
            if let Some(fields) = row.as_object_mut() {
                for (name, value) in [
                    ("Email", u.email.map(Value::from)),
                    ("EnabledDate", u.enabled_ms.map(seconds)),
                    ("DisabledDate", u.disabled_ms.map(seconds)),
                ] {
                    if let Some(value) = value {
                        fields.insert(name.to_owned(), value);
                    }
                }
            }
            row
        })
        .collect();
    page::cut("Users", rows, &call.parameters, call.settings)
}

pub(super) fn delete(call: &Call<'_>) -> Result<Value, ApiError> {
    own_directory(call)?;
    let Some(found) = user::by_entity(call.c, call.parameters.required("UserId")?)? else {
        return Ok(json!({}));
    };
    if found.state == "ENABLED" {
        return Err(ApiError::new("EntityStateException", "The user is registered; deregister it first."));
    }
    user::delete(call.c, found.no)?;
    Ok(json!({}))
}

/// Gives a date as the protocol writes it.
pub(super) fn seconds(millis: i64) -> Value {
    json!(millis.div_euclid(1000))
}

fn own_directory(call: &Call<'_>) -> Result<(), ApiError> {
    if call.organization.is_foreign_directory() {
        return Err(ApiError::new(
            "UnsupportedOperationException",
            "You can't perform this with an AD Connector directory.",
        ));
    }
    Ok(())
}

/// The password policy: 8 to 63 characters, 3 of 5 classes.
fn check_password(password: &str) -> Result<(), ApiError> {
    let classes: [fn(char) -> bool; 5] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() || c == ' ',
        |c| !c.is_ascii(),
    ];
    let used = classes.iter().filter(|class| password.chars().any(class)).count();
    let length = password.chars().count();
    if !(8..=63).contains(&length) || used < 3 {
        return Err(ApiError::new("InvalidPasswordException", "The password does not meet the policy."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_policy_wants_three_classes_and_eight_to_63_characters() {
        for good in ["Abcdefg1", "abc def 1", "Passwort-ä", &format!("Aa1{}", "x".repeat(60))] {
            assert!(check_password(good).is_ok(), "{good}");
        }
        for bad in ["Abcdef1", "abcdefgh1", "ABCDEFGHI", "", &format!("Aa1{}", "x".repeat(61))] {
            assert_eq!(check_password(bad).unwrap_err().code, "InvalidPasswordException", "{bad}");
        }
    }
}

//! The management API: awsJson1.1 operations on the organisation, its users, permissions and roles.

mod entity;
mod error;
mod mailbox;
mod organization;
mod page;
mod parameters;
mod permission;
mod role;
mod user;

use rusqlite::Connection;
use serde_json::Value;

pub use error::ApiError;
use parameters::Parameters;

use crate::knobs::Settings;
use crate::store::organization::{self as organizations, Organization};

/// What an operation has at hand.
struct Call<'a> {
    c: &'a Connection,
    organization: Organization,
    parameters: Parameters<'a>,
    settings: &'a Settings,
}

/// Says whether an operation changes anything.
pub fn writes(operation: &str) -> bool {
    !["Describe", "List", "Get"].iter().any(|reading| operation.starts_with(reading))
}

/// Performs one operation; a connection in a transaction is expected when it writes.
pub fn perform(c: &Connection, operation: &str, parameters: &Value, settings: &Settings) -> Result<Value, ApiError> {
    let parameters = Parameters::new(parameters)?;
    let organization = organizations::get(c)?;
    if operation == "ListOrganizations" {
        return organization::list(organization.as_ref(), &parameters, settings);
    }
    let id = parameters.required("OrganizationId")?;
    let organization = organization.filter(|o| o.id == id).ok_or_else(|| {
        ApiError::new("OrganizationNotFoundException", &format!("The organization {id} was not found."))
    })?;
    let call = Call { c, organization, parameters, settings };
    match operation {
        "DescribeOrganization" => organization::describe(&call),
        "CreateUser" => user::create(&call),
        "RegisterToWorkMail" => user::register(&call),
        "DeregisterFromWorkMail" => user::deregister(&call),
        "ResetPassword" => user::reset_password(&call),
        "DescribeUser" => user::describe(&call),
        "ListUsers" => user::list(&call),
        "DeleteUser" => user::delete(&call),
        "DescribeEntity" => entity::describe(&call),
        "PutMailboxPermissions" => permission::put(&call),
        "ListMailboxPermissions" => permission::list(&call),
        "DeleteMailboxPermissions" => permission::delete(&call),
        "GetMailboxDetails" => mailbox::details(&call),
        "UpdateMailboxQuota" => mailbox::update_quota(&call),
        "GetAccessControlEffect" => mailbox::access_control_effect(&call),
        "CreateImpersonationRole" => role::create(&call),
        "UpdateImpersonationRole" => role::update(&call),
        "DeleteImpersonationRole" => role::delete(&call),
        "GetImpersonationRole" => role::get(&call),
        "ListImpersonationRoles" => role::list(&call),
        "GetImpersonationRoleEffect" => role::effect(&call),
        "AssumeImpersonationRole" => role::assume(&call),
        other => Err(ApiError::new("UnknownOperationException", &format!("{other} is not supported here."))),
    }
}

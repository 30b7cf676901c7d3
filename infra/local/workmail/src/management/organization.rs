//! `DescribeOrganization` and `ListOrganizations`.

use serde_json::{Value, json};

use super::error::ApiError;
use super::parameters::Parameters;
use super::{Call, page};
use crate::knobs::Settings;
use crate::store::organization::Organization;

pub(super) fn describe(call: &Call<'_>) -> Result<Value, ApiError> {
    let o = &call.organization;
    let mut answer = json!({
        "OrganizationId": o.id,
        "Alias": o.alias,
        "State": "Active",
        "DirectoryId": "d-0123456789",
        "DirectoryType": o.directory_type,
        "DefaultMailDomain": o.domain,
        "CompletedDate": 1_700_000_000,
        "ARN": format!("arn:aws:workmail:{}:000000000000:organization/{}", o.region, o.id),
        "InteroperabilityEnabled": false,
    });
    if let (Some(admin), Some(fields)) = (&o.migration_admin, answer.as_object_mut()) {
        let found = crate::store::user::by_entity(call.c, admin)?;
        fields.insert("MigrationAdmin".to_owned(), json!(found.map_or_else(|| admin.clone(), |u| u.id)));
    }
    Ok(answer)
}

pub(super) fn list(
    found: Option<&Organization>,
    parameters: &Parameters<'_>,
    settings: &Settings,
) -> Result<Value, ApiError> {
    let rows = found
        .iter()
        .map(|o| json!({"OrganizationId": o.id, "Alias": o.alias, "DefaultMailDomain": o.domain, "State": "Active"}))
        .collect();
    page::cut("OrganizationSummaries", rows, parameters, settings)
}

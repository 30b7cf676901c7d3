//! The management API: what it keeps, and the modelled errors.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use harness::{ADMIN, ANNA, BEN, StandIn};
use serde_json::{Value, json};

async fn error(server: &StandIn, operation: &str, parameters: Value) -> String {
    let (status, body) = server.manage(operation, parameters).await;
    assert!(status >= 400, "{operation}: {body}");
    assert!(!body["Message"].as_str().unwrap().is_empty());
    body["__type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_created_registered_used_deregistered_and_deleted() {
    let server = StandIn::start().await;
    let (_, made) = server
        .manage("CreateUser", json!({"Name": "cleo", "DisplayName": "Cleo", "Password": "Start-Password-1"}))
        .await;
    let id = made["UserId"].as_str().unwrap();
    let state = async || server.manage("DescribeUser", json!({"UserId": id})).await.1;
    assert_eq!((&state().await["State"], &state().await["MailboxProvisionedDate"]), (&json!("DISABLED"), &Value::Null));
    server.manage("RegisterToWorkMail", json!({"EntityId": id, "Email": "cleo@example.org"})).await;
    assert_eq!(state().await["State"], json!("ENABLED"));
    assert!(state().await["MailboxProvisionedDate"].is_number());
    let auth = harness::basic("cleo@example.org", "Start-Password-1");
    let look = async |auth: &str| {
        server.send(auth, "Exchange2010_SP2", "", &harness::folder_of(None, "inbox")).await.unwrap().status
    };
    assert_eq!(look(&auth).await, 200);
    server.manage("ResetPassword", json!({"UserId": id, "Password": "Other-Password-2"})).await;
    assert_eq!((look(&auth).await, look(&harness::basic("cleo@example.org", "Other-Password-2")).await), (401, 200));
    assert_eq!(error(&server, "DeleteUser", json!({"UserId": id})).await, "EntityStateException");
    server.manage("DeregisterFromWorkMail", json!({"EntityId": id})).await;
    assert_eq!(state().await["State"], json!("DISABLED"));
    server.manage("DeleteUser", json!({"UserId": id})).await;
    assert_eq!(error(&server, "DescribeUser", json!({"UserId": id})).await, "EntityNotFoundException");
}

#[tokio::test]
async fn errors_are_those_of_the_model() {
    let server = StandIn::start().await;
    let user = |name: &str, password: &str| json!({"Name": name, "DisplayName": "X", "Password": password});
    for (operation, parameters, code) in [
        (
            "DescribeOrganization",
            json!({"OrganizationId": "m-00000000000000000000000000000000"}),
            "OrganizationNotFoundException",
        ),
        ("DescribeOrganization", json!({"OrganizationId": "m-1"}), "InvalidParameterException"),
        ("DescribeUser", json!({"UserId": "nobody@example.org"}), "EntityNotFoundException"),
        ("CreateUser", user("anna", "Start-Password-1"), "NameAvailabilityException"),
        ("CreateUser", user("administrator", "Start-Password-1"), "ReservedNameException"),
        ("CreateUser", user("dora", "short"), "InvalidPasswordException"),
        ("CreateUser", user("do ra", "Start-Password-1"), "InvalidParameterException"),
        ("RegisterToWorkMail", json!({"EntityId": "off", "Email": "off@elsewhere.org"}), "MailDomainNotFoundException"),
        ("RegisterToWorkMail", json!({"EntityId": "off", "Email": ANNA}), "EmailAddressInUseException"),
        ("RegisterToWorkMail", json!({"EntityId": ANNA, "Email": ANNA}), "EntityAlreadyRegisteredException"),
        (
            "PutMailboxPermissions",
            json!({"EntityId": "off", "GranteeId": ADMIN, "PermissionValues": ["FULL_ACCESS"]}),
            "EntityStateException",
        ),
        (
            "PutMailboxPermissions",
            json!({"EntityId": ANNA, "GranteeId": ADMIN, "PermissionValues": ["ALL"]}),
            "InvalidParameterException",
        ),
        ("GetImpersonationRole", json!({"ImpersonationRoleId": "nothing"}), "ResourceNotFoundException"),
        ("UpdateMailboxQuota", json!({"UserId": ANNA, "MailboxQuota": 0}), "InvalidParameterException"),
        ("ListUsers", json!({"MaxResults": 101}), "InvalidParameterException"),
        ("Dance", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(error(&server, operation, parameters.clone()).await, code, "{operation} {parameters}");
    }
}

#[tokio::test]
async fn a_directory_elsewhere_refuses_to_be_changed() {
    let server = StandIn::start().await;
    server.control("POST", "seed", json!({"organization": {"directory_type": "ADConnector"}})).await;
    for (operation, parameters) in [
        ("CreateUser", json!({"Name": "cleo", "DisplayName": "Cleo", "Password": "Start-Password-1"})),
        ("ResetPassword", json!({"UserId": "anna", "Password": "Start-Password-1"})),
    ] {
        assert_eq!(error(&server, operation, parameters).await, "UnsupportedOperationException");
    }
}

#[tokio::test]
async fn put_replaces_what_the_grantee_had_and_others_keep_theirs() {
    let server = StandIn::start().await;
    let put = async |grantee: &str, values: Value| {
        server
            .manage(
                "PutMailboxPermissions",
                json!({"EntityId": ANNA, "GranteeId": grantee, "PermissionValues": values}),
            )
            .await
    };
    put(ADMIN, json!(["SEND_AS", "FULL_ACCESS"])).await;
    put(BEN, json!(["SEND_ON_BEHALF"])).await;
    put(ADMIN, json!(["FULL_ACCESS"])).await;
    let (_, listed) = server.manage("ListMailboxPermissions", json!({"EntityId": ANNA})).await;
    let mut values: Vec<String> =
        listed["Permissions"].as_array().unwrap().iter().map(|p| p["PermissionValues"].to_string()).collect();
    values.sort();
    assert_eq!(values, ["[\"FULL_ACCESS\"]", "[\"SEND_ON_BEHALF\"]"]);
    server.manage("DeleteMailboxPermissions", json!({"EntityId": ANNA, "GranteeId": ADMIN})).await;
    assert_eq!(server.control("GET", "permissions", json!(null)).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn users_are_listed_in_pages_and_by_filters() {
    let server = StandIn::start().await;
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let (_, page) = server.manage("ListUsers", json!({"MaxResults": 3, "NextToken": token})).await;
        names.extend(page["Users"].as_array().unwrap().iter().map(|u| u["Name"].as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["anna", "ben", "mover", "off"]);
    for (filter, expected) in [
        (json!({"State": "DISABLED"}), "off"),
        (json!({"UsernamePrefix": "B"}), "ben"),
        (json!({"PrimaryEmailPrefix": "mover@"}), "mover"),
    ] {
        let (_, page) = server.manage("ListUsers", json!({"Filters": filter})).await;
        let found: Vec<_> = page["Users"].as_array().unwrap().iter().map(|u| u["Name"].as_str().unwrap()).collect();
        assert_eq!(found, [expected]);
    }
    assert_eq!(error(&server, "ListUsers", json!({"NextToken": "nonsense"})).await, "InvalidParameterException");
}

#[tokio::test]
async fn size_and_quota_are_told() {
    let server = StandIn::start().await;
    server.manage("UpdateMailboxQuota", json!({"UserId": ANNA, "MailboxQuota": 100})).await;
    server.control("POST", "mailboxes/anna@example.org/fill", json!({"count": 4, "bytes": 524_288})).await;
    let (_, details) = server.manage("GetMailboxDetails", json!({"UserId": ANNA})).await;
    assert_eq!(details["MailboxQuota"], json!(100));
    let size = details["MailboxSize"].as_f64().unwrap();
    assert!((2.0..2.1).contains(&size), "{size}");
}

#[tokio::test]
async fn roles_have_their_limits_and_a_client_token_makes_one_role_only() {
    let server = StandIn::start().await;
    let rule = |n: usize, users: Vec<&str>| json!({"ImpersonationRuleId": format!("r{n}"), "Effect": "ALLOW", "TargetUsers": users});
    let with = |rules: Vec<Value>| json!({"Name": "x", "Type": "FULL_ACCESS", "Rules": rules, "ClientToken": "once"});
    assert_eq!(
        error(&server, "CreateImpersonationRole", with((0..11).map(|n| rule(n, vec![ANNA])).collect())).await,
        "LimitExceededException"
    );
    assert_eq!(
        error(&server, "CreateImpersonationRole", with(vec![rule(0, vec![ANNA; 11])])).await,
        "InvalidParameterException"
    );
    assert_eq!(
        error(&server, "CreateImpersonationRole", with(vec![rule(0, vec!["nobody@example.org"])])).await,
        "EntityNotFoundException"
    );
    let (_, first) = server.manage("CreateImpersonationRole", with(vec![rule(0, vec![ANNA])])).await;
    let (_, second) = server.manage("CreateImpersonationRole", with(vec![rule(0, vec![ANNA])])).await;
    assert_eq!(first, second);
    assert_eq!(server.control("GET", "roles", json!(null)).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn access_control_and_entities_are_described() {
    let server = StandIn::start().await;
    let (_, entity) = server.manage("DescribeEntity", json!({"Email": "an@example.org"})).await;
    let id = entity["EntityId"].as_str().unwrap();
    let effect = async || {
        server
            .manage("GetAccessControlEffect", json!({"IpAddress": "192.0.2.1", "Action": "EWS", "UserId": id}))
            .await
            .1["Effect"]
            .clone()
    };
    assert_eq!(effect().await, json!("ALLOW"));
    server.knobs(json!({"deny_actions": ["EWS"]})).await;
    assert_eq!(effect().await, json!("DENY"));
    let (_, organization) = server.manage("DescribeOrganization", json!({})).await;
    let (_, admin) = server.manage("DescribeUser", json!({"UserId": ADMIN})).await;
    assert_eq!(organization["MigrationAdmin"], admin["UserId"]);
}

#[tokio::test]
async fn calls_are_throttled_and_made_to_fail() {
    let server = StandIn::start().await;
    server.knobs(json!({"throttle_management": 1.0})).await;
    assert_eq!(error(&server, "ListUsers", json!({})).await, "ThrottlingException");
    server.knobs(json!({"throttle_management": null})).await;
    server.rule(json!({"level": "http", "operation": "DescribeUser", "status": 503, "code": "ServiceUnavailable", "count": 1})).await;
    assert_eq!(server.manage("ListUsers", json!({})).await.0, 200);
    let (status, body) = server.manage("DescribeUser", json!({"UserId": ANNA})).await;
    assert_eq!((status, &body["__type"]), (503, &json!("ServiceUnavailable")));
    assert_eq!(server.manage("DescribeUser", json!({"UserId": ANNA})).await.0, 200);
    server.knobs(json!({"page_size_management": 1})).await;
    assert_eq!(server.manage("ListUsers", json!({})).await.1["Users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_without_a_signature_is_refused() {
    let server = StandIn::start().await;
    let request = server.http.post(&server.url).header("x-amz-target", "WorkMailService.ListOrganizations").body("{}");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 403);
}

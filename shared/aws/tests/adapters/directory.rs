//! What the WorkMail API is asked, and what its answers mean.

use crate::server::{Answer, Request, Server};
use mailcrane_aws::{Clients, WorkmailDirectory};
use mailcrane_core::fault::{Fault, Remedy};
use mailcrane_core::ports::directory::{Directory, MailboxInfo, NewUser, UserInfo};
use mailcrane_core::secret::Secret;
use serde_json::{Value, json};

const ORGANIZATION: &str = "m-0123456789abcdef0123456789abcdef";
const ANNA: &str = "S-1-1-11-1111111111-2222222222-3333333333-3333";

fn directory(server: &Server) -> WorkmailDirectory {
    server.clients().directory(ORGANIZATION, None)
}

/// Answers by operation; an operation without an answer is an error of the test.
fn server(answer: impl Fn(&str, &Value) -> Option<Answer> + Send + Sync + 'static) -> Server {
    Server::start(move |request: &Request| {
        let body = request.json();
        assert_eq!(body["OrganizationId"], ORGANIZATION, "{body}");
        answer(request.operation(), &body).unwrap_or_else(|| Answer::error(400, "NotAsTheTestExpects"))
    })
}

fn user() -> Value {
    json!({
        "UserId": ANNA, "Name": "anna", "Email": "anna@example.org", "State": "ENABLED", "UserRole": "USER",
        "EnabledDate": 1_700_000_000, "MailboxProvisionedDate": 1_700_000_000,
    })
}

fn details() -> Answer {
    Answer::ok(json!({ "MailboxQuota": 51200, "MailboxSize": 1.5 }))
}

#[tokio::test]
async fn a_mailbox_is_found_by_its_address_with_quota_and_use_in_octets() {
    let server = server(|operation, body| match operation {
        "DescribeUser" if body["UserId"] == "anna@example.org" => Some(Answer::ok(user())),
        "GetMailboxDetails" if body["UserId"] == ANNA => Some(details()),
        _ => None,
    });
    assert_eq!(
        directory(&server).mailbox("anna@example.org").await.unwrap(),
        MailboxInfo {
            entity: ANNA.to_owned(),
            email: "anna@example.org".to_owned(),
            ready: true,
            quota: Some(51200 << 20),
            used: Some(3 << 19),
        }
    );
}

#[tokio::test]
async fn a_mailbox_that_can_only_be_described_by_id_is_found_in_the_list() {
    let server = server(|operation, body| match operation {
        "DescribeUser" if body["UserId"] == ANNA => Some(Answer::ok(user())),
        "DescribeUser" => Some(Answer::error(400, "EntityNotFoundException")),
        "ListUsers" if body["NextToken"] == "2" => {
            Some(Answer::ok(json!({ "Users": [{ "Id": ANNA, "Email": "anna@example.org" }] })))
        }
        "ListUsers" if body["Filters"]["PrimaryEmailPrefix"] == "Anna@Example.org" => {
            Some(Answer::ok(json!({ "Users": [{ "Id": "x", "Email": "anna@example.org.uk" }], "NextToken": "2" })))
        }
        "GetMailboxDetails" => Some(details()),
        _ => None,
    });
    assert_eq!(directory(&server).mailbox("Anna@Example.org").await.unwrap().entity, ANNA);
}

#[tokio::test]
async fn an_address_that_nobody_has_is_told_as_such() {
    let server = server(|operation, _| match operation {
        "DescribeUser" => Some(Answer::error(400, "EntityNotFoundException")),
        "ListUsers" => Some(Answer::ok(json!({ "Users": [] }))),
        _ => None,
    });
    let fault = directory(&server).mailbox("nobody@example.org").await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.no_such_mailbox", Remedy::GiveUp));
}

#[tokio::test]
async fn a_mailbox_is_not_ready_before_it_is_provisioned_or_when_it_is_disabled() {
    for (field, value) in [("MailboxProvisionedDate", Value::Null), ("State", json!("DISABLED"))] {
        let server = server(move |operation, _| {
            let mut user = user();
            user[field] = value.clone();
            (operation == "DescribeUser").then(|| Answer::ok(user))
        });
        let info = directory(&server).mailbox("anna@example.org").await.unwrap();
        assert!(!info.ready, "{field}");
        assert_eq!(info.quota, None);
    }
}

#[tokio::test]
async fn the_administrator_is_the_configured_one_else_the_organisations() {
    let answer = |operation: &str, body: &Value| match operation {
        "DescribeOrganization" => Some(Answer::ok(json!({ "MigrationAdmin": ANNA }))),
        "DescribeUser" if body["UserId"] == ANNA || body["UserId"] == "admin@example.org" => Some(Answer::ok(user())),
        "GetMailboxDetails" => Some(details()),
        _ => None,
    };
    let of_organisation = server(answer);
    assert_eq!(directory(&of_organisation).administrator().await.unwrap().entity, ANNA);
    let configured = server(answer);
    let directory = configured.clients().directory(ORGANIZATION, Some("admin@example.org".to_owned()));
    directory.administrator().await.unwrap();
    assert_eq!(configured.requests()[0].json()["UserId"], "admin@example.org");
}

#[tokio::test]
async fn an_organisation_without_administrator_is_told_as_such() {
    let server = server(|_, _| Some(Answer::ok(json!({ "OrganizationId": ORGANIZATION }))));
    let fault = directory(&server).administrator().await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.no_administrator", Remedy::GiveUp));
}

#[tokio::test]
async fn permissions_are_those_of_the_grantee_on_whatever_page() {
    let server = server(|operation, body| {
        assert_eq!((operation, &body["EntityId"]), ("ListMailboxPermissions", &json!(ANNA)));
        let permission = |grantee: &str, value: &str| json!({ "GranteeId": grantee, "GranteeType": "USER", "PermissionValues": [value] });
        Some(Answer::ok(if body["NextToken"] == "2" {
            json!({ "Permissions": [permission("admin", "SEND_AS")] })
        } else {
            json!({ "Permissions": [permission("other", "FULL_ACCESS")], "NextToken": "2" })
        }))
    });
    assert_eq!(directory(&server).permissions(ANNA, "admin").await.unwrap(), ["SEND_AS"]);
    assert!(directory(&server).permissions(ANNA, "nobody").await.unwrap().is_empty());
}

#[tokio::test]
async fn permissions_are_put_and_none_at_all_are_deleted() {
    let server = server(|_, _| Some(Answer::ok(json!({}))));
    let directory = directory(&server);
    directory.permit(ANNA, "admin", &["FULL_ACCESS".to_owned(), "SEND_AS".to_owned()]).await.unwrap();
    directory.permit(ANNA, "admin", &[]).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].operation(), "PutMailboxPermissions");
    assert_eq!(
        requests[0].json(),
        json!({
            "OrganizationId": ORGANIZATION, "EntityId": ANNA, "GranteeId": "admin",
            "PermissionValues": ["FULL_ACCESS", "SEND_AS"],
        })
    );
    assert_eq!(requests[1].operation(), "DeleteMailboxPermissions");
    assert_eq!(requests[1].json(), json!({ "OrganizationId": ORGANIZATION, "EntityId": ANNA, "GranteeId": "admin" }));
}

#[tokio::test]
async fn taking_back_from_a_mailbox_that_is_gone_succeeds() {
    let server = server(|_, _| Some(Answer::error(400, "EntityNotFoundException")));
    directory(&server).permit(ANNA, "admin", &[]).await.unwrap();
    let fault = directory(&server).permit(ANNA, "admin", &["FULL_ACCESS".to_owned()]).await.unwrap_err();
    assert_eq!(fault.code, "destination.no_such_mailbox");
}

#[tokio::test]
async fn a_role_names_ten_mailboxes_in_a_rule() {
    let server = server(|_, _| Some(Answer::ok(json!({ "ImpersonationRoleId": "role-1" }))));
    let mailboxes: Vec<String> = (0..11).map(|no| format!("user-{no}")).collect();
    let id = directory(&server).create_role("mailcrane-0123456789", &mailboxes).await.unwrap();
    assert_eq!(id, "role-1");
    let body = server.requests()[0].json();
    assert_eq!((&body["Name"], &body["Type"]), (&json!("mailcrane-0123456789"), &json!("FULL_ACCESS")));
    let rules = body["Rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0]["TargetUsers"].as_array().unwrap().len(), 10);
    assert_eq!(rules[1]["TargetUsers"], json!(["user-10"]));
    assert!(rules.iter().all(|rule| rule["Effect"] == "ALLOW"));
}

#[tokio::test]
async fn a_role_for_all_mailboxes_has_one_rule_without_names() {
    let server = server(|_, _| Some(Answer::ok(json!({ "ImpersonationRoleId": "role-1" }))));
    directory(&server).create_role("mailcrane-0123456789", &[]).await.unwrap();
    let rules = server.requests()[0].json()["Rules"].clone();
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert!(rules[0].get("TargetUsers").is_none(), "{rules}");
}

#[tokio::test]
async fn a_role_is_changed_under_its_id_and_keeps_its_name() {
    let server = server(|_, _| Some(Answer::ok(json!({}))));
    directory(&server).update_role("role-1", "mailcrane-0123456789", &["user-1".to_owned()]).await.unwrap();
    let body = server.requests()[0].json();
    assert_eq!((&body["ImpersonationRoleId"], &body["Name"]), (&json!("role-1"), &json!("mailcrane-0123456789")));
    assert_eq!(body["Rules"][0]["TargetUsers"], json!(["user-1"]));
}

#[tokio::test]
async fn a_role_for_more_than_a_hundred_mailboxes_is_refused_before_it_is_asked_for() {
    let server = server(|_, _| None);
    let mailboxes: Vec<String> = (0..101).map(|no| format!("user-{no}")).collect();
    let fault = directory(&server).create_role("mailcrane-0123456789", &mailboxes).await.unwrap_err();
    assert_eq!(fault.code, "destination.too_many_mailboxes");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn roles_are_found_by_their_whole_name_on_every_page() {
    let server = server(|_, body| {
        let role = |id: &str, name: &str| json!({ "ImpersonationRoleId": id, "Name": name, "Type": "FULL_ACCESS" });
        Some(Answer::ok(if body["NextToken"] == "2" {
            json!({ "Roles": [role("3", "mine")] })
        } else {
            json!({ "Roles": [role("1", "mine"), role("2", "mine too")], "NextToken": "2" })
        }))
    });
    assert_eq!(directory(&server).roles("mine").await.unwrap(), ["1", "3"]);
}

#[tokio::test]
async fn a_role_is_deleted_also_when_it_is_gone() {
    let server = server(|_, _| Some(Answer::error(400, "ResourceNotFoundException")));
    directory(&server).delete_role("role-1").await.unwrap();
    let fault = directory(&server).assume("role-1").await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("destination.no_such_role", Remedy::GiveUp));
}

#[tokio::test]
async fn an_assumed_role_gives_a_token() {
    let server = server(|_, _| Some(Answer::ok(json!({ "Token": "t", "ExpiresIn": 900 }))));
    assert_eq!(directory(&server).assume("role-1").await.unwrap().expose(), "t");
}

async fn check(status: u16, code: &'static str, expected: &str, waits: bool) {
    let server = server(move |_, _| Some(Answer::error(status, code)));
    let fault: Fault = directory(&server).mailbox("anna@example.org").await.unwrap_err();
    assert_eq!(fault.code, expected, "{code}");
    assert_eq!(matches!(fault.remedy, Remedy::RetryAfter(_)), waits, "{code}");
    assert!(!fault.message.contains("anna"), "{fault}");
}

#[tokio::test]
async fn every_error_of_workmail_has_its_code_and_remedy() {
    check(400, "ThrottlingException", "destination.busy", true).await;
    check(400, "TooManyRequestsException", "destination.busy", true).await;
    check(500, "InternalFailure", "destination.unavailable", true).await;
    check(400, "DirectoryUnavailableException", "destination.directory_unavailable", true).await;
    check(400, "AccessDeniedException", "destination.not_permitted", false).await;
    check(400, "ExpiredTokenException", "destination.not_permitted", false).await;
    check(400, "OrganizationNotFoundException", "destination.no_such_organization", false).await;
    check(400, "OrganizationStateException", "destination.organization_not_active", false).await;
    check(400, "EntityStateException", "destination.mailbox_disabled", false).await;
    check(400, "UnsupportedOperationException", "destination.unsupported", false).await;
    check(400, "InvalidParameterException", "destination.refused", false).await;
    check(400, "SomethingNew", "destination.refused", false).await;
}

#[tokio::test]
async fn a_connection_without_an_answer_may_pass() {
    let server = Server::giving(vec![Answer::Hangup]);
    let fault = directory(&server).mailbox("anna@example.org").await.unwrap_err();
    assert_eq!(fault.code, "destination.unavailable");
}

fn new_user() -> NewUser {
    NewUser { name: "anna".to_owned(), display_name: "Anna Berg".to_owned() }
}

#[tokio::test]
async fn a_user_is_created_given_a_mailbox_and_another_password() {
    let server = server(|operation, _| match operation {
        "CreateUser" => Some(Answer::ok(json!({ "UserId": ANNA }))),
        "RegisterToWorkMail" | "ResetPassword" => Some(Answer::ok(json!({}))),
        _ => None,
    });
    let directory = directory(&server);
    assert_eq!(directory.create_user(&new_user(), &Secret::new("Start-1")).await.unwrap(), ANNA);
    directory.register(ANNA, "anna@example.org").await.unwrap();
    directory.reset_password(ANNA, &Secret::new("Other-2")).await.unwrap();
    let sent: Vec<Value> = server.requests().iter().map(Request::json).collect();
    let organization = ORGANIZATION;
    assert_eq!(
        sent,
        [
            json!({ "OrganizationId": organization, "Name": "anna", "DisplayName": "Anna Berg", "Password": "Start-1" }),
            json!({ "OrganizationId": organization, "EntityId": ANNA, "Email": "anna@example.org" }),
            json!({ "OrganizationId": organization, "UserId": ANNA, "Password": "Other-2" }),
        ]
    );
}

#[tokio::test]
async fn a_user_is_found_by_name_with_or_without_a_mailbox() {
    for (state, found) in [("ENABLED", Some(true)), ("DISABLED", Some(false)), ("DELETED", None)] {
        let server = server(move |_, _| {
            let mut user = user();
            user["State"] = json!(state);
            Some(Answer::ok(user))
        });
        let info = directory(&server).user("anna").await.unwrap();
        let email = Some("anna@example.org".to_owned());
        assert_eq!(info, found.map(|enabled| UserInfo { entity: ANNA.to_owned(), email, enabled }), "{state}");
    }
    let nobody = server(|_, _| Some(Answer::error(400, "EntityNotFoundException")));
    assert_eq!(directory(&nobody).user("anna").await.unwrap(), None);
}

#[tokio::test]
async fn a_creation_without_an_answer_is_not_sent_again_by_itself() {
    for answer in [Answer::Hangup, Answer::error(500, "InternalFailure"), Answer::error(400, "ThrottlingException")] {
        let server = Server::giving(vec![answer]);
        let fault = directory(&server).create_user(&new_user(), &Secret::new("Start-1")).await.unwrap_err();
        assert!(matches!(fault.remedy, Remedy::RetryAfter(_)), "{fault:?}");
        assert_eq!(server.requests().len(), 1);
        assert!(!format!("{fault:?}").contains("Start-1"), "{fault:?}");
    }
}

#[tokio::test]
async fn every_error_of_a_creation_has_its_code_and_says_what_to_do() {
    for (code, expected, word) in [
        ("NameAvailabilityException", "destination.user_name_taken", "another user name"),
        ("ReservedNameException", "destination.user_name_reserved", "another user name"),
        ("InvalidPasswordException", "destination.password_refused", "console"),
        ("EmailAddressInUseException", "destination.address_in_use", "console"),
        ("EntityAlreadyRegisteredException", "destination.already_registered", "console"),
        ("MailDomainNotFoundException", "destination.no_such_domain", "verify it"),
        ("MailDomainStateException", "destination.domain_not_verified", "verify it"),
        ("UnsupportedOperationException", "destination.unsupported", "AD Connector"),
        ("AccessDeniedException", "destination.not_permitted", "deploy"),
    ] {
        let server = server(move |_, _| Some(Answer::error(400, code)));
        let directory = directory(&server);
        let faults = [
            directory.create_user(&new_user(), &Secret::new("Start-1")).await.unwrap_err(),
            directory.register(ANNA, "anna@example.org").await.unwrap_err(),
            directory.reset_password(ANNA, &Secret::new("Other-2")).await.unwrap_err(),
        ];
        for fault in faults {
            assert_eq!((fault.code.as_ref(), fault.remedy), (expected, Remedy::GiveUp), "{code}");
            assert!(fault.message.contains(word) && !fault.message.contains("anna"), "{fault}");
        }
    }
}

#[tokio::test]
async fn an_organization_of_another_account_is_managed_with_a_role() {
    let assumed = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                   <AccessKeyId>ASIAOTHER</AccessKeyId><SecretAccessKey>other</SecretAccessKey>\
                   <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                   </AssumeRoleResult></AssumeRoleResponse>";
    let server = Server::start(move |request: &Request| match request.operation() {
        "" => Answer::ok(assumed),
        "DescribeUser" => Answer::ok(user()),
        _ => details(),
    });
    let role = ("arn:aws:iam::210987654321:role/mailcrane".to_owned(), "between-us".to_owned());
    // As the environment gives it: with the machine's clock, which the session's end is compared with.
    let own = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-1"))
        .credentials_provider(server.config().credentials_provider().unwrap())
        .endpoint_url(format!("http://{}", server.address()));
    let clients = Clients::new(own.load().await).with_workmail_role(Some(&role)).await;
    assert!(server.requests().is_empty(), "nothing is asked before the first call");
    let directory = clients.directory(ORGANIZATION, None);
    directory.mailbox("anna@example.org").await.unwrap();
    directory.mailbox("anna@example.org").await.unwrap();
    let requests = server.requests();
    let form = String::from_utf8(requests[0].body.clone()).unwrap();
    assert!(form.contains("Action=AssumeRole") && form.contains("ExternalId=between-us"), "{form}");
    assert!(form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A210987654321%3Arole%2Fmailcrane"), "{form}");
    let signed = |request: &Request| request.headers["authorization"].contains("Credential=ASIAOTHER/");
    assert_eq!(requests.iter().filter(|request| request.operation().is_empty()).count(), 1, "the session is kept");
    assert!(requests.iter().filter(|request| !request.operation().is_empty()).all(signed), "{requests:?}");
}

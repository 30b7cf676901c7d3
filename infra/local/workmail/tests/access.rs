//! The three ways in, and who is kept out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use harness::{ADMIN, ANNA, BEN, StandIn, basic, create, create_in, eventually, folder_of, message};
use serde_json::{Value, json};

fn impersonating(address: &str) -> String {
    format!(
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{address}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
    )
}

async fn role(server: &StandIn, kind: &str, rules: Value) -> String {
    let (status, made) =
        server.manage("CreateImpersonationRole", json!({"Name": "mailcrane", "Type": kind, "Rules": rules})).await;
    assert_eq!(status, 200, "{made}");
    made["ImpersonationRoleId"].as_str().unwrap().to_owned()
}

async fn token(server: &StandIn, role: &str) -> String {
    let (_, assumed) = server.manage("AssumeImpersonationRole", json!({"ImpersonationRoleId": role})).await;
    format!("Bearer {}", assumed["Token"].as_str().unwrap())
}

fn allow_all() -> Value {
    json!([{"ImpersonationRuleId": "all", "Effect": "ALLOW"}])
}

#[tokio::test]
async fn wrong_credentials_get_a_401_that_names_the_realm() {
    let server = StandIn::start().await;
    for auth in [
        basic(ANNA, "wrong"),
        basic("nobody@example.org", harness::PASSWORD),
        "Bearer nonsense".into(),
        "Negotiate abc".into(),
        basic("off@example.org", harness::PASSWORD),
    ] {
        let answer = server.send(&auth, "Exchange2010_SP2", "", &folder_of(None, "inbox")).await.unwrap();
        assert_eq!(
            (answer.status, answer.headers["www-authenticate"].to_str().unwrap()),
            (401, "Basic realm=\"EWS\""),
            "{auth}"
        );
    }
    let without = server.http.post(format!("{}/EWS/Exchange.asmx", server.url)).body("").send().await.unwrap();
    assert_eq!(without.status().as_u16(), 401);
}

#[tokio::test]
async fn an_administrator_needs_a_grant_that_works_and_loses_it_again() {
    let server = StandIn::start().await;
    let look = folder_of(Some(ANNA), "inbox");
    assert_eq!(server.ews(ADMIN, &look).await.plain_codes(), ["ErrorAccessDenied"]);
    let into_anna = format!(
        "<t:DistinguishedFolderId Id=\"inbox\"><t:Mailbox><t:EmailAddress>{ANNA}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>"
    );
    let storing = create_in(&into_anna, &[message(1)]);
    assert_eq!(server.ews(ADMIN, &storing).await.plain_codes(), ["ErrorCreateItemAccessDenied"]);
    let grant = json!({"EntityId": ANNA, "GranteeId": ADMIN, "PermissionValues": ["SEND_AS"]});
    server.manage("PutMailboxPermissions", grant).await;
    assert_eq!(server.ews(ADMIN, &look).await.plain_codes(), ["ErrorAccessDenied"]);
    let grant = json!({"EntityId": ANNA, "GranteeId": ADMIN, "PermissionValues": ["FULL_ACCESS"]});
    server.manage("PutMailboxPermissions", grant.clone()).await;
    let inbox = server.ews(ADMIN, &look).await;
    assert_eq!(inbox.plain_codes(), ["NoError"]);
    let by_id = format!("<t:FolderId Id=\"{}\"/>", inbox.all("FolderId")[0].attribute("Id").unwrap());
    assert_eq!(server.ews(ADMIN, &storing).await.plain_codes(), ["NoError"]);
    assert_eq!(server.ews(ADMIN, &create_in(&by_id, &[message(2)])).await.plain_codes(), ["NoError"]);
    assert_eq!((server.items(ANNA).await.len(), server.items(ADMIN).await.len()), (2, 0));
    assert_eq!(server.log().await.last().unwrap()["way"], json!("administrator"));
    server.manage("DeleteMailboxPermissions", json!({"EntityId": ANNA, "GranteeId": ADMIN})).await;
    assert_eq!(server.ews(ADMIN, &look).await.plain_codes(), ["ErrorAccessDenied"]);
    assert_eq!(
        server.ews(ADMIN, &create_in(&by_id, &[message(3)])).await.plain_codes(),
        ["ErrorCreateItemAccessDenied"]
    );
}

#[tokio::test]
async fn a_grant_takes_its_time_to_work_and_to_stop() {
    let server = StandIn::start().await;
    server.knobs(json!({"permission_delay_s": 1.5})).await;
    let look = folder_of(Some(ANNA), "inbox");
    server
        .manage(
            "PutMailboxPermissions",
            json!({"EntityId": ANNA, "GranteeId": ADMIN, "PermissionValues": ["FULL_ACCESS"]}),
        )
        .await;
    assert_eq!(server.ews(ADMIN, &look).await.plain_codes(), ["ErrorAccessDenied"]);
    assert_eq!(server.control("GET", "permissions", json!(null)).await.as_array().unwrap().len(), 1);
    eventually("the grant", async || server.ews(ADMIN, &look).await.plain_codes() == ["NoError"]).await;
    server.manage("DeleteMailboxPermissions", json!({"EntityId": ANNA, "GranteeId": ADMIN})).await;
    assert_eq!(server.ews(ADMIN, &look).await.plain_codes(), ["NoError"]);
    assert!(server.control("GET", "permissions", json!(null)).await.as_array().unwrap().is_empty());
    eventually("the revocation", async || server.ews(ADMIN, &look).await.plain_codes() == ["ErrorAccessDenied"]).await;
}

#[tokio::test]
async fn mailboxes_are_named_by_their_primary_address_only() {
    let server = StandIn::start().await;
    for (address, code) in [
        ("an@example.org", "ErrorNonPrimarySmtpAddress"),
        ("nobody@example.org", "ErrorNonExistentMailbox"),
        ("off@example.org", "ErrorNonExistentMailbox"),
        (BEN, "ErrorAccessDenied"),
        ("ANNA@Example.org", "NoError"),
    ] {
        assert_eq!(server.ews(ANNA, &folder_of(Some(address), "inbox")).await.plain_codes(), [code], "{address}");
    }
    server.manage("DeregisterFromWorkMail", json!({"EntityId": BEN})).await;
    assert_eq!(server.ews(ANNA, &folder_of(Some(BEN), "inbox")).await.plain_codes(), ["ErrorAccountDisabled"]);
}

#[tokio::test]
async fn a_role_acts_for_whom_its_rules_allow_and_deny_wins() {
    let server = StandIn::start().await;
    let rules = json!([
        {"ImpersonationRuleId": "a", "Effect": "ALLOW", "TargetUsers": [ANNA, BEN]},
        {"ImpersonationRuleId": "d", "Effect": "DENY", "TargetUsers": [BEN]},
    ]);
    let role = role(&server, "FULL_ACCESS", rules).await;
    let bearer = token(&server, &role).await;
    let look = async |address: &str| {
        server.send(&bearer, "Exchange2010_SP2", &impersonating(address), &folder_of(None, "inbox")).await.unwrap()
    };
    assert_eq!(look(ANNA).await.plain_codes(), ["NoError"]);
    assert_eq!((look(BEN).await.status, look(BEN).await.fault().as_str()), (500, "ErrorImpersonateUserDenied"));
    assert_eq!(look(ADMIN).await.fault(), "ErrorImpersonateUserDenied");
    assert_eq!(look("nobody@example.org").await.fault(), "ErrorNonExistentMailbox");
    let stored = server.send(&bearer, "Exchange2010_SP2", &impersonating(ANNA), &create(2)).await.unwrap();
    assert_eq!(stored.plain_codes(), ["NoError", "NoError"]);
    assert_eq!(server.items(ANNA).await.len(), 2);
    let (_, effect) =
        server.manage("GetImpersonationRoleEffect", json!({"ImpersonationRoleId": role, "TargetUser": BEN})).await;
    assert_eq!((&effect["Effect"], &effect["MatchedRules"][0]["ImpersonationRuleId"]), (&json!("DENY"), &json!("d")));
    let alone = server.send(&bearer, "Exchange2010_SP2", "", &folder_of(None, "inbox")).await.unwrap();
    assert_eq!(alone.fault(), "ErrorImpersonateUserDenied");
    let password = server
        .send(&basic(ANNA, harness::PASSWORD), "Exchange2010_SP2", &impersonating(BEN), &folder_of(None, "inbox"))
        .await
        .unwrap();
    assert_eq!(password.fault(), "ErrorImpersonateUserDenied");
}

#[tokio::test]
async fn tokens_end_with_their_time_on_demand_and_with_their_role() {
    let server = StandIn::start().await;
    let role = role(&server, "FULL_ACCESS", allow_all()).await;
    let status = async |bearer: &str| {
        server.send(bearer, "Exchange2010_SP2", &impersonating(ANNA), &folder_of(None, "inbox")).await.unwrap().status
    };
    let first = token(&server, &role).await;
    assert_eq!(status(&first).await, 200);
    server.control("POST", "tokens/expire", json!(null)).await;
    assert_eq!(status(&first).await, 401);
    server.knobs(json!({"token_lifetime_s": 1})).await;
    let (_, assumed) = server.manage("AssumeImpersonationRole", json!({"ImpersonationRoleId": role})).await;
    assert_eq!(assumed["ExpiresIn"], json!(1));
    let short = format!("Bearer {}", assumed["Token"].as_str().unwrap());
    eventually("the end of the token", async || status(&short).await == 401).await;
    server.knobs(json!({"token_lifetime_s": 0})).await;
    assert_eq!(status(&token(&server, &role).await).await, 401);
    server.knobs(json!({"token_lifetime_s": null})).await;
    let last = token(&server, &role).await;
    assert_eq!(status(&last).await, 200);
    server.manage("DeleteImpersonationRole", json!({"ImpersonationRoleId": role})).await;
    assert_eq!(status(&last).await, 401);
}

#[tokio::test]
async fn a_read_only_role_reads_only_and_a_new_role_takes_its_time() {
    let server = StandIn::start().await;
    let bearer = token(&server, &role(&server, "READ_ONLY", allow_all()).await).await;
    let read = server.send(&bearer, "Exchange2010_SP2", &impersonating(ANNA), &folder_of(None, "inbox")).await.unwrap();
    assert_eq!(read.plain_codes(), ["NoError"]);
    let write = server.send(&bearer, "Exchange2010_SP2", &impersonating(ANNA), &create(2)).await.unwrap();
    assert_eq!(write.plain_codes(), ["ErrorAccessDenied"; 2]);
    assert!(server.items(ANNA).await.is_empty());
    server.knobs(json!({"permission_delay_s": 1.0})).await;
    let bearer = token(&server, &role(&server, "FULL_ACCESS", allow_all()).await).await;
    let look = async || {
        server.send(&bearer, "Exchange2010_SP2", &impersonating(ANNA), &folder_of(None, "inbox")).await.unwrap().status
    };
    assert_eq!(look().await, 500);
    eventually("the role", async || look().await == 200).await;
}

#[tokio::test]
async fn identities_of_one_mailbox_open_nothing_to_another_user() {
    let server = StandIn::start().await;
    let id = server.ews(ANNA, &create(1)).await.all("ItemId");
    let wanted = harness::get(&id, "<t:IncludeMimeContent>true</t:IncludeMimeContent>");
    assert_eq!(server.ews(BEN, &wanted).await.plain_codes(), ["ErrorAccessDenied"]);
    assert_eq!(
        server.ews(ANNA, &wanted.replace(id[0].attribute("Id").unwrap(), "AAAA")).await.plain_codes(),
        ["ErrorInvalidIdMalformed"]
    );
}

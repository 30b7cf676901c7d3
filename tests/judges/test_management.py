"""boto3 drives every management call that Mailcrane uses."""

import pytest
from botocore.exceptions import ClientError
from conftest import ANNA, BEN, MOVER, ORGANIZATION


def code(call, *arguments, **parameters):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value.response["Error"]["Code"]


def test_the_organisation_is_found_and_described(stand_in):
    found = stand_in.workmail.list_organizations()["OrganizationSummaries"]
    assert [o["OrganizationId"] for o in found] == [ORGANIZATION]
    described = stand_in.call("describe_organization")
    mover = stand_in.call("describe_user", UserId=MOVER)
    assert described["MigrationAdmin"] == mover["UserId"]
    assert described["DefaultMailDomain"] == "example.org" and described["State"] == "Active"


def test_users_are_listed_in_pages_by_the_paginator(stand_in):
    pages = stand_in.workmail.get_paginator("list_users").paginate(
        OrganizationId=ORGANIZATION, PaginationConfig={"PageSize": 2}
    )
    sizes, names = [], []
    for page in pages:
        sizes.append(len(page["Users"]))
        names += [user["Name"] for user in page["Users"]]
    assert sizes == [2, 1] and names == ["anna", "ben", "mover"]
    filtered = stand_in.call("list_users", Filters={"PrimaryEmailPrefix": "ben@", "State": "ENABLED"})["Users"]
    assert [user["Email"] for user in filtered] == [BEN]


def test_a_mailbox_is_created_used_and_removed(stand_in):
    user = stand_in.call("create_user", Name="cleo", DisplayName="Cleo", Password="Start-Password-1")["UserId"]
    assert "MailboxProvisionedDate" not in stand_in.call("describe_user", UserId=user)
    stand_in.call("register_to_work_mail", EntityId=user, Email="cleo@example.org")
    described = stand_in.call("describe_user", UserId="cleo@example.org")
    assert described["State"] == "ENABLED" and described["MailboxProvisionedDate"].year >= 2024
    stand_in.call("reset_password", UserId=user, Password="Other-Password-2")
    assert stand_in.call("describe_entity", Email="cleo@example.org")["EntityId"] == user
    stand_in.call("deregister_from_work_mail", EntityId=user)
    assert stand_in.call("describe_user", UserId=user)["State"] == "DISABLED"
    stand_in.call("delete_user", UserId=user)
    assert code(stand_in.call, "describe_user", UserId=user) == "EntityNotFoundException"


def test_modelled_errors_become_exceptions_of_their_name(stand_in):
    errors = stand_in.workmail.exceptions
    with pytest.raises(errors.EntityNotFoundException):
        stand_in.call("describe_user", UserId="nobody@example.org")
    with pytest.raises(errors.NameAvailabilityException):
        stand_in.call("create_user", Name="anna", DisplayName="A", Password="Start-Password-1")
    with pytest.raises(errors.InvalidPasswordException):
        stand_in.call("create_user", Name="dora", DisplayName="D", Password="dddddddd")
    with pytest.raises(errors.EntityAlreadyRegisteredException):
        stand_in.call("register_to_work_mail", EntityId=ANNA, Email=ANNA)
    with pytest.raises(errors.OrganizationNotFoundException):
        stand_in.workmail.describe_organization(OrganizationId="m-" + "0" * 32)
    with pytest.raises(errors.ResourceNotFoundException):
        stand_in.call("assume_impersonation_role", ImpersonationRoleId="nothing")


def test_a_creation_is_refused_for_each_of_its_reasons(stand_in):
    create = lambda name, password="Start-Password-1": stand_in.call("create_user", Name=name, DisplayName="E", Password=password)
    user = create("eve")["UserId"]
    found = stand_in.call("describe_user", UserId="eve")
    assert (found["UserId"], found["State"], found.get("Email")) == (user, "DISABLED", None), "by name, before there is a mailbox"
    assert code(create, "eve") == "NameAvailabilityException"
    assert code(create, "administrator") == "ReservedNameException"
    assert code(create, "eva", "a" * 64) == code(create, "eva", "aB-4567") == "InvalidPasswordException"
    register = lambda email: stand_in.call("register_to_work_mail", EntityId=user, Email=email)
    assert code(register, "eve@example.com") == "MailDomainNotFoundException"
    assert code(register, ANNA) == "EmailAddressInUseException"
    register("eve@example.org")
    assert code(register, "eve@example.org") == "EntityAlreadyRegisteredException"
    reset = lambda password: stand_in.call("reset_password", UserId=user, Password=password)
    assert code(reset, "short") == "InvalidPasswordException"
    reset("Other-Password-2")
    assert stand_in.account("eve@example.org", password="Other-Password-2").inbox.total_count == 0
    with pytest.raises(Exception, match="[Uu]nauthorized|[Cc]redentials"):
        _ = stand_in.account("eve@example.org", password="Start-Password-1").inbox.total_count
    stand_in.call("deregister_from_work_mail", EntityId=user)
    stand_in.call("delete_user", UserId=user)


def test_an_active_directory_makes_its_users_itself(stand_in):
    organization = {"id": ORGANIZATION, "migration_admin": MOVER}
    stand_in.control("POST", "seed", {"organization": {**organization, "directory_type": "ADConnector"}})
    try:
        assert code(stand_in.call, "create_user", Name="fay", DisplayName="F", Password="Start-Password-1") == "UnsupportedOperationException"
        assert code(stand_in.call, "reset_password", UserId=BEN, Password="Start-Password-1") == "UnsupportedOperationException"
    finally:
        stand_in.control("POST", "seed", {"organization": {**organization, "directory_type": "VpcDirectory"}})


def test_permissions_are_put_listed_and_deleted(stand_in):
    mover = stand_in.call("describe_user", UserId=MOVER)["UserId"]
    stand_in.call("put_mailbox_permissions", EntityId=ANNA, GranteeId=MOVER, PermissionValues=["SEND_AS"])
    stand_in.call("put_mailbox_permissions", EntityId=ANNA, GranteeId=mover, PermissionValues=["FULL_ACCESS"])
    listed = stand_in.call("list_mailbox_permissions", EntityId=ANNA)["Permissions"]
    assert listed == [{"GranteeId": mover, "GranteeType": "USER", "PermissionValues": ["FULL_ACCESS"]}]
    stand_in.call("delete_mailbox_permissions", EntityId=ANNA, GranteeId=mover)
    assert stand_in.call("list_mailbox_permissions", EntityId=ANNA)["Permissions"] == []


def test_size_quota_and_access_are_told(stand_in):
    stand_in.call("update_mailbox_quota", UserId=BEN, MailboxQuota=1000)
    stand_in.control("POST", f"mailboxes/{BEN}/fill", {"count": 2, "bytes": 1 << 20})
    details = stand_in.call("get_mailbox_details", UserId=BEN)
    assert details["MailboxQuota"] == 1000 and 2.0 <= details["MailboxSize"] < 2.1
    ben = stand_in.call("describe_user", UserId=BEN)["UserId"]
    effect = stand_in.call("get_access_control_effect", IpAddress="192.0.2.7", Action="EWS", UserId=ben)
    assert effect["Effect"] == "ALLOW"


def test_roles_are_created_listed_judged_and_assumed(stand_in):
    anna, ben = (stand_in.call("describe_user", UserId=u)["UserId"] for u in (ANNA, BEN))
    rules = [
        {"ImpersonationRuleId": "allow", "Name": "allow", "Effect": "ALLOW", "TargetUsers": [anna, ben]},
        {"ImpersonationRuleId": "deny", "Name": "deny", "Effect": "DENY", "TargetUsers": [ben]},
    ]
    role = stand_in.call("create_impersonation_role", Name="mailcrane", Type="FULL_ACCESS", Rules=rules)
    role = role["ImpersonationRoleId"]
    assert stand_in.call("get_impersonation_role", ImpersonationRoleId=role)["Rules"] == rules
    assert [r["Name"] for r in stand_in.call("list_impersonation_roles")["Roles"]] == ["mailcrane"]
    effect = lambda user: stand_in.call("get_impersonation_role_effect", ImpersonationRoleId=role, TargetUser=user)
    assert (effect(anna)["Effect"], effect(ben)["Effect"]) == ("ALLOW", "DENY")
    assert [r["ImpersonationRuleId"] for r in effect(ben)["MatchedRules"]] == ["deny"]
    stand_in.call(
        "update_impersonation_role", ImpersonationRoleId=role, Name="other", Type="READ_ONLY", Rules=rules[:1]
    )
    assert effect(ben)["Effect"] == "ALLOW" and effect(ben)["Type"] == "READ_ONLY"
    assumed = stand_in.call("assume_impersonation_role", ImpersonationRoleId=role)
    assert assumed["ExpiresIn"] == 900 and len(assumed["Token"]) >= 32
    stand_in.call("delete_impersonation_role", ImpersonationRoleId=role)
    assert stand_in.call("list_impersonation_roles")["Roles"] == []


def test_throttling_is_retried_by_the_client(stand_in):
    rule = {"level": "http", "operation": "ListUsers", "status": 400, "code": "ThrottlingException", "count": 2}
    stand_in.control("DELETE", "log")
    stand_in.control("POST", "rules", rule)
    assert len(stand_in.call("list_users")["Users"]) == 3
    outcomes = [entry["outcome"] for entry in stand_in.control("GET", "log")]
    assert outcomes == ["error:ThrottlingException", "error:ThrottlingException", "ok"]

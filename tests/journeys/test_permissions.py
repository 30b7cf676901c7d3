"""Whatever becomes of a migration, WorkMail holds no permission of ours afterwards, and those of others are as before."""

import threading

import boto3
import pytest
from rig import cast, chaos
from rig.client import watch
from rig.standin import ADMINISTRATOR, ORGANIZATION

LIMIT = 120
WAYS = ["administrator", "impersonation"]


@pytest.fixture
def workmail(local):
    return boto3.client("workmail", endpoint_url=local.standin.url, region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test")


def grants(workmail, mailbox):
    listed = workmail.list_mailbox_permissions(OrganizationId=ORGANIZATION, EntityId=mailbox)["Permissions"]
    return sorted((one["GranteeId"], sorted(one["PermissionValues"])) for one in listed)


def roles(workmail):
    return sorted(role["Name"] for role in workmail.list_impersonation_roles(OrganizationId=ORGANIZATION)["Roles"])


def begin(local, client, workmail, name, access, count=60):
    """Makes an account whose mailbox others may use already, and a foreign role; then a migration into it."""
    player = cast.add(local, name, lambda writer: writer.small(count), seed=71)
    other = f"{name}-other@example.org"
    local.standin.add(other, "Other-Password-1")
    for grantee, values in ((ADMINISTRATOR, ["SEND_AS"]), (other, ["FULL_ACCESS", "SEND_ON_BEHALF"])):
        workmail.put_mailbox_permissions(
            OrganizationId=ORGANIZATION, EntityId=player.mailbox, GranteeId=grantee, PermissionValues=values)
    foreign = workmail.create_impersonation_role(
        OrganizationId=ORGANIZATION, Name=f"{name}-foreign", Type="READ_ONLY",
        Rules=[{"ImpersonationRuleId": "all", "Name": "all", "Effect": "ALLOW"}])["ImpersonationRoleId"]
    before = grants(workmail, player.mailbox), roles(workmail)
    made = client.create(cast.order(local, [player.account()], access=access))
    return player, made, before, foreign


@pytest.mark.parametrize("access", WAYS)
@pytest.mark.parametrize("end", ["finished", "cancelled", "erased", "failed"])
def test_after_a_migration_that_is(local, client, workmail, access, end):
    name = f"grant-{access[:5]}-{end}"
    player, made, before, foreign = begin(local, client, workmail, name, access, 600 if end == "cancelled" else 60)
    one = f"migrations/{made['id']}"
    try:
        if end == "failed":
            local.standin.call("POST", "rules", {
                "mailbox": player.mailbox, "operation": "CreateItem", "level": "item", "code": "ErrorQuotaExceeded"})
        client.call("POST", f"{one}/start", {"at": "now"})
        opened = cast.settled(lambda: (grants(workmail, player.mailbox), roles(workmail)) == before, LIMIT)
        assert not opened, "nothing was opened for the migration"
        if end == "cancelled":
            client.call("POST", f"{one}/cancel")
        watch(client, made["id"], limit=LIMIT)
        if end != "erased":
            still = lambda: not all(p.get("revoked") for p in client.call("GET", f"{one}/permissions")["permissions"])
            assert not cast.settled(still, 30)
            told = client.call("GET", f"{one}/permissions")["permissions"]
            assert len(told) == 1 and told[0]["mailboxes"] == [player.mailbox] and not told[0]["every_mailbox"], told
            assert told[0]["granted"] <= told[0]["revoked"]
        else:
            client.call("DELETE", one)
        left = lambda: (grants(workmail, player.mailbox), roles(workmail)) != before
        assert not cast.settled(left, 30), (grants(workmail, player.mailbox), roles(workmail), before)
    finally:
        workmail.delete_impersonation_role(OrganizationId=ORGANIZATION, ImpersonationRoleId=foreign)


class Killers:
    """Kill the processes of some functions, each after so many seconds again, until they are told to end; count them."""

    def __init__(self, local, functions):
        self.killed = {function: 0 for function in functions}
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(local, *each), daemon=True) for each in functions.items()]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, local, function, seconds):
        while not self._end.wait(seconds):
            self.killed[function] += bool(chaos.kill_one(local.keeper.group, local.deployed.function(function)))


@pytest.mark.parametrize("access", WAYS)
@pytest.mark.parametrize("end", ["erased", "abandoned"])
def test_after_a_migration_whose_processes_were_killed_and_that_is(local, client, workmail, access, end):
    """Killed are those that copy, those that grant and those that take back; nobody is left who remembers."""
    name = f"crash-{access[:5]}-{end}"
    player, made, before, foreign = begin(local, client, workmail, name, access, 900)
    one = f"migrations/{made['id']}"
    now = lambda: (grants(workmail, player.mailbox), roles(workmail))
    try:
        # The first request of the copy is slow, so that there is somebody to kill.
        local.standin.call("PUT", f"knobs/{player.mailbox}", {"latency_ms": 150})
        client.call("POST", f"{one}/start", {"at": "now"})
        assert not cast.settled(lambda: now() == before, LIMIT), "nothing was opened for the migration"
        with Killers(local, {"migrate-chunk": 0.5, "check": 2.5}) as killers:
            assert not cast.settled(lambda: killers.killed["migrate-chunk"] < 5, LIMIT), killers.killed
            assert client.migration(made["id"])["state"] == "running" and now() != before
            busy = local.standin.call("POST", "rules", {
                "operation": ["PutMailboxPermissions", "DeleteImpersonationRole"], "level": "http", "status": 400,
                "code": "ThrottlingException"})["id"]
            if end == "erased":
                client.call("POST", f"{one}/cancel")
                assert not cast.settled(lambda: client.migration(made["id"])["state"] == "cancelling", LIMIT)
                client.call("DELETE", one)
        # Nobody asks for anything any more. Whoever takes back finds WorkMail busy, and is killed.
        struck = lambda: next(rule["applied"] for rule in local.standin.call("GET", "rules") if rule["id"] == busy)
        assert not cast.settled(lambda: not struck(), LIMIT), "nobody tried to take back"
        with Killers(local, {"sweep": 1.0}) as killers:
            assert not cast.settled(lambda: not killers.killed["sweep"], LIMIT), "nobody of those who take back was killed"
            assert now() != before
            local.standin.call("DELETE", f"rules/{busy}")
            left = cast.settled(lambda: now() != before, LIMIT)
        if left:
            left = cast.settled(lambda: now() != before, LIMIT)
        assert not left, (now(), before, client.migration(made["id"])["state"])
    finally:
        local.standin.call("DELETE", "rules")
        workmail.delete_impersonation_role(OrganizationId=ORGANIZATION, ImpersonationRoleId=foreign)


@pytest.mark.parametrize("access", WAYS)
def test_a_role_or_permission_opens_no_mailbox_of_somebody_else(local, client, workmail, access):
    stranger = f"stranger-{access}@example.org"
    local.standin.add(stranger, "Stranger-Password-1")
    player, made, _, foreign = begin(local, client, workmail, f"narrow-{access[:5]}", access)
    workmail.delete_impersonation_role(OrganizationId=ORGANIZATION, ImpersonationRoleId=foreign)
    user = workmail.describe_user(OrganizationId=ORGANIZATION, UserId=stranger)["UserId"]
    mine = workmail.describe_user(OrganizationId=ORGANIZATION, UserId=player.mailbox)["UserId"]
    told = lambda: client.call("GET", f"migrations/{made['id']}/permissions")["permissions"]
    assert not cast.settled(lambda: not told(), LIMIT)
    assert grants(workmail, stranger) == []
    if access == "impersonation":
        name = f"mailcrane-{made['id']}"
        cast.settled(lambda: name not in roles(workmail))
        role = next(r for r in workmail.list_impersonation_roles(OrganizationId=ORGANIZATION)["Roles"] if r["Name"] == name)
        effect = lambda who: workmail.get_impersonation_role_effect(
            OrganizationId=ORGANIZATION, ImpersonationRoleId=role["ImpersonationRoleId"], TargetUser=who)["Effect"]
        assert (effect(mine), effect(user)) == ("ALLOW", "DENY")
    client.call("POST", f"migrations/{made['id']}/cancel")
    client.call("DELETE", f"migrations/{made['id']}")

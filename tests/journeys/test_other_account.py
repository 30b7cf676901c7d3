"""WorkMail of another AWS account is managed through a role there: every call, with a session of that role."""

import boto3
import pytest
from rig import cast
from rig.client import Client, watch
from rig.emulator import REGION
from rig.stack import stack

from . import compare

LIMIT = 120
ROLE = "arn:aws:iam::210987654321:role/mailcrane"


@pytest.fixture(scope="module")
def apart():
    """A stack of its own, whose organization belongs to another account."""
    parameters = {"WorkMailRoleArn": ROLE, "WorkMailExternalId": "between-us"}
    with stack("other-account", time_scale=0.05, chunk_seconds=2, parameters=parameters) as started:
        yield started


def who(local, key):
    """Asks AWS whose session an access key belongs to."""
    sts = boto3.client("sts", endpoint_url=local.emulator.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key="any")
    return sts.get_caller_identity()


@pytest.mark.parametrize("access", ["administrator", "impersonation"])
def test_every_call_is_made_with_a_session_of_that_role(apart, access):
    player = cast.homeless(apart, f"apart-{access[:5]}", lambda writer: writer.small(20), seed=5)
    client = Client(apart.url, apart.operator_key)
    made = client.create(cast.order(apart, [player.account()], access=access))
    told = client.call("POST", f"migrations/{made['id']}/mailboxes", {"mailboxes": [{"account": 0}]}, key=True)["mailboxes"][0]
    assert told["state"] == "created", told
    assert not cast.settled(lambda: client.call("GET", f"migrations/{made['id']}/accounts/0")["state"] != "ready", LIMIT)
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    of = compare.source("127.0.0.1", apart.imapd.plain, player.source, player.source_password)
    assert compare.differences(of, compare.destination(apart.standin.ews, player.mailbox, told["temporary_password"])) == []
    assert cast.settled(lambda: cast.granted(apart, player.mailbox) + apart.standin.call("GET", "roles")) == []
    calls = [entry for entry in apart.standin.call("GET", "log?limit=100000") if entry["api"] == "management"]
    operations = {entry["operation"] for entry in calls}
    assert {"CreateUser", "RegisterToWorkMail", "DescribeUser"} <= operations, operations
    assert {"PutMailboxPermissions", "DeleteMailboxPermissions"} <= operations or {"CreateImpersonationRole", "DeleteImpersonationRole"} <= operations
    sessions = {key: who(apart, key) for key in {entry["principal"] for entry in calls}}
    assert {one["Account"] for one in sessions.values()} == {"210987654321"}, sessions
    assert all(":assumed-role/mailcrane/" in one["Arn"] for one in sessions.values()), sessions

"""The operator has missing mailboxes created: told once, signed in with, moved into; refused in words that name the account."""

import boto3
import pytest
import requests
from rig import cast
from rig.client import Refused, watch
from rig.standin import ORGANIZATION

from . import compare

LIMIT = 120


@pytest.fixture
def workmail(local):
    return boto3.client("workmail", endpoint_url=local.standin.url, region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test")


def state(client, made, number=0):
    return client.call("GET", f"migrations/{made['id']}/accounts/{number}")


def refused(client, made, code="destination.no_such_mailbox", number=0):
    """Waits until the check has failed for that reason."""
    assert not cast.settled(lambda: state(client, made, number).get("error_code") != code, LIMIT), state(client, made, number)


def opens(local, player, password):
    """Tells whether an independent client opens the mailbox with that password."""
    try:
        compare.destination(local.standin.ews, player.mailbox, password)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("access", ["administrator", "impersonation"])
def test_a_mailbox_that_is_created_is_moved_into(local, client, workmail, access):
    player = cast.homeless(local, f"newcomer-{access[:5]}", lambda writer: writer.mixed(40, oddities=False), seed=91)
    made = client.create(cast.order(local, [player.account()], access=access))
    refused(client, made)
    wanted = {"mailboxes": [{"account": 0, "display_name": "New Comer"}]}
    told = client.call("POST", f"migrations/{made['id']}/mailboxes", wanted, key=True)["mailboxes"][0]
    assert (told["state"], told["account"], told["mailbox"]) == ("created", 0, player.mailbox), told
    user = workmail.describe_user(OrganizationId=ORGANIZATION, UserId=player.mailbox)
    assert (user["Name"], user["DisplayName"], user["State"]) == (told["user"], "New Comer", "ENABLED")
    assert not cast.settled(lambda: state(client, made)["state"] in ("check_failed", "waiting", "checking"), LIMIT), "it is checked again by itself"
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"].startswith("finished")
    of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
    assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, told["temporary_password"])) == []


def test_the_password_is_told_once_and_reset_for_our_own_users_alone(local, client):
    ours = cast.homeless(local, "told-once", lambda writer: writer.small(2))
    theirs = cast.add(local, "told-never", lambda writer: writer.small(2))
    made = client.create(cast.order(local, [ours.account(), theirs.account()]))
    path, both = f"migrations/{made['id']}/mailboxes", {"mailboxes": [{"account": 0}, {"account": 1}]}
    first = client.call("POST", path, both, key=True)["mailboxes"]
    assert [one["state"] for one in first] == ["created", "exists"] and "temporary_password" not in first[1], first
    again = client.call("POST", path, both, key=True)["mailboxes"]
    assert [one["state"] for one in again] == ["created_before", "exists"]
    assert not [one for one in again if "temporary_password" in one]
    assert opens(local, ours, first[0]["temporary_password"])
    reset = client.call("POST", path, {**both, "reset": True}, key=True)["mailboxes"]
    assert (reset[0]["state"], reset[1]["state"], reset[1]["error_code"]) == ("reset", "failed", "mailbox.not_ours"), reset
    assert opens(local, ours, reset[0]["temporary_password"]) and not opens(local, ours, first[0]["temporary_password"])
    assert opens(local, theirs, theirs.password), "nobody touched the password of somebody else's user"


def test_nobody_but_the_operator_creates_one(local, client, workmail):
    player = cast.homeless(local, "not-for-you", lambda writer: writer.small(2))
    made = client.create(cast.order(local, [player.account()]))
    with pytest.raises(Refused) as refusal:
        client.call("POST", f"migrations/{made['id']}/mailboxes", {"mailboxes": [{"account": 0}]})
    assert refusal.value.status == 403
    users = workmail.list_users(OrganizationId=ORGANIZATION)["Users"]
    assert player.mailbox not in [user.get("Email") for user in users]


@pytest.mark.parametrize(("operation", "code", "expected", "word"), [
    ("CreateUser", "ReservedNameException", "destination.user_name_reserved", "another user name"),
    ("CreateUser", "UnsupportedOperationException", "destination.unsupported", "create the user there"),
    ("CreateUser", "InvalidPasswordException", "destination.password_refused", "console"),
    ("RegisterToWorkMail", "MailDomainNotFoundException", "destination.no_such_domain", "verify it"),
    ("RegisterToWorkMail", "EmailAddressInUseException", "destination.address_in_use", "console"),
    ("RegisterToWorkMail", "MailDomainStateException", "destination.domain_not_verified", "verify it"),
    ("CreateUser", "ThrottlingException", "destination.busy", "slow down"),
])
def test_each_refusal_is_told_in_plain_words_and_passes_once_it_is_mended(local, client, operation, code, expected, word):
    player = cast.homeless(local, f"refused-{code.lower()}", lambda writer: writer.small(2))
    made = client.create(cast.order(local, [player.account()]))
    rule = local.standin.call("POST", "rules", {"level": "http", "operation": operation, "status": 400, "code": code})
    path, body = f"migrations/{made['id']}/mailboxes", {"mailboxes": [{"account": 0}]}
    told = client.call("POST", path, body, key=True)["mailboxes"][0]
    assert (told["account"], told["mailbox"], told["error_code"]) == (0, player.mailbox, expected), told
    assert told["state"] in ("failed", "unfinished") and word in told["error"] and "temporary_password" not in told
    local.standin.call("DELETE", f"rules/{rule['id']}")
    told = client.call("POST", path, body, key=True)["mailboxes"][0]
    assert told["state"] == "created" and opens(local, player, told["temporary_password"]), told


def test_one_refusal_does_not_stop_the_others_and_no_proxy_keeps_the_answer(local, client):
    first = cast.homeless(local, "list-first", lambda writer: writer.small(1))
    second = cast.homeless(local, "list-second", lambda writer: writer.small(1))
    made = client.create(cast.order(local, [first.account(), second.account()]))
    local.standin.call("POST", "rules", {"level": "http", "operation": "CreateUser", "status": 400, "code": "ReservedNameException", "count": 1})
    answer = requests.post(f"{local.url}/v1/migrations/{made['id']}/mailboxes", json={"mailboxes": [{"account": 0}, {"account": 1}]},
                           headers={"Authorization": f"Bearer {local.operator_key}"}, timeout=60)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert [one["state"] for one in answer.json()["mailboxes"]] == ["failed", "created"], answer.text

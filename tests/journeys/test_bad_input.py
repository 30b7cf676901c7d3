"""Bad input gets a problem that names the field and the remedy, and changes nothing."""

import time

import pytest
import requests
from rig import cast
from rig.client import Client
from rig.ports import free


def post(local, body, **headers):
    given = {"Authorization": f"Bearer {local.operator_key}", "Content-Type": "application/json", "Idempotency-Key": f"k{time.time_ns()}", **headers}
    return requests.post(f"{local.url}/v1/migrations", data=body if isinstance(body, (str, bytes)) else None,
                         json=None if isinstance(body, (str, bytes)) else body, headers=given, timeout=30)


def a_good_order(local):
    return cast.order(local, [{"source": {"user": "u@example.net", "password": "p"}, "destination": {"mailbox": "u@example.org"}}])


def rows(local):
    """Counts the migrations and accounts in the main table; what runs meanwhile for other tests adds none of them."""
    scan = local.emulator.client("dynamodb").get_paginator("scan")
    items = (i for page in scan.paginate(TableName=local.deployed.outputs["MainTableName"]) for i in page["Items"])
    return sum(1 for item in items if item["pk"]["S"].startswith("M#") and (item["sk"]["S"] == "MIGRATION" or item["sk"]["S"].startswith("A#")))


def change(path, value):
    def apply(order):
        at = order
        for step in path[:-1]:
            at = at[step]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
        return order
    return apply


@pytest.mark.parametrize(("path", "value", "named"), [
    (("source", "host"), None, "source.host"),
    (("source", "host"), "not a host!", "source.host"),
    (("source", "port"), 0, "source.port"),
    (("source", "security"), "maybe", "source.security"),
    (("destination", "access"), "somehow", "destination.access"),
    (("accounts",), "anna", "accounts"),
    (("surprise",), 1, "surprise"),
    (("accounts", 0, "destination", "mailbox"), "no address", "accounts.0.destination.mailbox"),
    (("accounts", 0, "source", "user"), "", "accounts.0.source.user"),
    (("notify",), ["no address"], "notify"),
])
def test_a_wrong_field_is_named_and_nothing_is_stored(local, path, value, named):
    before = rows(local)
    answer = post(local, change(path, value)(a_good_order(local)))
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == answer.status_code and problem["title"]
    assert any(named in str(value) for value in problem.values()), answer.text
    assert rows(local) == before


@pytest.mark.parametrize("body", ["{", "", "[]", "null", "\xff\xfe", '{"name": 1}'])
def test_malformed_json_is_refused_as_such(local, body):
    before = rows(local)
    answer = post(local, body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert rows(local) == before


def checked(local, order):
    """Creates a migration, waits until its checks have ended, and returns its account."""
    client = Client(local.url, local.operator_key)
    made = client.create(order)
    for _ in range(120):
        account = next(iter(client.rows(f"migrations/{made['id']}/accounts")))
        if account["state"] not in ("waiting", "checking"):
            return account, client, made
        time.sleep(0.25)
    raise AssertionError(f"still {account['state']}")


def test_a_wrong_source_password_fails_the_check_and_says_so(local):
    player = cast.add(local, "wrongpass", lambda writer: writer.small(3))
    account, _, _ = checked(local, cast.order(local, [{**player.account(), "source": {"user": player.source, "password": "wrong"}}]))
    assert account["state"] == "check_failed"
    assert "password" in str(account).lower()
    assert player.untouched()
    assert "wrong" not in [str(v) for v in account.values()]


def test_an_unknown_host_fails_the_check_and_says_so(local):
    player = cast.add(local, "nohost", lambda writer: writer.small(3))
    order = cast.order(local, [player.account()])
    order["source"]["host"] = "mail.invalid"
    account, _, _ = checked(local, order)
    assert account["state"] == "check_failed"
    assert "mail.invalid" in str(account) or "host" in str(account).lower()


def test_a_port_where_nothing_listens_fails_the_check(local):
    player = cast.add(local, "noport", lambda writer: writer.small(3))
    order = cast.order(local, [player.account()])
    order["source"]["port"] = free(1)[0]
    account, _, _ = checked(local, order)
    assert account["state"] == "check_failed"


def test_a_mailbox_that_workmail_does_not_have_fails_the_check(local):
    player = cast.add(local, "nomailbox", lambda writer: writer.small(3))
    order = cast.order(local, [{**player.account(), "destination": {"mailbox": "nobody-here@example.org"}}])
    account, _, _ = checked(local, order)
    assert account["state"] == "check_failed"
    assert "nobody-here@example.org" in str(account)
    assert cast.granted(local, "nobody-here@example.org") == []


def test_a_wrong_mailbox_password_fails_the_check(local):
    player = cast.add(local, "wrongbox", lambda writer: writer.small(3))
    order = cast.order(local, [{**player.account(), "destination": {"mailbox": player.mailbox, "password": "wrong-one"}}], access="user")
    account, _, _ = checked(local, order)
    assert account["state"] == "check_failed"
    assert "wrong-one" not in str(account)

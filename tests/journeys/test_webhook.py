"""A program is told what people are told by e-mail: signed, until it takes it, and never again after that."""

import hashlib
import hmac
import time

import pytest
from fixtures.webhook import Receiver
from rig import cast
from rig.client import Client, watch

LIMIT = 180


@pytest.fixture
def receivers(local):
    """Starts receivers, with TLS unless a test says otherwise; ends them all."""
    started = []

    def start(*answers, tls=True):
        started.append(Receiver(local.run / "certificates" if tls else None, answers=list(answers)))
        return started[-1]

    yield start
    for receiver in started:
        receiver.close()


def create(local, client, name, receiver, count=20, **more):
    player = cast.add(local, name, lambda writer: writer.mixed(count, oddities=False), seed=23)
    return client.create({**cast.order(local, [player.account()], name=name), "webhook": {"url": receiver.url}, **more})


def test_every_event_is_told_once_and_signed_and_a_failing_receiver_is_told_again(local, client, receivers):
    receiver = receivers(500, 503)
    made = create(local, client, "hooked", receiver, notify=[])
    token, secret = made["token"], made["webhook_secret"]
    cast.settled(lambda: client.call("GET", f"migrations/{made['id']}")["state"] != "ready")
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    client.call("POST", f"migrations/{made['id']}/delta", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    wanted = {"submitted", "started", "ended", "delta_started", "delta_ended"}
    assert not cast.settled(lambda: wanted - set(receiver.events()), 40), receiver.events()
    assert sorted(receiver.events()) == sorted(wanted)

    for one in receiver.received:
        seconds, signature = one.headers["mailcrane-signature"].removeprefix("t=").split(",v1=")
        expected = hmac.new(secret.encode(), seconds.encode() + b"." + one.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signature, expected)
        assert abs(time.time() - int(seconds)) < LIMIT
        assert one.headers["mailcrane-event"] == one.event["event"]
        assert one.headers["content-type"] == "application/json"
        assert token.encode() not in one.body and secret.encode() not in one.body and b"Source-hooked-1" not in one.body
        assert one.event["link"] == f"{local.url}/v1/migrations/{made['id']}"
    refused, again = receiver.received[:2], [one for one in receiver.received if one.event["event"] == "submitted"]
    assert [one.status for one in refused] == [500, 503]
    assert len(again) + sum(one.event["event"] != "submitted" for one in refused) == 3
    assert len({one.headers["mailcrane-delivery"] for one in again}) == 1 == len({one.body for one in again})
    ended = next(one.event for one in receiver.received if one.event["event"] == "ended")
    assert (ended["totals"]["copied"], ended["totals"]["pending"], ended["state"]) == (20, 0, "finished")
    assert client.call("GET", f"migrations/{made['id']}")["webhook"] == {"url": receiver.url}


def test_a_receiver_that_refuses_for_good_harms_nothing_and_is_shown(local, client, receivers):
    gone, elsewhere = receivers(410, tls=False), receivers(307, 307, 307)
    made = create(local, client, "unhooked", gone)
    cast.settled(lambda: "trouble" not in client.call("GET", f"migrations/{made['id']}")["webhook"])
    trouble = client.call("GET", f"migrations/{made['id']}")["webhook"]["trouble"]
    assert (trouble["event"], trouble["code"]) == ("submitted", "webhook.gone")
    changed = client.call("PATCH", f"migrations/{made['id']}", {"webhook": {"url": elsewhere.url}})
    assert changed["webhook"] == {"url": elsewhere.url} and changed["webhook_secret"] != made["webhook_secret"]
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    cast.settled(lambda: len(elsewhere.received) < 2)
    assert [one.status for one in elsewhere.received] == [307, 307], "nothing is followed, nothing is tried again"
    cast.settled(lambda: "trouble" not in client.call("GET", f"migrations/{made['id']}")["webhook"])
    assert client.call("GET", f"migrations/{made['id']}")["webhook"]["trouble"]["code"] == "webhook.redirected"
    changed = client.call("PATCH", f"migrations/{made['id']}", {"webhook": None})
    assert "webhook" not in changed and "webhook_secret" not in changed


def test_whoever_has_the_link_sets_a_webhook_and_its_secret_is_nowhere_in_clear(local, client, receivers):
    receiver = receivers()
    player = cast.add(local, "owner", lambda writer: writer.small(2))
    made = client.create(cast.order(local, [player.account()], name="owner"))
    owner = Client(local.url, token=made["token"])
    secret = owner.call("PATCH", f"migrations/{made['id']}", {"webhook": {"url": receiver.url}})["webhook_secret"]
    owner.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    watch(client, made["id"], limit=LIMIT)
    assert not cast.settled(lambda: {"started", "ended"} - set(receiver.events()))
    assert secret not in str(owner.call("GET", f"migrations/{made['id']}"))
    dynamo = local.emulator.client("dynamodb")
    for table in dynamo.list_tables()["TableNames"]:
        for page in dynamo.get_paginator("scan").paginate(TableName=table):
            assert secret not in str(page["Items"]), table

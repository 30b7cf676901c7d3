"""20,000 messages in chunks of two seconds: a chain of continuations, none lost, none twice, though a chunk is killed."""

import collections
import hashlib
import json
from datetime import datetime

import pytest
from rig import cast, chaos
from rig.client import OUTCOMES, Client, watch

COUNT = 20_000
LIMIT = 420


@pytest.fixture(scope="module")
def moved(local):
    """The mailbox after its migration; a migrate-chunk process was killed on the way."""
    player = cast.add(local, "many", lambda writer: writer.small(COUNT, folders=4), seed=21)
    # A WorkMail that takes its time: otherwise few chunks would do.
    local.standin.call("PUT", f"knobs/{player.mailbox}", {"latency_ms": 200, "item_ms": 1})
    client = Client(local.url, local.operator_key)
    made = client.create(cast.order(local, [player.account()], name="Many"))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    killed = []

    def kill(migration):
        done = sum(migration["totals"].get(name, 0) for name in OUTCOMES)
        if not killed and done > COUNT // 4:
            killed.extend(filter(None, [chaos.kill_one(local.keeper.group, local.deployed.function("migrate-chunk"))]))

    ended = watch(client, made["id"], on_look=kill, limit=LIMIT)
    return {"player": player, "client": client, "id": made["id"], "ended": ended, "killed": killed,
            "account": next(iter(client.rows(f"migrations/{made['id']}/accounts")))}


def items(local, mailbox):
    """Reads the items of a mailbox from the stand-in's own listing; what was deleted softly does not count."""
    offset = 0
    while page := local.standin.call("GET", f"mailboxes/{mailbox}/items?offset={offset}&limit=5000"):
        yield from (item for item in page if not item["folder"].startswith("Recoverable Items"))
        offset += len(page)


def test_all_are_copied_once_though_a_process_was_killed(moved, local):
    assert moved["killed"], "no process could be killed"
    assert moved["ended"]["state"] == "finished"
    totals = moved["account"]["totals"]
    assert (totals["found"], totals["copied"]) == (COUNT, COUNT)
    keys = collections.Counter(item["properties"]["PublicStrings/X-Mailcrane-Key"] for item in items(local, moved["player"].mailbox))
    assert len(keys) == COUNT
    assert [key for key, count in keys.items() if count > 1] == []


def test_bodies_and_dates_are_those_of_the_source(moved, local):
    of = collections.Counter()
    for path in (moved["player"].contents.home / "Maildir").rglob("cur/*"):
        of[hashlib.sha256(path.read_bytes()).hexdigest(), int(path.stat().st_mtime), ",S" in path.name] += 1
    to = collections.Counter(
        (item["sha256"], int(datetime.fromisoformat(item["received"].replace("Z", "+00:00")).timestamp()), item["read"])
        for item in items(local, moved["player"].mailbox))
    assert of == to


def test_it_took_at_least_five_continuations_over_several_lanes(moved, local):
    lanes = collections.Counter()
    pages = local.emulator.client("dynamodb").get_paginator("query")
    rows = [row for page in pages.paginate(
        TableName=local.deployed.outputs["MainTableName"], KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": _partition(local, moved["id"])}}) for row in page["Items"]]
    for row in rows:
        if row["sk"]["S"].startswith("L#copy#"):
            lanes[row["sk"]["S"]] = json.loads(row["b"]["S"])["hop"]
    assert len([lane for lane, hops in lanes.items() if hops >= 1]) >= 2, lanes
    assert sum(lanes.values()) >= 5, lanes


def test_the_source_is_byte_for_byte_what_it_was(moved):
    assert moved["player"].untouched()


def _partition(local, number):
    scan = local.emulator.client("dynamodb").get_paginator("scan")
    for page in scan.paginate(TableName=local.deployed.outputs["MainTableName"], ProjectionExpression="pk, sk"):
        for row in page["Items"]:
            if row["pk"]["S"].startswith(f"M#{number}#A#") and row["sk"]["S"].startswith("L#copy#"):
                return row["pk"]["S"]
    raise AssertionError("no lane in the table")

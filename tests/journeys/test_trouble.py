"""WorkMail makes trouble while a mailbox moves; the result is the same as without."""

import collections

import pytest
from rig import cast
from rig.client import watch

from . import compare

LIMIT = 240
BACK_OFF_MS = 500
# How long a busy machine may take between leaving the gate and sending, or to read an answer.
ON_ITS_WAY_MS = 250


def move(local, client, name, rule, fill=lambda writer: writer.mixed(300)):
    """Moves a mailbox while a rule makes trouble for it; returns the player."""
    player = cast.add(local, name, fill, seed=51)
    rule = local.standin.call("POST", "rules", {"mailbox": player.mailbox, **rule})["id"]
    made = client.create(cast.order(local, [player.account()], name=name))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    ended = watch(client, made["id"], limit=LIMIT)
    applied = next(r["applied"] for r in local.standin.call("GET", "rules") if r["id"] == rule)
    assert applied > 0, "the rule never hit"
    assert ended["state"].startswith("finished"), ended
    local.standin.call("DELETE", "rules")
    return player


def equal(local, player):
    of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
    assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password)) == []
    keys = collections.Counter(
        item["properties"].get("PublicStrings/X-Mailcrane-Key")
        for item in local.standin.call("GET", f"mailboxes/{player.mailbox}/items?limit=100000")
        if not item["folder"].startswith("Recoverable Items"))
    assert max(keys.values()) == 1
    assert player.untouched()


def too_early(sent):
    """Names each request that came before a back-off told earlier was over.

    What had left the gate before the answer was read could not wait for it.
    """
    gaps = [(told["seq"], entry["seq"], entry["at_ms"] - told["ended_ms"], told["back_off_ms"])
            for told in sent if told["back_off_ms"] for entry in sent]
    return [gap for gap in gaps if ON_ITS_WAY_MS <= gap[2] < gap[3]]


@pytest.mark.parametrize("level", ["fault", "item"])
def test_server_busy_for_three_in_ten_ends_complete_and_every_back_off_is_kept(local, client, level):
    # One folder, one slice, one lane: whoever is told to wait is the one that asks next.
    player = move(local, client, f"busy-{level}", {
        "operation": "CreateItem", "level": level, "code": "ErrorServerBusy", "back_off_ms": BACK_OFF_MS,
        "probability": 0.3 if level == "fault" else 0.03}, fill=lambda writer: writer.small(300))
    equal(local, player)
    log = local.standin.call("GET", f"log?mailbox={player.mailbox}&limit=1000000")
    assert [entry for entry in log if entry["back_off_ms"]]
    assert too_early([entry for entry in log if entry["operation"] == "CreateItem"]) == []


@pytest.mark.parametrize(("name", "rule"), [
    ("answer-lost", {"level": "close", "when": "lost"}),
    ("answer-cut", {"level": "close", "when": "within"}),
    ("closed-before", {"level": "close", "when": "before"}),
    ("landing-late", {"level": "late", "after_ms": 1500}),
    ("half-done", {"level": "partial", "items": 3}),
    ("gateway", {"level": "http", "status": 503, "body": "html"}),
])
def test_nothing_is_lost_or_doubled_when(local, client, name, rule):
    equal(local, move(local, client, name, {"operation": "CreateItem", "probability": 0.3, "count": 3, **rule}))


def test_the_demos_mailboxes_end_complete_though_three_requests_in_ten_are_refused(local, client):
    players = cast.demo(local, "refused")
    local.standin.call("POST", "rules", {"level": "fault", "code": "ErrorServerBusy", "back_off_ms": BACK_OFF_MS, "probability": 0.3})
    try:
        made = client.create(cast.order(local, [player.account() for player in players], name="refused"))
        client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
        ended = watch(client, made["id"], limit=LIMIT)
    finally:
        local.standin.call("DELETE", "rules")
    listed = f"migrations/{made['id']}/accounts"
    accounts = list(client.rows(listed))
    assert [len(list(client.rows(listed, state=states))) for states in ("done,done_with_errors", "stalled")] == [len(players), 0]
    assert ended["state"] == "finished", [(account["state"], account.get("reason"), account["totals"]) for account in accounts]
    grades = [account["grade"] for account in accounts]
    # The first holds a message that WorkMail takes at no size.
    assert grades == ["complete_with_exceptions", "complete", "complete"], accounts
    for player in players:
        equal(local, player)
        # Each process is told for itself; a cookie tells them apart.
        told = collections.defaultdict(list)
        for entry in local.standin.call("GET", f"log?mailbox={player.mailbox}&limit=1000000"):
            told[entry["session"]].append(entry)
        del told[""]
        assert any(entry["back_off_ms"] for sent in told.values() for entry in sent)
        assert [early for sent in told.values() for early in too_early(sent)] == []

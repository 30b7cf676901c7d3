"""50 accounts move while chunks are killed all the time and AWS goes down once; it ends by itself, and complete."""

import collections
import threading

import pytest
from rig import cast, chaos
from rig.client import OUTCOMES, Client, watch
from rig.stack import stack

from . import compare

ACCOUNTS = 50
MESSAGES = 12
LIMIT = 85
KILL_EVERY_SECONDS = 2
COMPARED = (0, 17, 33, 49)


class Killer:
    """Kills a process of a function every few seconds, from the first one that it finds until it is told to end."""

    def __init__(self, local, function):
        self.killed = []
        self._local, self._function, self._end = local, local.deployed.function(function), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self):
        """Stops killing; returns whom it killed."""
        self._end.set()
        self._thread.join()
        return self.killed

    def _run(self):
        while not self._end.wait(KILL_EVERY_SECONDS):
            if killed := chaos.kill_one(self._local.keeper.group, self._function):
                self.killed.append(killed)


@pytest.fixture(scope="module")
def shaken():
    """A stack of its own, since its AWS goes down."""
    with stack("chaos", time_scale=0.02, chunk_seconds=2, accounts=8, lanes=8, persist=True) as started:
        yield started


@pytest.fixture(scope="module")
def moved(shaken):
    """The migration after its end: whom the killer killed, how far it was when AWS went down, and how it ended."""
    players = [cast.add(shaken, f"shaken-{no}", lambda writer: writer.small(MESSAGES, folders=2), seed=no) for no in range(ACCOUNTS)]
    client = Client(shaken.url, shaken.operator_key)
    made = client.create(cast.order(shaken, [player.account() for player in players], name="Chaos"))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    down = []

    def shake(migration):
        done = sum(migration["totals"].get(name, 0) for name in OUTCOMES)
        if not down and done > ACCOUNTS * MESSAGES // 4:
            down.append(done)
            shaken.emulator.restart()

    killer = Killer(shaken, "migrate-chunk")
    try:
        ended = watch(client, made["id"], on_look=shake, limit=LIMIT)
    finally:
        killed = killer.end()
    accounts = list(client.rows(f"migrations/{made['id']}/accounts"))
    return {"players": players, "ended": ended, "accounts": accounts, "killed": killed, "down": down}


def test_it_ends_by_itself_though_chunks_were_killed_and_aws_went_down(moved):
    assert len(moved["killed"]) >= 5, "too few processes were killed"
    assert len(moved["down"]) == 1, "AWS did not go down"
    assert moved["down"][0] < ACCOUNTS * MESSAGES, "AWS went down when all was done"
    assert moved["ended"]["state"] == "finished"


def test_every_account_is_complete_and_every_message_counted(moved):
    assert [account["grade"] for account in moved["accounts"]] == ["complete"] * ACCOUNTS
    for account in moved["accounts"]:
        totals = account["totals"]
        assert totals["found"] == MESSAGES == sum(totals[name] for name in OUTCOMES), account
        assert totals["failed"] == totals["skipped"] == totals["vanished"] == 0, account


def test_no_message_is_there_twice(moved, shaken):
    for player in moved["players"]:
        items = shaken.standin.call("GET", f"mailboxes/{player.mailbox}/items?limit=100000")
        there = [item for item in items if not item["folder"].startswith("Recoverable Items")]
        keys = collections.Counter(item["properties"].get("PublicStrings/X-Mailcrane-Key") for item in there)
        assert len(there) == len(keys) == MESSAGES, player.name


@pytest.mark.parametrize("number", COMPARED)
def test_imaplib_and_exchangelib_find_the_same_messages(moved, shaken, number):
    player = moved["players"][number]
    of = compare.source("127.0.0.1", shaken.imapd.plain, player.source, player.source_password)
    assert sum(of.letters.values()) == MESSAGES
    assert compare.differences(of, compare.destination(shaken.standin.ews, player.mailbox, player.password)) == []
    assert player.untouched()

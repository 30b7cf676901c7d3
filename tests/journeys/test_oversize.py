"""What is too large for WorkMail: kept in the bucket, whole; a stub with a link stands in its place, until an undo takes it back."""

import hashlib

import pytest
import requests
from fixtures import letters
from rig import cast
from rig.client import OUTCOMES, Client, watch
from rig.stack import stack

from . import compare

LIMIT = 180
SMALL = 12


def fill(writer):
    """Small mail, a message with an attachment above the limit, and one that no request could hold, flagged and answered."""
    writer.small(SMALL)
    for size, folder, flags in ((letters.TOO_LARGE, "INBOX", "S"), (60_000_000, "Projekte/2019", "SFR")):
        received = writer._date(0.9)
        writer.store(folder, letters.render(letters.attachment(writer.rng, received, 700_000 + size % 1000, size)), received, flags)
    return writer.mailbox


def originals(player):
    """The large messages of the source: digest by folder."""
    found = {}
    for file in (player.contents.home / "Maildir").rglob("*mailcrane*"):
        body = file.read_bytes()
        if len(body) > 20_000_000:
            found[hashlib.sha256(body).hexdigest()] = body
    return found


@pytest.fixture(scope="module")
def local():
    """A stack of its own: reading 82 MB through a busy machine takes longer than the two seconds of a chunk elsewhere."""
    with stack("oversize", time_scale=0.05, chunk_seconds=40) as started:
        yield started


@pytest.fixture(scope="module")
def rescued(local):
    client = Client(local.url, local.operator_key)
    player = cast.add(local, "oversize", fill, seed=13)
    made = client.create({**cast.order(local, [player.account()], name="Oversize"), "options": {"rescue_oversize": True}, "language": "de"})
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    ended = watch(client, made["id"], limit=LIMIT)
    rows = list(client.rows(f"migrations/{made['id']}/accounts/0/manifest"))
    return {"client": client, "player": player, "made": made, "ended": ended, "account": client.call("GET", f"migrations/{made['id']}/accounts/0"),
            "rows": [row for row in rows if row["code"] == "too_large.rescued"], "all": rows}


def stubs(local, rescued):
    items = local.standin.call("GET", f"mailboxes/{rescued['player'].mailbox}/items")
    named = {row["item"] for row in rescued["rows"]}
    return [item for item in items if item["id"] in named]


def mime(local, item):
    return requests.get(f"{local.standin.url}/_workmail/items/{item['n']}/mime", timeout=30).content


def test_the_books_balance_and_name_each(rescued):
    totals = rescued["account"]["totals"]
    assert rescued["ended"]["state"] == "finished" and rescued["account"]["grade"] == "complete_with_exceptions"
    assert totals["found"] == SMALL + 2 == len(rescued["all"]) == sum(totals[name] for name in OUTCOMES)
    assert (totals["copied"], totals["skipped"], len(rescued["rows"])) == (SMALL, 2, 2)
    assert {row["sha256"] for row in rescued["rows"]} == set(originals(rescued["player"]))
    entries = list(rescued["client"].rows(f"migrations/{rescued['made']['id']}/accounts/0/protocol"))
    told = [entry for entry in entries if entry["code"] == "too_large.rescued"]
    assert len(told) == 2 and all("s3://" in entry["message"] for entry in told), entries


def test_a_stub_stands_at_the_place_of_each_with_its_flags_and_date(local, rescued):
    of = {item["folder"]: item for item in stubs(local, rescued)}
    assert set(of) == {"Inbox", "Projekte/2019"}
    source = compare.source("127.0.0.1", local.imapd.plain, rescued["player"].source, rescued["player"].source_password)
    assert sum(source.letters.values()) == SMALL, "the judge leaves out what is too large"
    for item in of.values():
        assert item["properties"]["PublicStrings/X-Mailcrane-Key"] and item["read"] and not item["draft"]
        assert item["size"] < 10_000 and item["message_id"] and item["received"] == of["Inbox"]["received"]
        assert "zu groß für dieses Postfach" in mime(local, item).decode()


def test_the_link_of_each_stub_gives_the_original_and_needs_no_token(local, rescued):
    wanted = originals(rescued["player"])
    got = set()
    for item in stubs(local, rescued):
        link = next(line.strip() for line in mime(local, item).decode().splitlines() if line.startswith("http"))
        first = requests.get(link, allow_redirects=False, timeout=30)
        assert first.status_code == 303 and first.headers["cache-control"] == "no-store", first.text
        answer = requests.get(first.headers["location"], timeout=60)
        got.add(hashlib.sha256(answer.content).hexdigest())
        guess = link[:-5] + ("0" if link[-5] != "0" else "1") + ".eml"
        assert requests.get(guess, timeout=30).status_code in (403, 404), "a guess opens nothing"
    assert got == set(wanted)


def test_the_objects_came_in_parts(local, rescued):
    s3 = local.emulator.client("s3")
    bucket = local.deployed.resources["Bucket"]
    objects = s3.list_objects_v2(Bucket=bucket, Prefix=f"rescued/{rescued['made']['id']}/")["Contents"]
    assert sorted(one["Size"] for one in objects) == sorted(len(body) for body in originals(rescued["player"]).values())
    assert all(s3.head_object(Bucket=bucket, Key=one["Key"])["ETag"].strip('"').rsplit("-", 1)[-1] in ("4", "10") for one in objects)


def test_an_undo_takes_the_stubs_back_and_erasing_leaves_the_originals(local, rescued):
    client, one = rescued["client"], f"migrations/{rescued['made']['id']}"
    assert len(stubs(local, rescued)) == 2
    client.call("POST", f"{one}/undo", {"dry_run": False})
    left = lambda: [i for i in local.standin.call("GET", f"mailboxes/{rescued['player'].mailbox}/items") if not i["folder"].startswith("Recoverable")]
    assert cast.settled(left, LIMIT) == []
    cast.settled(lambda: client.migration(rescued["made"]["id"]).get("undoing"), LIMIT)
    assert not cast.settled(lambda: erased(client, one), LIMIT)
    bucket = local.deployed.resources["Bucket"]
    assert local.emulator.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"rescued/{rescued['made']['id']}/")["KeyCount"] == 2
    assert rescued["player"].untouched()


def erased(client, one):
    """Asks for erasing until it is so; tells whether that is still to come."""
    try:
        client.call("DELETE", one)
    except Exception:
        return client.call("GET", one)["state"] != "erased"
    return client.call("GET", one)["state"] != "erased"


def test_without_the_option_they_are_only_named(local):
    client = Client(local.url, local.operator_key)
    player = cast.add(local, "oversize-named", fill, seed=13)
    made = client.create(cast.order(local, [player.account()]))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    assert len(local.standin.call("GET", f"mailboxes/{player.mailbox}/items")) == SMALL
    rows = [row for row in client.rows(f"migrations/{made['id']}/accounts/0/manifest") if row["outcome"] == "skipped"]
    assert len(rows) == 2 and {row["code"] for row in rows} <= {"too_large.attachment", "too_large.message"}, rows

"""An IMAP server as destination, with its undo; and a WorkMail that does not keep or find everything."""

import hashlib
import imaplib

import pytest
from rig import cast
from rig.client import watch
from rig.standin import ORGANIZATION

from . import compare

LIMIT = 120
# IMAP cannot store a message without octets (RFC 3501: the literal {0} cancels); the protocol names it.
EMPTY = hashlib.sha256(b"").hexdigest()


def into_imap(local, name):
    """A destination mailbox at the IMAP server; returns user and password."""
    user, password = f"{name}-new@example.net", f"New-{name}-1"
    local.imapd.add(user, password)
    local.imapd.seal(user)
    # Dovecot looks at its list of users once a second.
    assert not cast.settled(lambda: not knows(local, user, password)), "Dovecot does not know the new user"
    with imaplib.IMAP4("127.0.0.1", local.imapd.plain) as imap:
        imap.login(user, password)
        for name in ('"Gesendete Elemente"', "Spam"):
            assert imap.create(name)[0] == "OK"
    return user, password


def knows(local, user, password):
    with imaplib.IMAP4("127.0.0.1", local.imapd.plain) as imap:
        try:
            return imap.login(user, password)[0] == "OK"
        except imaplib.IMAP4.error:
            return False


def differences(local, player, user, password):
    of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
    assert sum(of.letters.values()) >= 30
    to = compare.source("127.0.0.1", local.imapd.plain, user, password)
    return [one for one in compare.differences(of, to) if EMPTY not in one]


def started(client, order):
    made = client.create(order)
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    ended = watch(client, made["id"], limit=LIMIT)
    assert ended["state"].startswith("finished"), ended
    return f"migrations/{made['id']}"


def imap_order(local, account, user, password):
    account["destination"] = {"mailbox": user, "password": password}
    order = cast.order(local, [account])
    order["destination"] = {"kind": "imap", "host": "localhost", "port": local.imapd.plain, "security": "none"}
    return order


def test_a_mailbox_moves_to_another_imap_server_and_back_out_again(local, client):
    player = cast.add(local, "imap-to-imap", lambda writer: writer.mixed(60), seed=91)
    user, password = into_imap(local, "imap-to-imap")
    one = started(client, imap_order(local, player.account(), user, password))
    assert differences(local, player, user, password) == []
    assert player.untouched()
    account = client.call("GET", f"{one}/accounts/0")
    assert account["grade"] in ("complete", "complete_with_exceptions"), account
    client.call("POST", f"{one}/accounts/0/undo")
    left = lambda: compare.source("127.0.0.1", local.imapd.plain, user, password).letters
    assert not cast.settled(left, 30)


def test_a_mailbox_is_not_moved_into_itself(local, client):
    player = cast.add(local, "into-itself", lambda writer: writer.small(3))
    order = imap_order(local, player.account(), player.source, player.source_password)
    order["destination"]["host"] = "127.0.0.1"
    order["source"].update(port=local.imapd.plain, security="none")
    one = f"migrations/{client.create(order)['id']}"
    refused = lambda: client.call("GET", f"{one}/accounts/0").get("error_code") == "destination.same_as_source"
    assert not cast.settled(lambda: not refused(), 30)
    assert player.untouched()


@pytest.mark.parametrize("access", ["user", "impersonation"])
def test_a_mailbox_moves_out_of_workmail(local, client, access):
    player = cast.add(local, f"out-{access[:5]}", lambda writer: writer.mixed(60), seed=93)
    started(client, cast.order(local, [player.account()]))
    user, password = into_imap(local, f"out-{access[:5]}")
    source = {"user": player.mailbox, **({"password": player.password} if access == "user" else {})}
    order = imap_order(local, {"source": source}, user, password)
    order["source"] = {"kind": "workmail", "access": access}
    one = started(client, order)
    of = compare.destination(local.standin.ews, player.mailbox, player.password)
    assert sum(of.letters.values()) >= 30
    to = compare.source("127.0.0.1", local.imapd.plain, user, password)
    of.folders.discard("Outbox")
    assert [d for d in compare.differences(of, to) if EMPTY not in d] == []
    assert "Outbox (2)" not in to.folders
    told = client.call("GET", f"{one}/permissions")["permissions"]
    assert [grant["mailboxes"] for grant in told] == ([[player.mailbox]] if access == "impersonation" else [])
    assert cast.settled(lambda: local.standin.call("GET", "roles")) == []
    assert cast.settled(lambda: cast.granted(local, player.mailbox)) == []


LESS = {
    "without-dates-and-marks": ({"drop_properties": ["0x0E06", "0x1090", "0x1081", "0x0E07", "Categories"]},
                                {"received", "read", "flagged", "answered", "forwarded", "categories"}),
    "without-key": ({"drop_properties": ["X-Mailcrane-Key"]}, set()),
    "without-search": ({"unsearchable": ["X-Mailcrane-Key"]}, set()),
    "oldest": ({"max_version": "Exchange2007_SP1", "search_lag_ms": 300, "repeat_item_ids": 0.1, "rewrite_mime": True}, {"body"}),
}


@pytest.mark.parametrize("less", LESS)
def test_a_workmail_that_does_not_keep_everything_gets_everything_and_the_protocol_says_so(local, client, less):
    knobs, lost = LESS[less]
    forget = lambda: local.emulator.client("dynamodb").delete_item(
        TableName=local.deployed.outputs["MainTableName"],
        Key={"pk": {"S": f"SELF-TEST#{ORGANIZATION}"}, "sk": {"S": "SELF-TEST"}})
    player = cast.add(local, less, lambda writer: writer.mixed(60), seed=92)
    local.standin.call("PUT", "knobs/all", knobs)
    forget()
    try:
        # An answer that is lost must neither lose nor double a message.
        local.standin.call("POST", "rules", {"mailbox": player.mailbox, "operation": "CreateItem", "level": "close", "when": "lost", "skip": 3, "count": 1})
        one = started(client, cast.order(local, [player.account()]))
        local.standin.call("DELETE", "knobs")
        of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
        to = compare.destination(local.standin.ews, player.mailbox, player.password)
        assert dull(of, lost) == dull(to, lost)
        told = [e["message"] for e in client.rows(f"{one}/accounts/0/protocol") if e["code"] == "destination.not_kept"]
        words = {"received": "received date", "categories": "categories", "flagged": "follow-up flag", "answered": "answered"}
        assert all(any(word in text for text in told) for name, word in words.items() if name in lost), told
        assert bool(told) == bool(lost & words.keys())
        folders = compare.destination(local.standin.ews, player.mailbox, player.password).folders
        assert not [name for name in folders if "self-test" in name]
    finally:
        local.standin.call("DELETE", "knobs")
        forget()


def dull(side, without):
    """Counts the letters of a side as they look without some of their properties."""
    names = [name for name in compare.Letter.__dataclass_fields__ if name not in without]
    counted = {}
    for letter, count in side.letters.items():
        seen = tuple(getattr(letter, name) for name in names)
        counted[seen] = counted.get(seen, 0) + count
    return counted

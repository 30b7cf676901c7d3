"""Mailboxes that open with OAuth tokens only, which expire while they are copied."""

import json

import pytest
from fixtures.oauth import JWT_BEARER, OauthServer
from rig import cast
from rig.client import watch

from . import compare

LIMIT = 180
SCOPE = "https://mail.example.net/"


@pytest.fixture
def tokens(local):
    """Starts OAuth servers with tokens of a given life; ends them all."""
    started = []

    def start(**options):
        started.append(OauthServer(local.imapd, local.run / "certificates", **options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def players(local, *names, count=60):
    """Makes accounts whose passwords nobody knows."""
    return [cast.add(local, name, lambda writer: writer.mixed(count, oddities=False), seed=71) for name in names]


def move(local, client, made, found, on_look=lambda migration: None):
    """Starts a migration, waits for its end and compares every mailbox."""
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    ended = watch(client, made["id"], limit=LIMIT, every=0.2, on_look=on_look)
    assert ended["state"] == "finished", list(client.rows(f"migrations/{made['id']}/accounts"))
    for player in found:
        of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
        assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password)) == []
        assert player.untouched()


def account(player, **source):
    return {"source": {"user": player.source, **source}, "destination": {"mailbox": player.mailbox}}


def test_a_token_that_expires_in_the_middle_is_renewed(local, client, tokens):
    server = tokens()
    (player,) = players(local, "refresh", count=400)
    oauth = {"kind": "refresh_token", "token_url": server.url, "client_id": "app", "refresh_token": server.user(player.source)}
    made = client.create(cast.order(local, [account(player, oauth=oauth)], name="refresh"))
    local.standin.call("PUT", f"knobs/{player.mailbox}", {"item_ms": 20})
    left = []

    def expire(migration):
        totals = migration["totals"]
        if not left and totals["copied"] and migration["state"] == "running":
            client.call("POST", f"migrations/{made['id']}/pause", {})
            assert cast.settled(lambda: client.migration(made["id"])["state"] != "paused", 60) is False
            # Earlier than it said: what was kept is found out only when the IMAP server refuses it.
            server.expire()
            local.standin.call("DELETE", "knobs")
            totals = client.migration(made["id"])["totals"]
            left.append(totals["found"] - totals["copied"])
            client.call("POST", f"migrations/{made['id']}/resume", {})

    move(local, client, made, [player], on_look=expire)
    assert left and left[0] > 0, "the token was lost in the middle"
    assert len(server.issued) == 2, "the lost token has a successor"
    assert set(server.grants()) == {"refresh_token"}


def test_a_service_account_opens_every_mailbox_in_its_users_name(local, client, tokens):
    server = tokens()
    found = players(local, "delegated-a", "delegated-b")
    key_file = server.service_account("robot@project.example", [player.source for player in found])
    order = cast.order(local, [account(player) for player in found], name="service account")
    order["source"]["oauth"] = {"kind": "service_account", "token_url": server.url, "key_file": key_file, "scope": SCOPE}
    move(local, client, client.create(order), found)
    assert set(server.grants()) == {JWT_BEARER}


def test_an_application_opens_every_mailbox_by_itself(local, client, tokens):
    server = tokens()
    found = players(local, "app-only-a", "app-only-b")
    server.application("app", "app-secret", [player.source for player in found])
    order = cast.order(local, [account(player) for player in found], name="application", security="starttls")
    order["source"]["oauth"] = {
        "kind": "client_credentials", "token_url": server.url, "client_id": "app", "client_secret": "app-secret", "scope": SCOPE}
    move(local, client, client.create(order), found)
    assert set(server.grants()) == {"client_credentials"}


def test_a_grant_that_was_withdrawn_is_explained_and_no_secret_is_shown(local, client, tokens):
    server = tokens()
    withdrawn, foreign = players(local, "withdrawn", "foreign", count=5)
    oauth = {"kind": "refresh_token", "token_url": server.url, "client_id": "app", "refresh_token": "withdrawn-refresh-token"}
    accounts = [account(withdrawn, oauth=oauth)]
    # A token of somebody else's mailbox: the OAuth server is content, the mail server is not.
    accounts.append(account(foreign, oauth={**oauth, "refresh_token": server.user("somebody@example.net")}))
    made = client.create(cast.order(local, accounts, name="withdrawn"))

    def rows():
        return list(client.rows(f"migrations/{made['id']}/accounts"))

    assert cast.settled(lambda: [row for row in rows() if row["state"] in ("waiting", "checking")], 60) == []
    first, second = rows()
    assert (first["state"], first["error_code"]) == ("check_failed", "source.oauth_refused"), first
    assert "grant the access again" in first["error"]
    assert (second["state"], second["error_code"]) == ("check_failed", "source.token_refused"), second
    assert "withdrawn-refresh-token" not in json.dumps(rows())

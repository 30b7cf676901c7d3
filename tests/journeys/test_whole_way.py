"""A real mailbox moves, the whole way: by the API, through the deployed functions, judged from outside."""

import csv
import io
import urllib.request
from datetime import datetime

import pytest
from rig import cast
from rig.client import OUTCOMES, watch

from . import compare

LIMIT = 240


@pytest.fixture(scope="module")
def moved(local):
    """One mailbox of 1,100 messages after its migration by administrator permission."""
    from rig.client import Client

    client = Client(local.url, local.operator_key)
    player = cast.add(local, "whole", lambda writer: writer.mixed(1100, oversize=True), seed=11)
    mails_before = len(local.emulator.mails())
    made = client.create(cast.order(local, [player.account()], name="Whole way"))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    ended = watch(client, made["id"], limit=LIMIT)
    account = next(iter(client.rows(f"migrations/{made['id']}/accounts")))
    return {"client": client, "player": player, "made": made, "ended": ended, "account": account,
            "mails": lambda: local.emulator.mails()[mails_before:]}


def test_the_migration_ends_finished(moved):
    assert moved["ended"]["state"] in ("finished", "finished_with_errors")
    assert moved["account"]["grade"].startswith("complete")


def test_imaplib_and_exchangelib_find_the_same_messages(moved, local):
    player = moved["player"]
    of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
    assert sum(of.letters.values()) > 1000
    assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password)) == []


def test_the_source_is_byte_for_byte_what_it_was(moved):
    assert moved["player"].untouched()


def test_every_message_has_an_outcome(moved):
    totals = moved["account"]["totals"]
    assert totals["found"] == moved["player"].contents.messages == sum(totals[name] for name in OUTCOMES)
    assert totals["duplicate"] == 20
    assert totals["failed"] == totals["vanished"] == totals["pending"] == 0


def test_the_totals_of_the_migration_are_those_of_its_accounts(moved):
    for name in ("found", *OUTCOMES):
        assert moved["ended"]["totals"][name] == moved["account"]["totals"][name], name


def test_the_too_large_message_is_named_in_the_protocol(moved):
    rows = list(moved["client"].rows(f"migrations/{moved['made']['id']}/accounts/{moved['account']['no']}/protocol"))
    large = [row for row in rows if "large" in str(row).lower()]
    assert len(large) == 1, rows
    assert "INBOX" in str(large[0])


def test_the_manifest_has_one_row_for_each_message(moved):
    rows = list(moved["client"].rows(f"migrations/{moved['made']['id']}/accounts/{moved['account']['no']}/manifest"))
    assert len(rows) == moved["player"].contents.messages
    assert len({(str(row["folder"]), row["uid"]) for row in rows}) == len(rows)
    copied = [row for row in rows if row["outcome"] == "copied"]
    assert len(copied) == moved["account"]["totals"]["copied"]
    assert all(len(row["sha256"]) == 64 for row in copied)


def test_the_export_has_the_rows_of_the_manifest(moved):
    account = f"migrations/{moved['made']['id']}/accounts/{moved['account']['no']}"
    assert moved["client"].call("GET", f"{account}/export")["state"] == "none"
    moved["client"].call("POST", f"{account}/export")
    cast.settled(lambda: moved["client"].call("GET", f"{account}/export")["state"] == "writing")
    export = moved["client"].call("GET", f"{account}/export")
    assert export["state"] == "ready", export
    exported = []
    for file in export["files"]:
        with urllib.request.urlopen(file["url"], timeout=30) as answer:
            exported += list(csv.DictReader(io.TextIOWrapper(answer, encoding="utf-8", newline="")))
    rows = list(moved["client"].rows(f"{account}/manifest"))
    assert len(exported) == export["rows"] == len(rows)
    assert [(row["uid"], row["outcome"]) for row in exported] == [(str(row["uid"]), row["outcome"]) for row in rows]


def test_the_folders_count_what_the_source_holds(moved):
    rows = moved["client"].rows(f"migrations/{moved['made']['id']}/accounts/{moved['account']['no']}/folders")
    found = {"/".join(row["path"]) if isinstance(row["path"], list) else row["path"]: row.get("totals", row)["found"] for row in rows}
    for name, count in moved["player"].contents.folders.items():
        assert found.get(name, 0) == count, name


def test_the_permission_was_granted_and_taken_back(moved, local):
    mailbox = moved["player"].mailbox
    assert cast.settled(lambda: cast.granted(local, mailbox)) == []
    log = local.standin.call("GET", "log?limit=1000000")
    calls = [entry["operation"] for entry in log if entry["api"] != "ews" and entry["status"] == 200]
    assert "PutMailboxPermissions" in calls and "DeleteMailboxPermissions" in calls
    writes = [e for e in log if e["api"] == "ews" and e["mailbox"] == mailbox and e["operation"] == "CreateItem"]
    assert writes and {e["way"] for e in writes} == {"administrator"}


def test_three_mails_tell_of_submission_start_and_end(moved):
    def sent():
        return [mail for mail in moved["mails"]() if moved["made"]["id"] in str(mail)]

    cast.settled(lambda: len(sent()) < 3)
    mails = sent()
    assert len(mails) == 3
    for mail in mails:
        assert mail["To"] == ["admin@example.org"]
        assert moved["made"]["status_url"].split("#")[0] in mail["BodyText"]
        assert mail["BodyHtml"] and "<" in mail["BodyHtml"]
    times = [datetime.fromisoformat(str(m["Timestamp"]).replace("Z", "+00:00")) if isinstance(m["Timestamp"], str) else m["Timestamp"] for m in mails]
    assert times == sorted(times)


def test_the_source_was_read_without_a_password_in_any_log(moved, local):
    player, logs = moved["player"], local.emulator.client("logs")
    wanted = [player.source_password, moved["made"]["token"], local.operator_key]
    for group in ("submit", "status", "check", "analyze", "migrate-chunk", "notify", "sweep"):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/mailcrane-{group}")
        for event in (event for page in pages for event in page["events"]):
            assert not [secret for secret in wanted if secret in event["message"]], (group, event["message"][:200])

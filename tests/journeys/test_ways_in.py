"""Each way into a source and each way into WorkMail moves a mailbox whole."""

import os
import subprocess
import sys

import pytest
from rig import cast, paths
from rig.client import watch

from . import compare

LIMIT = 120


def equal(local, player):
    of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
    assert sum(of.letters.values()) >= 30
    assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password)) == []
    assert player.untouched()


@pytest.mark.parametrize(("name", "security", "master", "access"), [
    ("tls-user", "tls", False, "user"),
    ("starttls-master", "starttls", True, "administrator"),
    ("plain-impersonation", "none", False, "impersonation"),
    ("tls-master-impersonation", "tls", True, "impersonation"),
])
def test_a_mailbox_moves_by(local, client, name, security, master, access):
    player = cast.add(local, name, lambda writer: writer.mixed(60), seed=31)
    account = player.account(master)
    if access == "user":
        account["destination"]["password"] = player.password
    made = client.create(cast.order(local, [account], access=access, security=security))
    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"].startswith("finished")
    equal(local, player)
    log = local.standin.call("GET", f"log?mailbox={player.mailbox}&operation=CreateItem&limit=100000")
    assert {entry["way"] for entry in log} == {access}
    assert cast.settled(lambda: cast.granted(local, player.mailbox)) == []
    assert cast.settled(lambda: local.standin.call("GET", "roles")) == []


def test_the_terminal_client_moves_what_a_csv_names(local, tmp_path):
    players = [cast.add(local, f"csv{number}", lambda writer: writer.mixed(40, oddities=False), seed=40 + number) for number in range(2)]
    table = tmp_path / "accounts.csv"
    table.write_text("source_user,source_password,destination_mailbox\n" + "".join(
        f"{p.source},{p.source_password},{p.mailbox}\n" for p in players), encoding="utf-8-sig")

    def run(*argv, **environment):
        return subprocess.run(
            [sys.executable, paths.ROOT / "infra/local/mailcrane", *argv], capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "MAILCRANE_URL": local.url, "PYTHONIOENCODING": "utf-8", **environment})

    made = run("create", "--csv", str(table), "--host", "127.0.0.1", "--port", str(local.imapd.tls), "--start", MAILCRANE_KEY=local.operator_key)
    assert made.returncode == 0, made.stderr
    said = dict(line.split(None, 1) for line in made.stdout.splitlines())
    watched = run("watch", said["id"], MAILCRANE_TOKEN=said["token"])
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "100%" in watched.stdout
    report = run("report", said["id"], MAILCRANE_TOKEN=said["token"])
    assert all(p.mailbox in report.stdout for p in players), report.stdout
    for player in players:
        of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
        assert compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password)) == []
    refused = run("watch", said["id"], MAILCRANE_TOKEN="wrong")
    assert refused.returncode == 2 and "refused" in refused.stderr

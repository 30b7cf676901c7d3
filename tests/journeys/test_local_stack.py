"""The local stack itself: what it leaves behind, and what it says when it cannot start."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

from fixtures.mailbox import Writer
from rig import paths
from rig.keeper import members

from . import compare

ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{paths.ROOT / 'infra/local'}:{paths.ROOT / 'tests'}"}


def test_a_port_in_use_is_said_with_the_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "rig", "local", "--port", str(port)], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
    assert f"PORT={port + 1}" in done.stderr


def test_the_body_of_a_refused_method_is_not_taken_for_the_next_request(local):
    door = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=60)
    for method in ("GET", "PROPFIND", "GET"):
        door.request(method, "/v1/providers", b'{"accounts": []}', {"content-type": "application/json"})
        answer = door.getresponse()
        assert answer.status == (404 if method == "PROPFIND" else 200)
        assert answer.getheader("content-type") == "application/json", answer.read()
        answer.read()
    door.close()


def test_a_killed_owner_leaves_nothing_running(tmp_path):
    program = (
        "import time, sys; from pathlib import Path; from rig.keeper import Keeper\n"
        f"keeper = Keeper(Path({str(tmp_path)!r}))\n"
        "keeper.start('obstinate', ['sh', '-c', 'trap : TERM; while :; do sleep 0.2; done'])\n"
        "print(keeper.group, flush=True); time.sleep(60)\n")
    owner = subprocess.Popen([sys.executable, "-c", program], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    group = int(owner.stdout.readline())
    assert len(members(group)) >= 2
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 20
    while members(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert members(group) == []


def test_the_same_seed_gives_the_same_mailbox(tmp_path):
    digests = {Writer(tmp_path / str(run), 5).mixed(120).digest() for run in range(2)}
    assert len(digests) == 1


def test_the_comparison_sees_every_kind_of_difference():
    one = compare.Letter("INBOX", "a", datetime(2020, 1, 1, tzinfo=timezone.utc), True, False, False, False, frozenset())
    whole = compare.Side({"INBOX"}, Counter([one]))
    assert compare.differences(whole, whole) == []
    for other in (
        Counter(), Counter([one, one]), Counter([replace(one, body="b")]), Counter([replace(one, read=False)]),
        Counter([replace(one, flagged=True)]), Counter([replace(one, answered=True)]), Counter([replace(one, forwarded=True)]),
        Counter([replace(one, received=datetime(2020, 1, 1, 0, 0, 1, tzinfo=timezone.utc))]), Counter([replace(one, folder="X")]),
    ):
        assert compare.differences(whole, compare.Side({"INBOX", "X"} if any(x.folder == "X" for x in other) else {"INBOX"}, other)), other
    assert compare.differences(compare.Side({"INBOX", "Leer"}, Counter()), compare.Side({"INBOX"}, Counter()))
    assert compare.differences(compare.Side({"INBOX"}, Counter()), compare.Side({"INBOX", "Mehr"}, Counter()))

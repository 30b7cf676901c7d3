"""The page in a real browser: how node is run, and the journeys against the deployed local stack.

`python tests/browser/run.py [file.test.js]` starts a stack; it needs what `make local` has built before.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "infra/local"), str(ROOT / "tests")]

from rig import cast  # noqa: E402
from rig.stack import stack  # noqa: E402


def node(*files: str, **variables: str) -> subprocess.CompletedProcess:
    """Runs test files of this folder; their report is the result's stdout."""
    subprocess.run([HERE / "setup.sh"], check=True)
    return subprocess.run(["node", "--test", "--test-reporter=spec", "--test-concurrency=1", *files], cwd=HERE, text=True, check=False,
                          env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def fill(local) -> Path:
    """Fills mailboxes of a stack, and writes down for the browser what is where."""
    one = cast.add(local, "anna", lambda writer: writer.mixed(700, oversize=True), seed=31)
    two = cast.add(local, "ben", lambda writer: writer.mixed(200, oddities=False), seed=32)
    later = {name: cast.add(local, f"later-{name}", lambda writer: writer.small(20), seed=33) for name in ("en", "de")}
    many = [cast.add(local, f"crew{no:02}", lambda writer: writer.small(12), seed=no) for no in range(50)]
    given = {
        "url": local.url, "key": local.operator_key, "port": local.imapd.tls,
        "one": vars_of(one), "two": vars_of(two), "many": [vars_of(player) for player in many],
        "later": {name: vars_of(player) for name, player in later.items()},
    }
    told = local.run / "page.json"
    told.touch(mode=0o600)
    told.write_text(json.dumps(given))
    return told


def vars_of(player) -> dict:
    """What the page is told of an account."""
    return {"source": player.source, "password": player.source_password, "mailbox": player.mailbox, "messages": player.contents.messages}


def main() -> int:
    """Starts a stack, and lets the browser go through its journeys."""
    with stack("page", time_scale=0.05, chunk_seconds=2, say=lambda text: print(f"  {text}", flush=True)) as local:
        done = node(*(sys.argv[1:] or ["stack.test.js"]), STACK=str(fill(local)))
        print(done.stdout)
        return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())

"""The journeys of the page against the deployed local stack: `python tests/browser/run.py` with rig on the path.

Needs what `make local` needs, built before, besides Node and Chromium; says what to install when they are missing.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "infra/local"), str(ROOT / "tests")]

from rig import cast  # noqa: E402
from rig.stack import stack  # noqa: E402


def tools() -> None:
    """Makes sure that Node, its two packages and Chromium are there."""
    for program, remedy in (("node", "apt-get install nodejs npm"), ("npm", "apt-get install npm")):
        if not shutil.which(program):
            sys.exit(f"{program} is missing: {remedy}")
    if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
        sys.exit("Chromium is missing: apt-get install chromium, or name another by CHROMIUM")
    if not (HERE / "node_modules" / "playwright-core").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)


def main() -> int:
    """Starts a stack, fills mailboxes, and lets the browser go through its journeys."""
    tools()
    with stack("page", time_scale=0.05, chunk_seconds=2, say=lambda text: print(f"  {text}", flush=True)) as local:
        one = cast.add(local, "anna", lambda writer: writer.mixed(700, oversize=True), seed=31)
        two = cast.add(local, "ben", lambda writer: writer.mixed(200, oddities=False), seed=32)
        many = [cast.add(local, f"crew{no:02}", lambda writer: writer.small(12), seed=no) for no in range(50)]
        given = {
            "url": local.url, "key": local.operator_key, "port": local.imapd.tls,
            "one": vars_of(one), "two": vars_of(two), "many": [vars_of(player) for player in many],
        }
        told = local.run / "page.json"
        told.write_text(json.dumps(given))
        told.chmod(0o600)
        tests = sys.argv[1:] or ["stack.test.js"]
        return subprocess.run(["node", "--test", "--test-concurrency=1", *tests], cwd=HERE, env={**os.environ, "STACK": str(told)}, check=False).returncode


def vars_of(player) -> dict:
    """What the page is told of an account."""
    return {"source": player.source, "password": player.source_password, "mailbox": player.mailbox, "messages": player.contents.messages}


if __name__ == "__main__":
    raise SystemExit(main())

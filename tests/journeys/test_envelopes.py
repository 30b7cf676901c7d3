"""Every EWS envelope that was exchanged in this run is valid by the Exchange2010_SP2 schema."""

import os
import re
import subprocess
import sys

import pytest

from .conftest import RECORD

VALIDATE = os.environ.get("EWS_SCHEMA_VALIDATE")


# The schema is that of one version; a client that was told of a lower one says so in the header alone.
LOWER = re.compile(r"RequestServerVersion', attribute 'Version': The value 'Exchange20(07|10)_SP1'")


@pytest.mark.skipif(not VALIDATE, reason="EWS_SCHEMA_VALIDATE does not name the schema check")
def test_all_recorded_envelopes_are_valid(local):
    files = sorted(str(path) for path in RECORD.glob("*.xml"))
    assert files, "nothing was recorded"
    failures, checked = [], 0
    for start in range(0, len(files), 500):
        done = subprocess.run([sys.executable, VALIDATE, *files[start:start + 500]], capture_output=True, text=True, check=False)
        checked += int(done.stdout.split()[-4]) if done.stdout.strip() else 0
        if done.returncode == 1:
            failures += [line for line in done.stdout.splitlines()[:-1] if not LOWER.search(line)][:20]
    assert failures == []
    assert checked > 0

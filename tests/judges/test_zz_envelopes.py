"""Every recorded envelope is valid; runs last, after the other judges have talked."""

import os
import pathlib
import subprocess
import sys

import pytest

ON_PURPOSE = "refused", "deliberate"


def test_every_envelope_is_valid(records):
    validate = os.environ.get("EWS_SCHEMA_VALIDATE", "")
    if not validate or not pathlib.Path(validate).exists():
        print("EWS_SCHEMA_VALIDATE names no validator: envelopes are not checked")
        pytest.skip("EWS_SCHEMA_VALIDATE names no validator")
    folders = [records, *map(pathlib.Path, filter(None, os.environ.get("EWS_RECORDS", "").split(":")))]
    found = [f for folder in folders for f in sorted(folder.rglob("*.xml")) if f.parent.name not in ON_PURPOSE]
    assert len(found) >= 50, f"only {len(found)} envelopes were recorded"
    for start in range(0, len(found), 500):
        part = found[start : start + 500]
        result = subprocess.run([sys.executable, validate, *part], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr

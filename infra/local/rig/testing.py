"""make test: one build, the Rust tests, then the judges and journeys against one deployed stack."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from . import paths
from .build import build, cargo


def run(only: str | None = None) -> int:
    """Runs all tests and ends with a line that counts them."""
    begun, passed, failed = time.monotonic(), 0, 0
    build()
    for name, step in (("rust", _rust), ("journeys", _journeys)):
        if only in (None, name):
            good, bad = step()
            passed, failed = passed + good, failed + bad
    print(f"\n{time.monotonic() - begun:.0f} seconds\n{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def _rust() -> tuple[int, int]:
    # The schema check, when it is named, needs lxml: this venv has it.
    environment = {**os.environ, "EWS_SCHEMA_PYTHON": str(paths.BIN / "python")}
    nextest = subprocess.run([cargo(), "nextest", "--version"], capture_output=True, check=False).returncode == 0
    if nextest:
        code, text = _stream([cargo(), "nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"], environment)
        counts = re.findall(r"(\d+) passed", text)[-1:], re.findall(r"(\d+) failed", text)[-1:]
    else:
        code, text = _stream([cargo(), "test", "--workspace", "--no-fail-fast", "--quiet"], environment)
        counts = re.findall(r"(\d+) passed", text), re.findall(r"(\d+) failed", text)
    return _counted(code, *counts)


def _journeys() -> tuple[int, int]:
    environment = {**os.environ, "PYTHONPATH": f"{paths.ROOT / 'infra/local'}:{paths.ROOT / 'tests'}"}
    code, text = _stream([paths.BIN / "python", "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "tests"], environment)
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return _counted(code, re.findall(r"(\d+) passed", last), re.findall(r"(\d+) (?:failed|error)", last))


def _counted(code: int, passed: list[str], failed: list[str]) -> tuple[int, int]:
    good, bad = sum(map(int, passed)), sum(map(int, failed))
    return good, bad or (1 if code else 0)


def _stream(argv: list, environment: dict | None = None) -> tuple[int, str]:
    """Runs a command, shows its output as it comes, and returns it."""
    lines = []
    with subprocess.Popen([str(a) for a in argv], cwd=Path(paths.ROOT), env=environment, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, "".join(lines)

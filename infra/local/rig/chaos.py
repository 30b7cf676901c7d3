"""Trouble on purpose: kills an invocation of a function."""

import os
import signal
from pathlib import Path

from .keeper import members


def processes(group: int, function: str) -> list[int]:
    """Lists the processes of a group that serve a deployed function."""
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
    return [pid for pid in members(group) if wanted in _environment(pid)]


def kill_one(group: int, function: str) -> int | None:
    """Kills one process of a function without warning; returns which, or None when there is none."""
    for pid in processes(group, function):
        try:
            os.kill(pid, signal.SIGKILL)
            return pid
        except ProcessLookupError:
            continue
    return None


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []

"""Keeps all servers in one process group, and ends the whole group when its owner ends, however that happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .problem import Problem

GRACE_SECONDS = 8


class Keeper:
    """Owns one process group; its leader is a small process that waits for the owner's end."""

    def __init__(self, logs: Path):
        self.logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._leader = subprocess.Popen(
            [sys.executable, "-m", "rig.keeper"],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[1],
            preexec_fn=lambda: os.setpgid(0, 0),
        )
        self.group = self._leader.pid
        self._children: dict[str, subprocess.Popen] = {}

    def start(self, name: str, argv: list, env: dict | None = None, cwd: Path | None = None, **options) -> subprocess.Popen:
        """Starts a server in the group; its output goes to `logs/NAME.log` unless `stdout` says otherwise."""
        log = (self.logs / f"{name}.log").open("ab")
        group = self.group
        child = subprocess.Popen(
            [str(a) for a in argv],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=options.get("stdout", log),
            stderr=log,
            preexec_fn=lambda: os.setpgid(0, group),
        )
        log.close()
        self._children[name] = child
        return child

    def check(self) -> None:
        """Raises when a server has ended by itself."""
        for name, child in self._children.items():
            if child.poll() is not None:
                tail = "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-5:])
                raise Problem(f"{name} ended with code {child.returncode}\n{tail}", f"see {self.logs / (name + '.log')}")

    def close(self) -> None:
        """Ends every process of the group and returns when none is left."""
        self._leader.stdin.close()
        deadline = time.monotonic() + GRACE_SECONDS + 5
        for child in [*self._children.values(), self._leader]:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def members(group: int) -> list[int]:
    """Lists the processes of a group that are still alive."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            alive.append(int(stat.parent.name))
    return alive


def _lead() -> None:
    """Waits for the owner's end, then ends the group: first kindly, then for good."""
    for kind in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(kind, signal.SIG_IGN)
    sys.stdin.buffer.read()
    group = os.getpid()
    os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and members(group) != [group]:
        time.sleep(0.05)
    for pid in members(group):
        if pid != group:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _lead()

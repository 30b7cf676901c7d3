"""The WorkMail stand-in: started, seeded and steered over its control API."""

import json
import select
import subprocess
import time
import urllib.request
from pathlib import Path

from .keeper import Keeper
from .problem import Problem

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
DOMAIN = "example.org"
ADMINISTRATOR, ADMINISTRATOR_PASSWORD = "migration-admin@example.org", "Migration-Admin-1"


class Standin:
    """A running stand-in. `url` serves EWS, the management API and the control API."""

    def __init__(self, keeper: Keeper, program: Path, run: Path, record: Path | None = None):
        self.data = run / "workmail"
        self.data.mkdir(parents=True, exist_ok=True)
        argv = [program, "--listen", "127.0.0.1:0", "--data", self.data]
        if record:
            record.mkdir(parents=True, exist_ok=True)
            argv += ["--record", record]
        server = keeper.start("workmail", argv, stdout=subprocess.PIPE)
        line = _first_line(server, 15)
        if not line.startswith("workmail ready "):
            raise Problem("the WorkMail stand-in does not start", f"see {keeper.logs / 'workmail.log'}")
        self.url = line.split()[-1]
        self.ews = f"{self.url}/EWS/Exchange.asmx"
        self.call("POST", "seed", {
            "organization": {"id": ORGANIZATION, "alias": "example", "domain": DOMAIN, "migration_admin": ADMINISTRATOR},
            "users": [{"email": ADMINISTRATOR, "password": ADMINISTRATOR_PASSWORD}],
        })

    def call(self, method: str, path: str, body=None):
        """Calls the control API, for instance `call("PUT", "knobs/all", {"latency_ms": 20})`."""
        data = json.dumps(body).encode() if body is not None else (b"" if method in ("POST", "PUT") else None)
        request = urllib.request.Request(f"{self.url}/_workmail/{path}", data=data, method=method, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def add(self, email: str, password: str, **fields) -> None:
        """Makes a mailbox."""
        self.call("POST", "seed", {"users": [{"email": email, "password": password, **fields}]})


def _first_line(server: subprocess.Popen, seconds: float) -> str:
    deadline, line = time.monotonic() + seconds, b""
    while time.monotonic() < deadline and not line.endswith(b"\n"):
        if select.select([server.stdout], [], [], 0.2)[0]:
            part = server.stdout.read1(1) if hasattr(server.stdout, "read1") else server.stdout.read(1)
            if not part:
                break
            line += part
    return line.decode(errors="replace")

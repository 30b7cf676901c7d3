"""Where things are in the tree."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCAL = ROOT / ".local"
RUN = LOCAL / "run"
TEMPLATE = ROOT / "template.yaml"
TARGET = Path(os.environ.get("MAILCRANE_BINARIES") or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug")
BIN = LOCAL / "venv" / "bin"


def socket_dir(run: Path) -> Path:
    """Makes a folder for Unix sockets and mail that other users can reach.

    Socket paths end at 108 bytes, and a server that gave up root cannot look below a private home.
    """
    folder = run / "imap"
    reachable = all(p.stat().st_mode & 0o005 == 0o005 for p in folder.parents if p.exists())
    if len(str(folder)) < 60 and (reachable or os.getuid() != 0):
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    short = Path(tempfile.mkdtemp(prefix="mailcrane-"))
    short.chmod(0o755)
    return short

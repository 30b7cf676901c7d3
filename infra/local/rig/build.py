"""Builds the workspace once, in the profile that the tests use too."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import paths
from .problem import Problem


def cargo() -> str:
    """Finds cargo."""
    found = shutil.which("cargo") or str(Path.home() / ".cargo/bin/cargo")
    if not os.access(found, os.X_OK):
        raise Problem("cargo (Rust) is missing", "install Rust with rustup, then run the command again")
    return found


def build(say=print) -> float:
    """Builds every target of the workspace; cargo's own progress goes to the terminal. Returns the seconds."""
    begun = time.monotonic()
    say("building (minutes the first time, seconds after)")
    done = subprocess.run([cargo(), "build", "--workspace", "--all-targets"],
                          cwd=paths.ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise Problem("the build failed", "see the compiler's messages above")
    return time.monotonic() - begun


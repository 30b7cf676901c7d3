#!/usr/bin/env bash
# Installs Debian's isync (mbsync), which the bench compares with.
set -euo pipefail
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq >/dev/null || true
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends isync >/dev/null ||
    { echo "isync could not be installed: the bench runs without mbsync" >&2; }

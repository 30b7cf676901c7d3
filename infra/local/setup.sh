#!/usr/bin/env bash
# Makes ready what the local stack needs: Python packages in .local/venv, an IMAP server, a look at the Rust tools.
# Quick when all is there. Says what to do when it cannot.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    printf '\n  Cannot go on: %s\n  Remedy:       %s\n\n' "$1" "$2" >&2
    exit 1
}

# Runs a command as root, or fails with the remedy.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        fail "\`$*\` needs root and there is no way to become root here" "run it as root once: $*"
    fi
}

# Installs a Debian package.
install() {
    command -v apt-get >/dev/null || fail "$1 is missing and this machine has no apt-get" "install $1 with the machine's own package manager"
    echo "  installing $1"
    mkdir -p .local
    as_root apt-get update -qq >.local/apt.log 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >>.local/apt.log 2>&1 ||
        { tail -5 .local/apt.log >&2; fail "apt-get could not install $1" "see .local/apt.log, then: apt-get install $1"; }
}

have() { command -v "$1" >/dev/null; }

have python3 || install python3
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed" "install a newer python3"
have cargo || { [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"; } ||
    fail "cargo (Rust) is missing" "install Rust with rustup, then run the command again"
have cc || install gcc
[ -x /usr/sbin/dovecot ] || have dovecot || install dovecot-imapd

stamp="$(cat infra/local/requirements.txt | cksum)"
if [ "$(cat .local/venv/stamp 2>/dev/null || true)" != "$stamp" ] || ! .local/venv/bin/python -c '' 2>/dev/null; then
    echo "  installing Python packages into .local/venv (once, about a minute)"
    mkdir -p .local
    if ! python3 -m venv .local/venv >.local/pip.log 2>&1; then
        install python3-venv
        rm -rf .local/venv
        python3 -m venv .local/venv >.local/pip.log 2>&1 || { tail -5 .local/pip.log >&2; fail "python3 -m venv failed" "see .local/pip.log"; }
    fi
    .local/venv/bin/python -m pip install --disable-pip-version-check --quiet -r infra/local/requirements.txt >>.local/pip.log 2>&1 ||
        { tail -5 .local/pip.log >&2; fail "pip could not install infra/local/requirements.txt" "see .local/pip.log, check the network, then run the command again"; }
    printf '%s' "$stamp" >.local/venv/stamp
fi
